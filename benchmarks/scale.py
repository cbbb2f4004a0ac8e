"""Does what a publish, a start, a tick and a worker's memory cost depend on the archive?"""

from __future__ import annotations

import logging
import os
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import uuid4

import structlog

from benchmarks import archive, publishing
from benchmarks.articles import CATEGORY, body
from benchmarks.servers import RunningServer, serving, write_config
from feedsvc import app
from feedsvc.config import load
from feedsvc.model import ID_PREFIX, Category, Format
from feedsvc.publishing import Action, Draft
from feedsvc.storage.storage import MIGRATIONS
from feedsvc.timestamps import utc_now

# Articles and categories.
SIZES = ((1_000, 10), (1_000_000, 10_000))
FOLDER = Path(__file__).parents[1] / "build" / "archives"
WARM_UPS = 5
PUBLISHES = 20
TICKS = 200
# Of the popular feeds, in both formats: what a worker of some age holds.
ROUNDS_OF_POLLS = 2


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one archive: milliseconds, and megabytes.

    :param share: commit, render, compress, take over; without HTTP and the form.
    :param refresh: a tick with nothing to do; there are five a second,
    :param regenerate: and one of these.
    :param posted: sending the form until the article stands in the served feed.
    :param start: from the command until the first poll is answered.
    :param resident: of the worker after it has answered polls of two hundred feeds.
    """

    articles: int
    share: Sequence[float]
    refresh: float
    regenerate: float
    posted: Sequence[float]
    start: float
    resident: float


def measure(core: int) -> list[Figures]:
    """Both archives, in turns, so that whatever else the machine does meets both alike."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with ExitStack() as stack:
        folders = [stack.enter_context(_copy(*size)) for size in SIZES]
        inside = _inside(folders)
    with ExitStack() as stack:
        folders = [stack.enter_context(_copy(*size)) for size in SIZES]
        outside = _outside(folders, core, stack)
    return [
        Figures(articles, *one, *other)
        for (articles, _), one, other in zip(SIZES, inside, outside, strict=True)
    ]


def _outside(
    folders: Sequence[Path], core: int, stack: ExitStack
) -> list[tuple[list[float], float, float]]:
    """What an editor, an operator and the machine see: by HTTP, one server an archive."""
    path = f"/feeds/{CATEGORY}.rss"
    servers, starts, browsers = [], [], []
    for folder in folders:
        begun = time.perf_counter()
        servers.append(stack.enter_context(serving(folder, core, path)))
        starts.append((time.perf_counter() - begun) * 1000)
        browsers.append(stack.enter_context(publishing.signed_up(servers[-1])))
    chance = random.Random(23)  # noqa: S311 - nothing secret about it
    posted: list[list[float]] = [[] for _ in folders]
    for number in range(WARM_UPS + PUBLISHES):
        for browser, found in zip(browsers, posted, strict=True):
            title = f"Published number {number:03}"
            found.append(publishing.publish(browser, path, title, body(chance)).visible)
    resident = [_resident_megabytes(server) for server in servers]
    return list(zip([one[WARM_UPS:] for one in posted], starts, resident, strict=True))


@contextmanager
def _copy(articles: int, categories: int) -> Iterator[Path]:
    """A copy of the archive of that size, which may be written to; made if there is none."""
    # One of an older schema is of no use, and to bring it up to date takes as long.
    schema = max(path.name[:4] for path in (MIGRATIONS / "versions").glob("0*.py"))
    made = FOLDER / f"{articles}-{schema}"
    if not (made / "done").exists():
        shutil.rmtree(made, ignore_errors=True)
        archive.make(made, articles, categories)
        (made / "done").touch()
    folder = FOLDER / f"copy-{articles}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made, folder)
    os.sync()  # two gigabytes on their way to the disk would stand in the way of what follows
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _inside(folders: Sequence[Path]) -> list[tuple[list[float], float, float]]:
    """What the service does between the form and the feed, and its ticks, in this process."""
    workers, categories = [], []
    for folder in folders:
        worker = app.build(load(write_config(folder, 8000), {}))
        with worker.storage.reading() as tx:
            categories.append(tx.feeds.category(CATEGORY))
        for slug in (CATEGORY, "all"):
            for format in Format:
                worker.documents.find(f"/feeds/{slug}.{format}")
        workers.append(worker)
    chance = random.Random(19)  # noqa: S311 - nothing secret about it
    share: list[list[float]] = [[] for _ in folders]
    for _ in range(WARM_UPS + PUBLISHES):
        for worker, category, found in zip(workers, categories, share, strict=True):
            found.append(_publish(worker, category, chance))
    ticks = [(_milliseconds(one.refresh), _milliseconds(one.regenerate)) for one in workers]
    for worker in workers:
        worker.storage.close()
    return [(one[WARM_UPS:], *two) for one, two in zip(share, ticks, strict=True)]


def _publish(worker: app.Worker, category: Category, chance: random.Random) -> float:
    title = f"Published {chance.random()}"
    draft = Draft(title=title, categories=(category,), body=body(chance))
    begun = time.perf_counter()
    worker.publisher.save_entry(
        draft, Action.PUBLISH, utc_now(), id=f"{ID_PREFIX}{uuid4()}", expected_revision=0
    )
    worker.documents.refresh()
    taken = time.perf_counter() - begun
    held = worker.documents.find(f"/feeds/{CATEGORY}.rss")
    assert held is not None
    assert title.encode() in held.bodies["identity"]
    return taken * 1000


def _milliseconds(tick: object) -> float:
    assert callable(tick)
    times = []
    for _ in range(TICKS):
        begun = time.perf_counter()
        tick()
        times.append((time.perf_counter() - begun) * 1000)
    return median(times)


def _resident_megabytes(server: RunningServer) -> float:
    """Of the largest process of the service, once it has answered many different polls."""
    for _ in range(ROUNDS_OF_POLLS):
        for number in range(archive.POPULAR):
            for format in Format:
                server.get(f"/feeds/category-{number:05}.{format}", {})
    found = []
    pids = [server.session]
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            pids += map(int, (task / "children").read_text().split())
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        found.append(pages * 4096 / 1e6)
    return max(found)


def show(figures: Sequence[Figures]) -> None:
    """One table, the archives side by side."""
    print("\nDoes it depend on the archive?\n")
    heads = [f"{one.articles:,} articles" for one in figures]
    print(f"{'':<46}" + "".join(f"{head:>20}" for head in heads) + f"{'ratio':>8}")
    for name, values in (
        ("publish, the service's own share, median ms", [median(one.share) for one in figures]),
        ("publish, form to visible, median ms", [median(one.posted) for one in figures]),
        ("publish, form to visible, worst ms", [max(one.posted) for one in figures]),
        ("start to first poll, ms", [one.start for one in figures]),
        ("resident memory of a worker, MB", [one.resident for one in figures]),
        ("idle tick, five a second, ms", [one.refresh for one in figures]),
        ("idle tick of what was left over, ms", [one.regenerate for one in figures]),
    ):
        cells = "".join(f"{value:>20.2f}" for value in values)
        print(f"{name:<46}{cells}{values[-1] / values[0]:>8.2f}")
