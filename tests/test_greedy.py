"""Over HTTP: whole documents again and again, what is new to a reader, and the numbers."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from feedsvc.web.allowance import BURST
from tests.conftest import utc
from tests.service import Service

FEED = "/feeds/health.atom"
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(params=["protocol", "wsgi"])
def counting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A service by either front that counts whole documents, behind a proxy."""
    environment = {
        "FEEDSVC_SERVER_FRONT": request.param,
        "FEEDSVC_SERVER_FULL_POLLS_PER_HOUR": "60",
        "FEEDSVC_SERVER_TRUSTED_PROXIES": "127.0.0.1",
    }
    url = f"sqlite:///{tmp_path}/feedsvc.db"
    with Service(tmp_path, url, environment=environment) as service:
        service.set_clock(utc(2026, 1, 21, 18, 30))
        service.start()
        service.sign_up()
        yield service


def test_who_takes_a_feed_in_full_far_too_often_is_told_when_to_come_back(
    counting: Service,
) -> None:
    greedy = {"X_Forwarded_For": "192.0.2.1"}
    for _ in range(BURST):
        assert counting.get(FEED, **greedy).status == 200
    refused = counting.get(FEED, **greedy)
    assert refused.status == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["cache-control"] == "no-store"
    assert "If-None-Match" in refused.text
    # Nobody else, no other feed, no HEAD, and no poll that brings nothing.
    assert counting.get(FEED, X_Forwarded_For="192.0.2.2").status == 200
    assert counting.get("/feeds/all.atom", **greedy).status == 200
    head = counting.request("HEAD", FEED, **greedy)
    assert head.status == 200
    for _ in range(3):
        assert counting.get(FEED, If_None_Match=head.headers["etag"], **greedy).status == 304


def test_a_proxy_that_was_not_named_does_not_make_its_readers_one(tmp_path: Path) -> None:
    environment = {"FEEDSVC_SERVER_FULL_POLLS_PER_HOUR": "60"}
    with Service(tmp_path, f"sqlite:///{tmp_path}/f.db", environment=environment) as service:
        service.start()
        for number in range(BURST + 5):
            asked = service.get(FEED, X_Forwarded_For=f"192.0.2.{number}")
            assert asked.status == 200
        assert service.log.read_text().count("is not named in trusted_proxies") == 1
        # Nor does who only says so go uncounted.
        for _ in range(20 * BURST - BURST - 5):
            last = service.get(FEED, X_Forwarded_For="1").status
        assert last == 200
        assert service.get(FEED, X_Forwarded_For=f"192.0.2.{number % 256}").status == 429
        assert service.get(FEED).status == 429


def test_a_client_on_a_proxys_own_machine_is_counted_as_itself(tmp_path: Path) -> None:
    environment = {
        "FEEDSVC_SERVER_FULL_POLLS_PER_HOUR": "60",
        "FEEDSVC_SERVER_TRUSTED_PROXIES": "127.0.0.1",
    }
    with Service(tmp_path, f"sqlite:///{tmp_path}/f.db", environment=environment) as service:
        service.start()
        asked = [service.get(FEED, X_Forwarded_For="127.0.0.1").status for _ in range(BURST + 1)]
        assert asked == [200] * BURST + [429]
        assert "trusted_proxies" not in service.log.read_text()


def titles(body: bytes) -> list[str]:
    root = ElementTree.fromstring(body)  # noqa: S314
    return [one.findtext(f"{ATOM}title", "") for one in root.iter(f"{ATOM}entry")]


