"""Greedy clients are told to wait; nobody else is, and memory stays bounded."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedsvc.web import allowance
from feedsvc.web.allowance import BURST, Allowance
from feedsvc.web.clients import subscriber

FEED = "/feeds/health.rss"


def test_a_burst_is_let_through_and_what_comes_after_is_told_when_to_come_back() -> None:
    given_out = Allowance(60)
    assert [given_out.take("192.0.2.1", FEED, 1000.0) for _ in range(BURST)] == [0] * BURST
    assert given_out.take("192.0.2.1", FEED, 1000.0) == 60
    assert given_out.take("192.0.2.1", FEED, 1030.0) == 30
    # Refusals cost nothing: after the time that was named it is served.
    assert given_out.take("192.0.2.1", FEED, 1060.0) == 0
    assert given_out.take("192.0.2.1", FEED, 1060.0) == 60


def test_each_client_and_each_feed_is_counted_for_itself() -> None:
    given_out = Allowance(60)
    for _ in range(BURST):
        given_out.take("192.0.2.1", FEED, 0.0)
    assert given_out.take("192.0.2.1", FEED, 0.0)
    assert not given_out.take("192.0.2.2", FEED, 0.0)
    assert not given_out.take("192.0.2.1", "/feeds/all.atom", 0.0)


def test_nobody_is_counted_where_it_is_switched_off() -> None:
    given_out = Allowance(0)
    assert not any(given_out.take("192.0.2.1", FEED, 0.0) for _ in range(1000))


def test_one_customers_addresses_are_one_client() -> None:
    assert subscriber("2001:db8::1") == subscriber("2001:db8::ffff:2")
    assert subscriber("2001:db8::1") != subscriber("2001:db8:0:1::1")
    assert subscriber("::ffff:192.0.2.1") == subscriber("192.0.2.1")
    assert len(subscriber("x" * 500)) == 45


def test_memory_stays_bounded_however_many_clients_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(allowance, "MOST_REMEMBERED", 100)
    given_out = Allowance(60)
    for number in range(1000):
        given_out.take(f"host-{number}", FEED, float(number) / 1000)
    assert len(given_out._owed) + len(given_out._earlier) <= 200


@settings(derandomize=True, deadline=None)
@given(
    st.integers(1, 3600),
    st.lists(st.floats(0, 10_000, allow_nan=False), min_size=1, max_size=80),
)
def test_never_more_than_a_burst_and_what_the_hours_pay_off(
    an_hour: int, gaps: list[float]
) -> None:
    given_out = Allowance(an_hour)
    begun = now = 50_000.0
    taken = 0
    for gap in gaps:
        now += gap
        wait = given_out.take("192.0.2.1", FEED, now)
        taken += not wait
        assert taken <= BURST + (now - begun) * an_hour / 3600 + 1e-6
        if wait:
            now += wait
            assert given_out.take("192.0.2.1", FEED, now) == 0
            taken += 1
