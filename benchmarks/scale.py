"""Does what a publish, a start, a tick and a worker's memory cost depend on the archive?"""

from __future__ import annotations

import logging
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import uuid4

import structlog

from benchmarks import archive, publishing
from benchmarks.articles import CATEGORY, body
from benchmarks.servers import RunningServer, serving
from feedsvc import app
from feedsvc.config import load
from feedsvc.model import ID_PREFIX, Category, Format
from feedsvc.publishing import Action, Draft
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
    :param posted: sending the form until the article stands in the served feed.
    :param start: from the command until the first poll is answered.
    :param resident: of the worker after it has answered polls of two hundred feeds.
    :param refresh: a tick with nothing to do; there are five a second,
    :param regenerate: and one of these.
    """

    articles: int
    share: Sequence[float]
    posted: Sequence[float]
    start: float
    resident: float
    refresh: float
    regenerate: float


def measure(core: int) -> list[Figures]:
    """Both archives, one after the other, each made once and copied."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    return [_measure(articles, categories, core) for articles, categories in SIZES]


def _measure(articles: int, categories: int, core: int) -> Figures:
    with _copy(articles, categories) as folder:
        share, refresh, regenerate = _inside(folder)
    with _copy(articles, categories) as folder:
        begun = time.perf_counter()
        path = f"/feeds/{CATEGORY}.rss"
        with serving(folder, core, path) as server:
            start = (time.perf_counter() - begun) * 1000
            with publishing.signed_up(server) as browser:
                posted = [one.visible for one in publishing.measure(browser, path)]
            resident = _resident_megabytes(server)
    return Figures(articles, share, posted, start, resident, refresh, regenerate)


@contextmanager
def _copy(articles: int, categories: int) -> Iterator[Path]:
    """A copy of the archive of that size, which may be written to; made if there is none."""
    made = FOLDER / f"{articles}"
    if not (made / "done").exists():
        shutil.rmtree(made, ignore_errors=True)
        archive.make(made, articles, categories)
        (made / "done").touch()
    folder = FOLDER / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made, folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _inside(folder: Path) -> tuple[list[float], float, float]:
    """What the service does between the form and the feed, and its ticks, in this process."""
    config = archive.write_config(folder, 8000)
    worker = app.build(load(config, {}))
    with worker.storage.reading() as tx:
        category = tx.feeds.category(CATEGORY)
    for slug in (CATEGORY, "all"):
        for format in Format:
            worker.documents.find(f"/feeds/{slug}.{format}")
    chance = random.Random(19)  # noqa: S311 - nothing secret about it
    share = [_publish(worker, category, chance) for _ in range(WARM_UPS + PUBLISHES)]
    ticks = [_milliseconds(tick) for tick in (worker.refresh, worker.regenerate)]
    worker.storage.close()
    return share[WARM_UPS:], ticks[0], ticks[1]


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
