"""APScheduler: a few jobs that only tick.

The jobs hold no state; the database says what is due, so any number of
processes and machines may tick.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from feedsvc.errors import StorageError

log = structlog.get_logger("feedsvc.scheduling")

LISTEN_AGAIN_SECONDS = 1


COUNT_SECONDS = 1.0


class Every(BaseTrigger):  # type: ignore[misc]
    """A tick some time after the last one.

    APScheduler's own interval counts on from the first tick: after the clock has
    leapt forward it walks through every tick that was skipped.
    """

    def __init__(self, seconds: float) -> None:
        self.interval = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """Called by APScheduler; both are aware, and ``previous`` None at first."""
        return now if previous is None else now + self.interval


class SteadyScheduler(BackgroundScheduler):  # type: ignore[misc]
    """A scheduler that goes on when the system clock is set back.

    APScheduler waits for an instant of the wall clock; set back by an hour, it
    would not tick for an hour.
    """

    def _process_jobs(self) -> float | None:
        now = datetime.now(UTC)
        for job in self.get_jobs():
            # Further away than a whole interval can only mean that.
            if job.next_run_time and job.next_run_time - now > job.trigger.interval:
                self.modify_job(job.id, next_run_time=now)
        wait_seconds: float | None = super()._process_jobs()
        return wait_seconds


def start(
    *,
    regenerate: Callable[[], object],
    regenerate_every_seconds: float,
    refresh: Callable[[], object],
    refresh_every_seconds: float,
    count: Callable[[], object] = lambda: None,
) -> BackgroundScheduler:
    """Begin to tick, in threads of this process.

    :param regenerate: publishes what is due and renders what is owed.
    :param refresh: takes over what other processes rendered.
    :param count: takes over what polls were counted, once a second.
    """
    # UTC: with a local zone APScheduler asks the host, and a clock change would
    # move the ticks. No grace time: a late tick is as good as one on time.
    scheduler = SteadyScheduler(
        timezone=UTC,
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    for name, work, seconds in (
        ("regenerate", regenerate, regenerate_every_seconds),
        ("refresh", refresh, refresh_every_seconds),
        ("count", count, COUNT_SECONDS),
    ):
        scheduler.add_job(_Tick(name, work), Every(seconds), id=name)
    scheduler.start()
    return scheduler


def listen(whom: str, notices: Callable[[], Iterable[None]], work: Callable[[], object]) -> None:
    """Do ``work`` whenever somebody says so, in a thread of this process.

    :param whom: what logs call it.
    :param notices: waits for each; fails where nobody is heard any more.
    """

    name = f"listen to {whom}"

    def heard() -> None:
        for _ in notices():
            work()

    def run() -> None:
        tick = _Tick(name, heard)
        while True:
            tick()
            time.sleep(LISTEN_AGAIN_SECONDS)

    threading.Thread(target=run, name=name, daemon=True).start()


class _Tick:
    """One kind of tick; what goes wrong is logged once until it goes well again."""

    def __init__(self, name: str, work: Callable[[], object]) -> None:
        self._name = name
        self._work = work
        self._fault = ""

    def __call__(self) -> None:
        try:
            self._work()
        except StorageError as error:
            self._report(str(error))
        except Exception as error:
            if self._report(repr(error)):
                log.exception("tick failed", tick=self._name)
        else:
            if self._fault:
                log.info("tick works again", tick=self._name)
            self._fault = ""

    def _report(self, fault: str) -> bool:
        is_new = fault != self._fault
        if is_new:
            log.warning("tick not done", tick=self._name, reason=fault)
        self._fault = fault
        return is_new
