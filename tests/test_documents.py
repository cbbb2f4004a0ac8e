"""Documents are held while they are asked for, fetched once, and never go back."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from feedsvc.errors import StorageError, StorageUnreachable
from feedsvc.model import Category, Entry, Format, StoredDocument
from feedsvc.publishing import Action, Draft, Publisher
from feedsvc.storage import Storage
from feedsvc.storage.served import ServedRows
from feedsvc.web import Documents
from feedsvc.web.documents import Held
from tests.conftest import utc

NOW = utc(2026, 1, 22, 9)
ROOMY = 10_000_000
ID = "urn:uuid:00000000-0000-4000-8000-00000000"


@pytest.fixture
def categories(publisher: Publisher) -> list[Category]:
    found = [publisher.ensure_category(f"Number {number}", NOW) for number in range(12)]
    publisher.regenerate_due(NOW)
    return found


def publish(publisher: Publisher, category: Category, number: int, **changes: object) -> Entry:
    draft = Draft(title=f"Title {number}", categories=(category,), body="A text. " * 200)
    return publisher.save_entry(
        draft, Action.PUBLISH, NOW, id=f"{ID}{number:04d}", expected_revision=0
    )


def opened(storage: Storage, most_bytes: int = ROOMY) -> Documents:
    documents = Documents(storage, most_bytes)
    documents.refresh()
    return documents


def found(documents: Documents, path: str) -> Held:
    held = documents.find(path)
    assert held is not None
    return held


def paths_of(categories: list[Category]) -> list[str]:
    return [f"/feeds/{one.slug}.{format}" for one in categories for format in Format]


class Gate:
    """Makes fetches wait, and counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.begun = threading.Event()
        self.open = threading.Event()
        self.fault: StorageError | None = None
        fetch = ServedRows.by_slug

        def gated(rows: ServedRows, *asked: Any) -> StoredDocument | None:
            self.count += 1
            before = fetch(rows, *asked)
            self.begun.set()
            assert self.open.wait(10)
            if self.fault:
                raise self.fault
            return before

        monkeypatch.setattr(ServedRows, "by_slug", gated)


@contextmanager
def in_thread(work: Callable[[], object]) -> Iterator[list[object]]:
    """``work`` in a thread, which has ended when the block has; what it returned."""
    returned: list[object] = []
    thread = threading.Thread(target=lambda: returned.append(work()))
    thread.start()
    yield returned
    thread.join(10)


def test_nothing_is_read_before_it_is_asked_for(
    storage: Storage, categories: list[Category]
) -> None:
    documents = opened(storage)
    assert dict(documents.held) == {}
    held = found(documents, "/feeds/number-3.atom")
    assert documents.held == {"/feeds/number-3.atom": held}
    assert b"Number 3" in held.bodies["identity"]


@pytest.mark.parametrize(
    "path",
    [
        "/feeds/none.rss",
        "/feeds/number-3.xml",
        "/feeds/number-3",
        "/feeds/",
        "/feeds/a/number-3.rss",
        "/feeds/number-3.rss\n",
        "/feeds/\x00.rss",
        "/feeds/\xff.rss",
        f"/feeds/{'a' * 2000}.rss",
        "/",
        "",
    ],
)
def test_a_path_without_a_feed_is_not_remembered(
    storage: Storage, categories: list[Category], path: str
) -> None:
    documents = opened(storage)
    assert documents.find(path) is None
    assert dict(documents.held) == {}
    assert documents._flights == {}


def test_an_address_in_any_script_is_found(storage: Storage, publisher: Publisher) -> None:
    publisher.ensure_category("Наука", NOW)
    publisher.regenerate_due(NOW)
    path_info = "/feeds/наука.rss".encode().decode("latin-1")
    assert "Наука".encode() in found(opened(storage), path_info).bodies["identity"]


