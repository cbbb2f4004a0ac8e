"""Metrics in Prometheus's text format, of all workers together.

Each worker keeps its numbers in a file that the library maps into memory
(PROMETHEUS_MULTIPROC_DIR, set before the first worker starts); whichever is asked adds
them up. A worker that is replaced leaves its counts behind.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from feedsvc.model import Format
from feedsvc.web.tally import Tally

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# Of more feeds the polls are counted together: each is a line in every answer.
MOST_FEEDS = 1000
OTHER_FEEDS = "other"
_PATH = re.compile(rf"/feeds/(.+)\.({'|'.join(Format)})")
_RENDER_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5)


@contextmanager
def shared_folder() -> Iterator[None]:
    """Where the workers that are started meanwhile keep their numbers."""
    with TemporaryDirectory(prefix="feedsvc-metrics-") as folder:
        os.environ[FOLDER_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER_VARIABLE]


def forget_process(pid: int) -> None:
    """Take a worker that has ended out of what only living ones have."""
    folder = os.environ.get(FOLDER_VARIABLE)
    # As the library does it, which the supervisor need not load for that.
    for file in Path(folder).glob(f"gauge_live*_{pid}.db") if folder else ():
        file.unlink(missing_ok=True)


class Metrics:
    """The numbers of one worker, and the answer for all of them."""

    def __init__(self) -> None:
        # Not above: the library looks for the folder once, when it is imported, and the
        # first process imports this before there is one.
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._registry = CollectorRegistry()
        self._polls = Counter(
            "feedsvc_polls",
            "Polls answered, by feed and status.",
            ("feed", "format", "status"),
            registry=self._registry,
        )
        self._bytes = Counter(
            "feedsvc_poll_bytes",
            "Bytes of the documents sent, without heads.",
            ("feed", "format"),
            registry=self._registry,
        )
        self._rendering = Histogram(
            "feedsvc_render_seconds",
            "What it took to render and store a feed that had changed.",
            buckets=_RENDER_BUCKETS,
            registry=self._registry,
        )
        self._held = Gauge(
            "feedsvc_held_bytes",
            "Documents held in memory.",
            multiprocess_mode="livesum",
            registry=self._registry,
        )
        self._feeds: set[str] = set()

    def rendered(self, seconds: float) -> None:
        """Note that a feed was rendered and stored."""
        self._rendering.observe(seconds)

    def take_over(self, tally: Tally, held_bytes: int) -> None:
        """Add what was counted since the last time."""
        polls, sizes = tally.take()
        for (path, status), number in polls.items():
            self._polls.labels(*self._feed(path), status).inc(number)
        for path, size in sizes.items():
            self._bytes.labels(*self._feed(path)).inc(size)
        self._held.set(held_bytes)

    def _feed(self, path: str) -> tuple[str, str]:
        found = _PATH.fullmatch(path.encode("latin-1").decode("utf-8", "replace"))
        if found is None:
            return OTHER_FEEDS, ""
        feed, format = found.groups()
        if feed not in self._feeds:
            if len(self._feeds) >= MOST_FEEDS:
                return OTHER_FEEDS, format
            self._feeds.add(feed)
        return feed, format

    def text(self, oldest_change: datetime | None, now: datetime) -> bytes:
        """Everything, of all workers.

        :param oldest_change: when the change was made that has waited longest.
        """
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        together = self._registry
        if os.environ.get(FOLDER_VARIABLE):
            together = CollectorRegistry()
            MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        waited = max(0.0, (now - oldest_change).total_seconds()) if oldest_change else 0.0
        # A number of the database, the same in every worker: of no worker's file.
        lines = (
            "# HELP feedsvc_oldest_change_seconds How long a change has waited, at most.\n"
            "# TYPE feedsvc_oldest_change_seconds gauge\n"
            f"feedsvc_oldest_change_seconds {waited:.3f}\n"
        )
        return generate_latest(together) + lines.encode()
