"""A long rebuild: one child process at a time, on whichever machine, so that no poll waits.

In a thread of a worker it would take the interpreter from the polls, again and again.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from feedsvc.publishing import Publisher
from feedsvc.storage import Storage
from feedsvc.timestamps import utc_now

log = structlog.get_logger("feedsvc.backlog")

# So many feeds are rendered where the need is noticed.
FEW_FEEDS = 20
# Behind every other process of the machine.
NICENESS = 10
# Who drains says so this often; silent for so long it is taken for dead.
RENEW_SECONDS = 5.0
LEASE = timedelta(seconds=30)
# After each feed it leaves the database to others, for at least as long, so that an
# editor's save finds it free.
SHORTEST_PAUSE_SECONDS = 0.005


class Backlog:
    """What is owed and too much for a worker.

    :param command: renders it, as a child of this process.
    """

    def __init__(self, storage: Storage, command: Sequence[str]) -> None:
        self._storage = storage
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None

    def drain(self) -> None:
        """Have it rendered, unless that is under way, here or elsewhere."""
        if self._child is not None and self._child.poll() is None:
            return
        if _claim(self._storage):
            self._child = subprocess.Popen(self._command)  # noqa: S603 - ours
            log.info("rebuild begun", pid=self._child.pid)


def _claim(storage: Storage) -> bool:
    # By the system's clock, whatever the service's shows: this is between processes.
    now = utc_now().replace(microsecond=0)
    with storage.writing() as tx:
        return tx.settings.claim("backlog", now, now + LEASE)


def drain(publisher: Publisher, clock: Callable[[], datetime]) -> int:
    """Render what is owed, in the process that ``Backlog`` started; how many feeds changed."""
    os.nice(NICENESS)
    pace = _Pace(publisher.storage)
    try:
        return publisher.regenerate_owed(clock(), go_on=pace)
    finally:
        # Where feeds are left that cannot be rendered, the next try is not at once.
        if not publisher.owes_more_than(FEW_FEEDS):
            with publisher.storage.writing() as tx:
                tx.settings.put("backlog", "")
        log.info("rebuild ended", feeds=pace.count)


class _Pace:
    """Called before each feed: waits a little; whether to go on."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._parent = os.getppid()
        self._ended_at = self._renewed_at = time.monotonic()
        self.count = 0

    def __call__(self) -> bool:
        taken = time.monotonic() - self._ended_at
        time.sleep(max(SHORTEST_PAUSE_SECONDS, min(taken, 1)))
        self._ended_at = time.monotonic()
        if self._ended_at - self._renewed_at > RENEW_SECONDS:
            self._renewed_at = self._ended_at
            until = utc_now().replace(microsecond=0) + LEASE
            with self._storage.writing() as tx:
                tx.settings.put("backlog", until.isoformat())
        self.count += 1
        # With the worker that started it the service has ended.
        return os.getppid() == self._parent