def test_memory_is_bounded_and_every_feed_is_answered(
    storage: Storage, publisher: Publisher, categories: list[Category]
) -> None:
    for number, category in enumerate(categories):
        publish(publisher, category, number)
    size = found(opened(storage), "/feeds/number-0.rss").size_bytes
    documents = opened(storage, size * 6)
    for _ in range(3):
        for path in paths_of(categories):
            assert found(documents, path).size_bytes > 0
            assert documents.size_bytes <= size * 6
    assert 0 < len(documents.held) < 6
    assert len(documents._memory.feeds()) <= 6
    everything = opened(storage, 10)
    assert everything.find("/feeds/all.rss") is not None
    assert dict(everything.held) == {}


def test_what_is_asked_for_stays_and_what_is_not_leaves(
    storage: Storage, categories: list[Category], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = paths_of(categories)
    size = found(opened(storage), paths[0]).size_bytes
    documents = opened(storage, size * 16)
    gate = Gate(monkeypatch)
    gate.open.set()
    documents.find(paths[0])
    for path in paths[1:]:
        # As the server does it: memory first.
        if paths[0] not in documents.held:
            documents.find(paths[0])
        documents.find(path)
    assert gate.count == len(paths)
    documents.find(paths[1])
    assert gate.count == len(paths) + 1


def test_however_many_ask_at_once_it_is_fetched_once(
    storage: Storage, categories: list[Category], monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = opened(storage)
    gate = Gate(monkeypatch)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(documents.find, "/feeds/number-1.rss") for _ in range(8)]
        assert gate.begun.wait(10)
        time.sleep(0.1)
        gate.open.set()
        answers = [one.result(10) for one in asked]
    assert gate.count == 1
    assert answers[0] is not None
    assert all(one is answers[0] for one in answers)


def test_a_fetch_from_before_a_change_is_not_served_after_it(
    storage: Storage,
    publisher: Publisher,
    categories: list[Category],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    documents = opened(storage)
    gate = Gate(monkeypatch)
    path = f"/feeds/{categories[0].slug}.rss"
    with in_thread(lambda: documents.find(path)) as returned:
        assert gate.begun.wait(10)
        publish(publisher, categories[0], 1)
        documents.refresh()
        gate.open.set()
    (held,) = returned
    assert isinstance(held, Held)
    assert b"Title 1" in held.bodies["identity"]
    assert documents.held[path] is held
    assert gate.count == 2


def test_a_fetch_from_after_a_change_is_not_replaced_by_a_refresh_from_before_it(
    storage: Storage,
    publisher: Publisher,
    categories: list[Category],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    documents = opened(storage)
    path = f"/feeds/{categories[0].slug}.rss"
    documents.find(path)
    publish(publisher, categories[0], 1)
    begun, may_go_on = threading.Event(), threading.Event()
    read = ServedRows.of_feed

    def slow(rows: ServedRows, *asked: Any) -> StoredDocument | None:
        before = read(rows, *asked)
        begun.set()
        assert may_go_on.wait(10)
        return before

    monkeypatch.setattr(ServedRows, "of_feed", slow)
    with in_thread(documents.refresh):
        assert begun.wait(10)
        publish(publisher, categories[0], 2)
        with documents._lock:
            documents._memory.drop(path)
        assert b"Title 2" in found(documents, path).bodies["identity"]
        may_go_on.set()
    assert b"Title 2" in found(documents, path).bodies["identity"]


def test_a_fetch_that_fails_spoils_no_later_one_and_nothing_held(
    storage: Storage, categories: list[Category], monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = opened(storage)
    held = found(documents, "/feeds/number-1.rss")
    gate = Gate(monkeypatch)
    gate.fault = StorageUnreachable("the database does not answer")
    gate.open.set()
    for _ in range(2):
        with pytest.raises(StorageUnreachable):
            documents.find("/feeds/number-2.rss")
    assert documents.find("/feeds/number-1.rss") is held
    gate.fault = None
    assert documents.find("/feeds/number-2.rss") is not None
    assert documents._flights == {}


def test_a_change_replaces_what_is_held_and_reads_nothing_else(
    storage: Storage,
    publisher: Publisher,
    categories: list[Category],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    documents = opened(storage)
    path, other = f"/feeds/{categories[0].slug}.atom", f"/feeds/{categories[1].slug}.atom"
    before, untouched = found(documents, path), found(documents, other)
    read: list[Any] = []
    of_feed = ServedRows.of_feed

    def noting(rows: ServedRows, *asked: Any) -> StoredDocument | None:
        read.append(asked)
        return of_feed(rows, *asked)

    monkeypatch.setattr(ServedRows, "of_feed", noting)
    publish(publisher, categories[0], 1)
    assert documents.refresh()
    assert read == [(before.feed_id, Format.ATOM, None)]
    assert b"Title 1" in documents.held[path].bodies["identity"]
    assert documents.held[other] is untouched
    assert not documents.refresh()


def test_a_renamed_category_is_replaced_under_every_address(
    storage: Storage, publisher: Publisher, categories: list[Category]
) -> None:
    documents = opened(storage)
    old, new = "/feeds/number-0.rss", "/feeds/renamed.rss"
    documents.find(old)
    publisher.change_category(
        "number-0", NOW, name="Renamed", new_slug="renamed", description="All of it"
    )
    documents.refresh()
    assert b"Renamed" in documents.held[old].bodies["identity"]
    assert found(documents, new).digest == documents.held[old].digest
    publish(publisher, categories[0], 1)
    documents.refresh()
    assert b"Title 1" in documents.held[new].bodies["identity"]
    assert b"Title 1" in documents.held[old].bodies["identity"]


def test_what_is_due_in_a_feed_that_nobody_asked_for_is_known(
    storage: Storage, publisher: Publisher, categories: list[Category]
) -> None:
    documents = opened(storage)
    due = utc(2026, 2, 1)
    draft = Draft(title="Due", categories=(categories[5],), body="b", published=due)
    publisher.save_entry(draft, Action.SCHEDULE, NOW, id=f"{ID}0001", expected_revision=0)
    documents.refresh()
    assert dict(documents.held) == {}
    assert not documents.is_due(utc(2026, 1, 31, 23, 59, 59))
    assert documents.is_due(due)
    assert opened(storage).is_due(due)
    publisher.publish_due(due)
    documents.refresh()
    assert not documents.is_due(utc(2027, 1, 1))


def test_a_change_to_what_was_about_to_leave_is_seen(
    storage: Storage, publisher: Publisher, categories: list[Category]
) -> None:
    paths = [f"/feeds/{one.slug}.rss" for one in categories]
    size = found(opened(storage), paths[0]).size_bytes
    documents = opened(storage, size * 16)
    for path in paths_of(categories):
        documents.find(path)
        if paths[0] not in documents.held:
            break
    assert paths[0] in documents._memory._cooling
    publish(publisher, categories[0], 1)
    documents.refresh()
    assert paths[0] not in documents._memory._cooling
    assert b"Title 1" in found(documents, paths[0]).bodies["identity"]


def test_many_readers_editors_and_a_small_memory(
    storage: Storage, publisher: Publisher, categories: list[Category]
) -> None:
    """Who saved something is never answered with what was before, whoever else asks."""
    size = found(opened(storage), "/feeds/number-0.rss").size_bytes
    documents = opened(storage, size * 10)
    paths = paths_of(categories)
    over = threading.Event()

    def read(first: int) -> int:
        seen: dict[str, int] = {}
        number = first
        while not over.is_set():
            path = paths[number % len(paths)]
            held = documents.held.get(path) or found(documents, path)
            assert held.version >= seen.get(path, 0)
            seen[path] = held.version
            number += 5
        return number

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read, number) for number in range(4)]
        try:
            for number in range(24):
                category = categories[number % len(categories)]
                publish(publisher, category, number)
                documents.refresh()
                for format in Format:
                    body = found(documents, f"/feeds/{category.slug}.{format}").bodies["identity"]
                    assert re.search(rb"Title %d\b" % number, body)
        finally:
            over.set()
        assert all(one.result(10) for one in readers)
    assert documents.size_bytes <= size * 10
