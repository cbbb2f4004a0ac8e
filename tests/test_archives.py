"""Archives (RFC 5005), feeds of authors, and second feeds: what a subscriber finds in them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from feedsvc.errors import InvalidEntry, RenderingError
from feedsvc.model import Category, Content, Entry, Format, Site, Source, Window
from feedsvc.publishing import Action, Draft, Publisher
from feedsvc.publishing import regeneration as regeneration_module
from feedsvc.publishing.archiving import (
    ARCHIVE_CHARACTERS,
    ARCHIVE_ENTRIES,
    archive_places,
    is_filing_due,
)
from feedsvc.rendering import items
from feedsvc.storage import Storage, Transaction, Unfiled
from tests.conftest import utc
from tests.contract import InProcess
from tests.stored import stored_documents

NOW = utc(2026, 1, 22, 9)
ATOM = "{http://www.w3.org/2005/Atom}"
FH = "{http://purl.org/syndication/history/1.0}"
UNFILED = st.lists(st.integers(0, 2_500_000), max_size=200).map(
    lambda lengths: [Unfiled(f"e{place}", length) for place, length in enumerate(lengths)]
)


@given(unfiled=UNFILED, shown=st.sets(st.integers(0, 200)), archives=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_what_no_document_holds_is_filed_once_in_order_and_in_bounds(
    unfiled: list[Unfiled], shown: set[int], archives: int
) -> None:
    held = frozenset(one.entry_id for place, one in enumerate(unfiled) if place in shown)
    if not is_filing_due([one.entry_id for one in unfiled], held, 1_000):
        assert {one.entry_id for one in unfiled} <= held
        return
    places = archive_places(unfiled, archives, held, 1_000)
    filed = dict(places)
    assert len(filed) == len(places)
    # Nobody misses anything.
    assert {one.entry_id for one in unfiled} <= held | set(filed)
    numbers = [where for _, where in places]
    assert numbers == sorted(numbers)
    # What is there is left as it is, and no number is passed over.
    assert set(numbers) == set(range(archives + 1, max(numbers) + 1))
    lengths = {one.entry_id: one.characters for one in unfiled}
    for where in set(numbers):
        inside = [lengths[id] for id, its in places if its == where]
        assert len(inside) <= ARCHIVE_ENTRIES
        assert len(inside) == 1 or sum(inside) <= ARCHIVE_CHARACTERS


def test_the_next_publishes_have_nothing_to_file() -> None:
    unfiled = [Unfiled(f"e{place}", 1_000) for place in range(51)]
    held = frozenset(one.entry_id for one in unfiled[1:])
    places = archive_places(unfiled, 0, held, 1_000)
    assert [id for id, _ in places] == [one.entry_id for one in unfiled[:26]]


def test_what_has_no_room_in_a_document_is_filed(storage: Storage, health: Category) -> None:
    """However few its characters are: sources take room, too."""
    site = Site("The Example", "https://example.org", "en")
    publisher = Publisher(storage, site, Window(most_bytes=60_000))
    sources = tuple(Source("x" * 100, "https://example.org/" + "y" * 100) for _ in range(20))
    entries = [published(publisher, health, number, sources=sources) for number in range(12)]
    with storage.reading() as tx:
        archives = tx.feeds.feed("health").archives
    for format in Format:
        body = stored_documents(storage)[f"/feeds/health.{format}"].bodies["identity"]
        found = set(ids_of(body, format))
        assert len(found) < len(entries)
        for number in range(1, archives + 1):
            found |= set(ids_of(publisher.archived("health", number, format)[1], format))
        assert found == {entry.id for entry in entries}


@pytest.fixture
def health(publisher: Publisher) -> Category:
    return publisher.ensure_category("Health", NOW)


def published(publisher: Publisher, category: Category, number: int, **changes: Any) -> Entry:
    draft = Draft(title=f"Title {number}", categories=(category,), body=f"Text {number}.")
    id = f"urn:uuid:00000000-0000-4000-8000-{number:012}"
    when = NOW + timedelta(minutes=number)
    draft = replace(draft, **changes)
    return publisher.save_entry(draft, Action.PUBLISH, when, id=id, expected_revision=0)


def ids_of(body: bytes, format: Format) -> list[str]:
    if format is Format.JSON:
        return [item["id"] for item in json.loads(body)["items"]]
    root = etree.fromstring(body)
    return [one.text for one in root.iterfind(f".//{ATOM}entry/{ATOM}id")] + [
        one.text for one in root.iterfind(".//item/guid")
    ]


def named_authors(tx: Transaction) -> list[str]:
    return [feed.author.slug for feed in tx.public_pages.feeds(limit=99) if feed.author]


def older(body: bytes, format: Format) -> str:
    """Where a document says that what is older is."""
    if format is Format.JSON:
        return str(json.loads(body).get("next_url", ""))
    links = list(etree.fromstring(body).iter(f"{ATOM}link"))
    return next((one.get("href") for one in links if one.get("rel") == "prev-archive"), "")


def walk(publisher: Publisher, storage: Storage, format: Format) -> dict[str, list[str]]:
    """Each document from the feed of health on back to the oldest, with its ids."""
    path = f"/feeds/health.{format}"
    body = stored_documents(storage)[path].bodies["identity"]
    found = {path: ids_of(body, format)}
    while address := older(body, format):
        path = address.removeprefix("https://example.org")
        assert path not in found
        number = int(path.rpartition("/")[2].partition(".")[0])
        _, body = publisher.archived("health", number, format)
        assert address.encode() in body  # it says that it is itself
        if format is not Format.JSON:
            assert etree.fromstring(body).find(f".//{FH}archive") is not None
        found[path] = ids_of(body, format)
    assert path.endswith(f"/archive/1.{format}")
    return found


def test_archives_hold_every_article_once_and_only_what_readers_may_see(
    storage: Storage, health: Category
) -> None:
    site = Site("The Example", "https://example.org", "en")
    publisher = Publisher(storage, site, Window(items=2, days=0))
    entries = [published(publisher, health, number) for number in range(1, 9)]
    for format in Format:
        feed, *archives = walk(publisher, storage, format).values()
        assert len(feed) == 2
        filed = [id for one in archives for id in one]
        assert len(filed) == len(set(filed))
        assert {*feed, *filed} == {entry.id for entry in entries}
    before = publisher.archived("health", 1, Format.ATOM)[1]
    published(publisher, health, 9)
    # What is there stays, byte for byte.
    assert publisher.archived("health", 1, Format.ATOM)[1] == before
    withdrawn = publisher.save_entry(
        Draft(title="", categories=(), body=""),
        Action.WITHDRAW,
        NOW + timedelta(hours=1),
        id=entries[0].id,
        expected_revision=1,
    )
    corrected = publisher.save_entry(
        replace(Draft.of(entries[1]), body="Corrected."),
        Action.CORRECT,
        NOW + timedelta(hours=1),
        id=entries[1].id,
        expected_revision=1,
    )
    archive = publisher.archived("health", 1, Format.ATOM)[1]
    assert withdrawn.id not in ids_of(archive, Format.ATOM)
    assert corrected.id in ids_of(archive, Format.ATOM)
    assert b"Corrected." in archive
    published(publisher, health, 10)
    published(publisher, health, 11)
    # Nothing takes the place of what left.
    assert ids_of(archive, Format.ATOM) == ids_of(
        publisher.archived("health", 1, Format.ATOM)[1], Format.ATOM
    )


def test_a_long_archive_is_filed_in_many_documents_and_what_is_full_stays_as_it_is(
    storage: Storage, health: Category, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regeneration_module, "FILED_AT_ONCE", 70)
    site = Site("The Example", "https://example.org", "en")
    publisher = Publisher(storage, site, Window(items=5, days=1))
    for number in range(1, 131):
        draft = Draft(
            title=f"Old {number}",
            categories=(health,),
            body="Text.",
            published=utc(2019, 1, 1) + timedelta(days=number),
        )
        publisher.import_entry(draft, f"origin {number}", NOW)
    publisher.regenerate_due(NOW)
    found: list[str] = []
    full = {}
    with storage.reading() as tx:
        archives = tx.feeds.feed("health").archives
    for number in range(1, archives + 1):
        _, body = publisher.archived("health", number, Format.JSON)
        full[number] = body
        titles = [item["title"] for item in json.loads(body)["items"]]
        assert titles == sorted(titles, key=lambda title: -int(title.split()[1]))
        found += titles[::-1]
    # From the oldest to the newest; the last few are in the feed alone.
    assert found == [f"Old {number}" for number in range(1, len(found) + 1)]
    assert len(found) >= 125
    published(publisher, health, 500)
    for number in full:
        assert publisher.archived("health", number, Format.JSON)[1] == full[number]


def test_an_archive_is_sent_as_a_document_that_lasts(either: InProcess) -> None:
    publisher = either.workers[0].publisher
    health = publisher.ensure_category("Health", NOW)
    small = replace(publisher, window=replace(publisher.window, items=1, days=0))
    small.note_settings(either.now)
    for number in range(56):
        old = NOW - timedelta(days=100 - number)
        draft = Draft(title=f"Old {number}", categories=(health,), body="Text.", published=old)
        small.import_entry(replace(draft, author="Ada Byron"), f"origin {number}", either.now)
    small.regenerate_due(either.now)
    path = "/feeds/health/archive/1.atom"
    answer = either.get(path, Accept_Encoding="gzip")
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["access-control-allow-origin"] == "*"
    # Readers may keep it; a proxy soon asks whether something was withdrawn.
    assert answer.headers["cache-control"] == "public, max-age=86400, s-maxage=300"
    assert "last-modified" not in answer.headers
    again = either.get(path, Accept_Encoding="gzip", If_None_Match=answer.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    head = either.request("HEAD", path, Accept_Encoding="gzip")
    assert (head.body, head.headers["etag"]) == (b"", answer.headers["etag"])
    assert head.headers["content-length"] == answer.headers["content-length"]
    newest = either.get("/feeds/health/archive/2.json")
    assert older(newest.body, Format.JSON).endswith("/feeds/health/archive/1.json")
    assert either.get("/feeds/authors/ada-byron/archive/1.rss").status == 200
    for missing in ("health/archive/0.atom", "health/archive/3.atom", "none/archive/1.atom"):
        assert either.get(f"/feeds/{missing}").status == 404
    assert either.get("/feeds/health/archive/1.txt").status == 404
    assert either.get("/feeds/he%00lth/archive/1.atom").status == 404
    renamed = small.change_category(
        "health", either.now, name="Health", new_slug="wellness", description=""
    )
    moved = either.get(path)
    assert (moved.status, moved.headers["location"]) == (301, "/feeds/wellness/archive/1.atom")
    # A second feed where there is none leads to the first; where there is one it has archives.
    second = f"/feeds/{renamed.slug}/summary"
    assert either.get(f"{second}/archive/1.atom").headers["location"] == (
        "/feeds/wellness/archive/1.atom"
    )
    assert either.get(f"{second}.rss").headers["location"] == "/feeds/wellness.rss"
    small.change_category(
        "wellness",
        either.now,
        name="Health",
        new_slug="",
        description="",
        content="full+summary",
    )
    either.settle()
    body = either.get(f"{second}.atom").body
    assert b"/feeds/wellness/summary/archive/2.atom" in body
    assert b"<content" not in either.get(f"{second}/archive/1.atom").body
    assert b"<content" in either.get("/feeds/wellness/archive/1.atom").body


def test_an_author_has_a_feed_from_the_first_article_on(
    publisher: Publisher, storage: Storage, health: Category
) -> None:
    published(publisher, health, 1, author="Ada Byron")
    published(publisher, health, 2, author="ADA BYRON")
    published(publisher, health, 3, author="Ada-Byron")
    published(publisher, health, 4)
    with storage.reading() as tx:
        assert named_authors(tx) == ["ada-byron", "ada-byron-2"]
        assert tx.feeds.feed("authors/ada-byron-2").name == "Ada-Byron"
    found = stored_documents(storage)
    for format in Format:
        body = found[f"/feeds/authors/ada-byron.{format}"].bodies["identity"]
        assert [id[-1] for id in ids_of(body, format)] == ["2", "1"]
        assert "Ada Byron – The Example".encode() in body
        assert f"https://example.org/feeds/authors/ada-byron.{format}".encode() in body
    # Signed by somebody else it leaves the one and enters the other.
    publisher.save_entry(
        Draft(title="Title 1", categories=(health,), body="Text 1.", author="Bo"),
        Action.CORRECT,
        NOW + timedelta(hours=1),
        id="urn:uuid:00000000-0000-4000-8000-000000000001",
        expected_revision=1,
    )
    found = stored_documents(storage)
    assert b"-000000000001" not in found["/feeds/authors/ada-byron.rss"].bodies["identity"]
    assert b"-000000000001" in found["/feeds/authors/bo.rss"].bodies["identity"]


def test_several_authors_have_the_article_each(
    publisher: Publisher, storage: Storage, health: Category
) -> None:
    published(publisher, health, 1, author="Ada Byron; Bo  Li;ada byron; ")
    found = stored_documents(storage)
    for slug in ("ada-byron", "bo-li"):
        for format in Format:
            body = found[f"/feeds/authors/{slug}.{format}"].bodies["identity"]
            assert b"-000000000001" in body
    item = json.loads(found["/feeds/health.json"].bodies["identity"])["items"][0]
    assert [one["name"] for one in item["authors"]] == ["Ada Byron", "Bo Li"]
    atom = etree.fromstring(found["/feeds/health.atom"].bodies["identity"])
    assert atom.xpath("//a:entry/a:author/a:name/text()", namespaces={"a": ATOM[1:-1]}) == [
        "Ada Byron",
        "Bo Li",
    ]
    with pytest.raises(InvalidEntry, match="at most 10"):
        published(publisher, health, 2, author=";".join(map(str, range(11))))
    # Due later it is in a feed that is known from the moment on that was announced.
    due = NOW + timedelta(hours=2)
    draft = Draft(title="Later", categories=(health,), body="Text.", published=due, author="Bo Li")
    id = "urn:uuid:00000000-0000-4000-8000-000000000003"
    publisher.save_entry(draft, Action.SCHEDULE, NOW, id=id, expected_revision=0)
    with storage.reading() as tx:
        assert tx.feeds.feed("authors/bo-li").next_due_at == due
        assert [feed.slug for feed in tx.public_pages.feeds(limit=9)][-2:] == [
            "authors/ada-byron",
            "authors/bo-li",
        ]
    publisher.save_entry(
        Draft(title="", categories=(), body=""),
        Action.WITHDRAW,
        NOW + timedelta(hours=1),
        id="urn:uuid:00000000-0000-4000-8000-000000000001",
        expected_revision=1,
    )
    with storage.reading() as tx:
        assert len(tx.public_pages.feeds(limit=9)) == 2


def test_a_draft_makes_no_author_known(
    publisher: Publisher, storage: Storage, health: Category
) -> None:
    draft = Draft(title="A title", categories=(health,), body="Text.", author="Nobody Yet")
    id = "urn:uuid:00000000-0000-4000-8000-000000000001"
    publisher.save_entry(draft, Action.SAVE_DRAFT, NOW, id=id, expected_revision=0)
    with storage.reading() as tx:
        assert named_authors(tx) == []
    due = NOW + timedelta(hours=1)
    scheduled = replace(draft, published=due)
    publisher.save_entry(scheduled, Action.SCHEDULE, NOW, id=id, expected_revision=1)
    # A name that is new would tell what is still to come.
    with storage.reading() as tx:
        assert named_authors(tx) == []
    publisher.regenerate_due(due)
    found = stored_documents(storage)["/feeds/authors/nobody-yet.atom"].bodies["identity"]
    assert id.encode() in found


def test_a_category_says_what_its_feeds_carry_and_may_have_second_ones(
    publisher: Publisher, storage: Storage, health: Category
) -> None:
    published(publisher, health, 1, summary="In short.", body="The whole text.")

    def bodies(path: str) -> bytes:
        with storage.reading() as tx:
            slug, _, rest = path.partition("/")
            content = Content(rest.partition(".")[0]) if rest else None
            stored = tx.served.by_slug(slug.partition(".")[0], Format.RSS, content)
            return stored.bodies["identity"] if stored else b""

    assert b"whole text" in bodies("health.rss")
    assert bodies("health/summary.rss") == b""
    for content, first, second, name in [
        ("summary+full", False, True, "full"),
        ("full+summary", True, False, "summary"),
    ]:
        publisher.change_category(
            "health", NOW, name="Health", new_slug="", description="", content=content
        )
        assert (b"whole text" in bodies("health.rss")) == first
        beside = bodies(f"health/{name}.rss")
        assert (b"whole text" in beside) == second
        assert b"In short." in beside
        assert f'href="https://example.org/feeds/health/{name}.rss" rel="self"'.encode() in beside
        # One article is one for both; everything's feeds go by the site's setting.
        assert b"-000000000001</guid>" in beside
        assert b"whole text" in bodies("all.rss")
    publisher.change_category("health", NOW, name="Health", new_slug="", description="", content="")
    assert bodies("health/summary.rss") == b""


def test_what_one_format_cannot_carry_is_missing_there_alone_and_its_editor_is_told(
    either: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = items.ELEMENTS[Format.ATOM]

    def cannot(entry: Entry, *rest: Any) -> Any:
        if entry.title == "Odd":
            raise RenderingError("the title is odd")
        return real(entry, *rest)

    monkeypatch.setitem(items.ELEMENTS, Format.ATOM, cannot)
    either.write(title="Even")
    with structlog.testing.capture_logs() as logs:
        page = either.opened(either.write(title="Odd")).text
    for path, count in {"rss": 2, "json": 2, "atom": 1}.items():
        body = either.get(f"/feeds/health.{path}").body
        assert (body.count(b"Odd"), body.count(b"Even")) == (int(count == 2), 1)
    assert "It could not be written as Atom and is missing there" in page
    assert "the title is odd" in page
    told = [line for line in logs if line["event"] == "entry left out"]
    assert {(line["feed"], line["format"]) for line in told} == {
        ("all", "atom"),
        ("health", "atom"),
    }
