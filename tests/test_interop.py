"""What independent readers make of the feeds: the fast part of ``make interop``."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from interop.articles import FEEDS, write_all
from interop.articles import truths as truths_of
from interop.comparing import Fault, Finding, compare, load_faults, load_readers
from interop.python import READERS
from interop.subscriptions import compare_subscriptions
from interop.table import Row, show
from tests.contract import InProcess, copy_database

HERE = Path(__file__).parents[1]
LIGHT = ["feedparser", "fastfeedparser", "atoma", "rss-parser", "podcastparser"]
SITE = "http://news.example.org"
DECLARED = {reader.name: reader for reader in load_readers()}

Newsroom = tuple[InProcess, dict[str, str]]


@pytest.fixture(scope="module")
def newsroom(
    tmp_path_factory: pytest.TempPathFactory, signed_up_once: tuple[Path, str]
) -> Iterator[Newsroom]:
    """A service with all the articles, and their ids."""
    database, cookie = signed_up_once
    folder = tmp_path_factory.mktemp("interop")
    copy_database(database, folder / "feedsvc.db")
    service = InProcess(folder, f"sqlite:///{folder}/feedsvc.db", workers=1)
    service.settings = {"FEEDSVC_SITE_URL": SITE}
    service.set_clock(datetime(2026, 1, 21, 18, 30, tzinfo=UTC))
    service.start()
    service.cookie = cookie
    yield service, write_all(service)
    service.stop()


@pytest.mark.parametrize("name", LIGHT)
def test_a_reader_sees_the_truth(newsroom: Newsroom, name: str) -> None:
    service, ids = newsroom
    reader, faults = DECLARED[name], load_faults()
    for format in reader.reads:
        for feed, whose in FEEDS.items():
            path = f"/feeds/{feed}.{format}"
            body = service.get(path).body
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # theirs
                seen = READERS[name](body, format, SITE + path)
            found = compare(reader, format, truths_of(ids, SITE, format, whose), seen)
            own = [fault for fault in faults if fault.readers.get(name) == version(name)]
            assert [one for one in found if not any(fault.covers(one) for fault in own)] == []


def test_what_differs_is_found_and_fails_unless_it_is_declared(
    newsroom: Newsroom, capsys: pytest.CaptureFixture[str]
) -> None:
    service, ids = newsroom
    reader = DECLARED["fastfeedparser"]
    owed = truths_of(ids, SITE, "rss")
    seen = READERS["fastfeedparser"](service.get("/feeds/all.rss").body, "rss", SITE)
    changes = {
        "title": "Another",
        "id": "urn:uuid:0",
        "link": SITE,
        "published": "2026-01-21T18:30:01Z",
        "updated": "2026-01-21T18:30:00",
        "author": None,
        "categories": [],
        "content": "<p>One.</p><p>Two.</p><p>&lt;p&gt;</p>",
        "enclosure": [["https://sounds.example/", "audio/mpeg", 1]],
    }
    plain = next(entry for entry in seen if entry["link"].endswith("/plain"))
    others = [entry for entry in seen if entry is not plain]
    for field, value in changes.items():
        found = compare(reader, "rss", owed, [*others, plain | {field: value}])
        assert [one.field for one in found] == [field]
    # One that is missing, one that nobody may see, one part that is said not to be read.
    assert [one.saw for one in compare(reader, "rss", owed, others)] == ["no entry"]
    taken_back = {"title": "Taken back", "id": ids["withdrawn"], "link": f"{SITE}/x"}
    (extra,) = compare(reader, "rss", owed, [*seen, taken_back])
    assert extra.truth == "no such entry"
    blind = replace(reader, reads={"rss": reader.reads["rss"] - {"author"}})
    assert {one.field for one in compare(blind, "rss", owed, seen)} == {"author"}

    finding = Finding("fastfeedparser", "rss", "title", "plain", "Another", "An ordinary article")
    row = Row(reader, "1", "rss", (finding,))
    fault = Fault(
        {"fastfeedparser": "1"}, frozenset({"rss"}), frozenset({"title"}), frozenset(), "errs", "x"
    )
    assert not show([row], [], {})
    assert "DISAGREES: fastfeedparser, rss, title" in capsys.readouterr().out
    assert show([row], [fault], {})
    assert not show([row], [replace(fault, readers={"fastfeedparser": "2"})], {})
    assert show([replace(row, findings=())], [fault], {})
    assert "NO LONGER SO" in capsys.readouterr().out


def test_every_fault_is_of_a_known_reader_and_cited() -> None:
    for fault in load_faults():
        assert fault.does
        assert re.search(r"https://github.com/|\.(py|js|pm):[0-9]+", fault.cited)
        for name in fault.readers:
            assert fault.formats <= set(DECLARED[name].reads)
            assert all(fault.fields <= DECLARED[name].reads[format] for format in fault.formats)


def test_what_is_locked_for_node_names_no_registry() -> None:
    lock = json.loads((HERE / "interop/node/npm-shrinkwrap.json").read_text())
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert packages
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
    assert "http" not in json.dumps(lock)


def test_a_list_of_subscriptions_is_compared_too() -> None:
    links = [f"{SITE}/feeds/{slug}.rss" for slug in FEEDS]
    names = [f"{name} – The Example" if name else "The Example" for name in FEEDS.values()]
    seen = [{"title": name, "link": link} for name, link in zip(names, links, strict=True)]
    more = {"title": "Another – The Example", "link": f"{SITE}/feeds/another.rss"}
    assert compare_subscriptions("x", [*seen, more], SITE, [*links, more["link"]]) == []
    (dead,) = compare_subscriptions("x", [*seen, more], SITE, links)
    (missing,) = compare_subscriptions("x", seen[1:], SITE, links)
    assert (dead.saw, missing.saw) == (more["link"], "no entry")
