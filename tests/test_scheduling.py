"""Ticks go on, whatever the system clock does."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from apscheduler.schedulers import base

from feedsvc import scheduling
from feedsvc.errors import StorageBusy


class MovedClock(datetime):
    """``datetime`` whose ``now`` is off by as much as was set."""

    offset = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(UTC) + cls.offset


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[MovedClock]:
    monkeypatch.setattr(base, "datetime", MovedClock)
    monkeypatch.setattr(scheduling, "datetime", MovedClock)
    monkeypatch.setattr(MovedClock, "offset", timedelta())
    return MovedClock


class Counter:
    def __init__(self) -> None:
        self.count = 0
        self._more = threading.Condition()

    def __call__(self) -> None:
        with self._more:
            self.count += 1
            self._more.notify_all()

    def grows_within(self, seconds: float) -> bool:
        """Whether three more come in that time."""
        with self._more:
            wanted = self.count + 3
            return self._more.wait_for(lambda: self.count >= wanted, seconds)


@pytest.mark.parametrize("hours", [-1, 1, -24 * 400, 24 * 400])
def test_ticks_go_on_when_the_clock_is_moved(clock: type[MovedClock], hours: int) -> None:
    regenerate, refresh = Counter(), Counter()
    scheduler = scheduling.start(
        regenerate=regenerate,
        regenerate_every_seconds=0.1,
        refresh=refresh,
        refresh_every_seconds=0.05,
    )
    try:
        assert regenerate.grows_within(5)
        clock.offset = timedelta(hours=hours)
        assert regenerate.grows_within(5)
        assert refresh.grows_within(5)
        before = refresh.count
        time.sleep(0.5)
        # Ten more are its pace; a leap must not be made up for tick by tick.
        assert refresh.count - before <= 15
    finally:
        scheduler.shutdown()


def test_a_tick_that_fails_is_told_once_and_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes: list[Exception | None] = [StorageBusy("held"), StorageBusy("held"), None]

    def work() -> None:
        outcome = outcomes.pop(0) if outcomes else None
        if outcome:
            raise outcome

    tick = scheduling._Tick("regenerate", work)
    for _ in range(4):
        tick()
    printed = capsys.readouterr().out
    assert printed.count("tick not done") == 1
    assert printed.count("tick works again") == 1