def test_a_reader_that_asks_for_a_delta_gets_only_what_is_new_to_it(counting: Service) -> None:
    path = counting.write(title="First", body="Words. " * 200)
    counting.write(title="Second", body="Words. " * 200)
    before = counting.get(FEED)
    counting.set_clock(utc(2026, 1, 21, 18, 31))
    counting.write(title="Third", body="Words. " * 200)
    asked = {"If_None_Match": before.headers["etag"], "A_IM": "feed"}
    answer = counting.get(FEED, **asked)
    whole = counting.get(FEED)
    assert answer.status == 226
    assert titles(answer.body) == ["Third"]
    assert answer.headers["im"] == "feed"
    assert answer.headers["etag"] == whole.headers["etag"]
    assert answer.headers["cache-control"] == "no-store, im"
    assert int(answer.headers["content-length"]) == len(answer.body) < len(whole.body)
    head = counting.request("HEAD", FEED, **asked)
    assert (head.status, head.body) == (226, b"")
    packed = counting.get(FEED, Accept_Encoding="gzip", **asked)
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == answer.body
    # The feed's stamp lies a moment ahead of its change.
    counting.set_clock(utc(2026, 1, 21, 18, 30, 30))
    early = counting.get(FEED, **asked)
    assert (early.status, early.headers.get("last-modified")) == (226, None)
    counting.set_clock(utc(2026, 1, 21, 18, 31))
    # Who has it all gets 304; who has something unknown, or asks otherwise, all of it.
    current = {"If_None_Match": whole.headers["etag"], "A_IM": "feed"}
    assert counting.get(FEED, **current).status == 304
    assert counting.get(FEED, If_None_Match='"unknown"', A_IM="feed").status == 200
    for other in ("vcdiff", "feed;q=0", ""):
        assert counting.get(FEED, **(asked | {"A_IM": other})).status == 200
    assert counting.get(FEED, If_None_Match=before.headers["etag"]).status == 200
    # A correction is new, too, and what came before it is still known.
    counting.set_clock(utc(2026, 1, 21, 18, 32))
    counting.edit(path, body="Corrected.")
    assert titles(counting.get(FEED, **asked).body) == ["Third", "First"]


def test_deltas_can_be_switched_off(tmp_path: Path) -> None:
    environment = {"FEEDSVC_FEEDS_DELTAS": "false"}
    with Service(tmp_path, f"sqlite:///{tmp_path}/f.db", environment=environment) as service:
        service.start()
        service.sign_up()
        service.write(title="First", body="Words. " * 200)
        etag = service.get(FEED).headers["etag"]
        service.write(title="Second")
        assert service.get(FEED, If_None_Match=etag, A_IM="feed").status == 200


def test_the_numbers_of_all_workers_are_told_to_whom_they_concern(tmp_path: Path) -> None:
    environment = {"FEEDSVC_SERVER_TRUSTED_PROXIES": "127.0.0.1"}
    url = f"sqlite:///{tmp_path}/f.db"
    arguments = ("--workers", "2")
    with Service(tmp_path, url, environment=environment, arguments=arguments) as service:
        service.start()
        service.sign_up()
        service.write(title="First")
        etag = service.get(FEED).headers["etag"]
        for _ in range(20):
            assert service.get(FEED, If_None_Match=etag).status == 304
        deadline = time.monotonic() + 5
        wanted = 'feedsvc_polls_total{feed="health",format="atom",status="304"} 20.0'
        while wanted not in (found := service.get("/metrics").text):
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        assert 'feedsvc_polls_total{feed="health",format="atom",status="200"} 1.0' in found
        assert 'feedsvc_poll_bytes_total{feed="health",format="atom"}' in found
        assert "feedsvc_render_seconds_count" in found
        assert "feedsvc_held_bytes" in found
        assert "feedsvc_oldest_change_seconds 0.000" in found
        assert service.get("/metrics", X_Forwarded_For="192.0.2.1").status == 404


@pytest.mark.parametrize("front", ["protocol", "wsgi"])
def test_an_access_log_has_polls_and_pages_and_no_secret(tmp_path: Path, front: str) -> None:
    target = tmp_path / "access.log"
    environment = {
        "FEEDSVC_SERVER_ACCESS_LOG": str(target),
        "FEEDSVC_SERVER_TRUSTED_PROXIES": "127.0.0.1",
        "FEEDSVC_SERVER_FRONT": front,
    }
    with Service(tmp_path, f"sqlite:///{tmp_path}/f.db", environment=environment) as service:
        service.set_clock(utc(2026, 1, 21, 18, 30))
        service.start()
        service.sign_up()
        poll = service.get(FEED, X_Forwarded_For="192.0.2.1")
        service.get(FEED, If_None_Match=poll.headers["etag"])
        service.get('/articles/"quoted"%0aline')
        deadline = time.monotonic() + 5
        while "quoted" not in (written := target.read_text() if target.exists() else ""):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    size = len(poll.body)
    stamp = "[21/Jan/2026:18:30:00 +0000]"
    assert f'192.0.2.1 - - {stamp} "GET {FEED} HTTP/1.1" 200 {size}\n' in written
    assert f'127.0.0.1 - - {stamp} "GET {FEED} HTTP/1.1" 304 0\n' in written
    assert '"GET /articles/%22quoted%22\\nline HTTP/1.1" 404' in written
    assert '"POST /editor/welcome/<token> HTTP/1.1" 303' in written
