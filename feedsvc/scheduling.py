"""APScheduler: a few jobs that only tick.

The jobs hold no state; the database says what is due, so any number of
processes and machines may tick.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from feedsvc.errors import StorageError

log = structlog.get_logger("feedsvc.scheduling")


def start(
    *,
    regenerate: Callable[[], object],
    regenerate_every_seconds: float,
    refresh: Callable[[], object],
    refresh_every_seconds: float,
) -> BackgroundScheduler:
    """Begin to tick, in threads of this process.

    :param regenerate: publishes what is due and renders what is owed.
    :param refresh: takes over what other processes rendered.
    """
    # UTC: with a local zone APScheduler asks the host, and a clock change would
    # move the ticks. No grace time: a late tick is as good as one on time.
    scheduler = BackgroundScheduler(
        timezone=UTC,
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    for name, work, seconds in (
        ("regenerate", regenerate, regenerate_every_seconds),
        ("refresh", refresh, refresh_every_seconds),
    ):
        scheduler.add_job(_Tick(name, work), "interval", seconds=seconds, id=name)
    scheduler.start()
    return scheduler


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
