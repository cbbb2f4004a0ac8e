"""From an article's due instant to the moment at which every worker serves it."""

from __future__ import annotations

import http.client
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from benchmarks.articles import CATEGORY, body
from benchmarks.servers import HOST, BenchmarkFault, RunningServer, feedsvc
from feedsvc.model import ID_PREFIX, Entry, State
from feedsvc.storage import Storage

WAITING = 10_000
DUE = 50
WORKERS = 3
# A connection stays with its worker; of so many hardly a worker is left out.
CONNECTIONS = 16
LONGEST_WAIT_SECONDS = 10


def measure(folder: Path, core: int) -> list[float]:
    """Milliseconds from due to visible on every connection, for each of fifty articles."""
    folder.mkdir()
    with feedsvc(folder, core, [], workers=WORKERS) as server:
        first = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=20)
        _fill(folder, first)
        if datetime.now(UTC) > first - timedelta(seconds=2):
            raise BenchmarkFault("filling the database took longer than planned for")
        connections = [
            http.client.HTTPConnection(HOST, server.port, timeout=20) for _ in range(CONNECTIONS)
        ]
        try:
            return [
                _lateness(server, connections, number, first + timedelta(seconds=2 * number))
                for number in range(DUE)
            ]
        finally:
            for connection in connections:
                connection.close()


def _fill(folder: Path, first: datetime) -> None:
    """Fifty articles due one after another, and thousands that wait for next year."""
    chance = random.Random(13)  # noqa: S311 - nothing secret about it
    storage = Storage(f"sqlite:///{folder}/feedsvc.db")
    with storage.reading() as tx:
        category = tx.feeds.category(CATEGORY)
    for begin in range(0, WAITING + DUE, 1000):
        with storage.writing() as tx:
            for number in range(begin, min(begin + 1000, WAITING + DUE)):
                due = (
                    first + timedelta(seconds=2 * number)
                    if number < DUE
                    else first + timedelta(days=365, minutes=number)
                )
                entry = Entry(
                    id=f"{ID_PREFIX}{uuid4()}",
                    slug=f"due-{number}",
                    title=f"Due number {number:05}",
                    author="",
                    summary="",
                    body=body(chance),
                    categories=(category,),
                    state=State.SCHEDULED,
                    published=due,
                    updated=due,
                    visible_at=due,
                    changed_at=datetime.now(UTC).replace(microsecond=0),
                )
                tx.entries.add(entry)
                places = tx.feeds.touched_by(entry)
                tx.feeds.place(entry, dict.fromkeys(places, due), due)
            tx.feeds.announce_all(datetime.now(UTC).replace(microsecond=0))
    storage.close()


def _lateness(
    server: RunningServer,
    connections: list[http.client.HTTPConnection],
    number: int,
    due: datetime,
) -> float:
    wanted = f"Due number {number:05}".encode()
    path = f"/feeds/{CATEGORY}.rss"
    early = (due - datetime.now(UTC)).total_seconds() - 0.02
    if early > 0:
        time.sleep(early)
    if datetime.now(UTC) < due and wanted in _get(connections[0], path):
        raise BenchmarkFault(f"{wanted!r} was served before its time by {server.name}")
    waiting = list(connections)
    while waiting:
        waiting = [one for one in waiting if wanted not in _get(one, path)]
        late = (datetime.now(UTC) - due).total_seconds()
        if late > LONGEST_WAIT_SECONDS:
            raise BenchmarkFault(f"{wanted!r} was not served in time")
        time.sleep(0.005)
    return late * 1000


def _get(connection: http.client.HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    return connection.getresponse().read()
