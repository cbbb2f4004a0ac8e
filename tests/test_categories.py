"""What administrators say of categories: a language, an order, an address."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from lxml import etree

from feedsvc.characters import is_language_tag
from feedsvc.config import load
from feedsvc.errors import ConfigError, EditConflict
from feedsvc.model import Category, Site, Window
from feedsvc.publishing import Move, Publisher
from feedsvc.storage import Storage
from tests.conftest import utc
from tests.contract import InProcess
from tests.service import Answer, Service, form_as_browser

NOW = utc(2026, 1, 21, 18, 30)
ATOM = "{http://www.w3.org/2005/Atom}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
PAGE = "/editor/categories"


@pytest.fixture
def desk(either: InProcess) -> InProcess:
    return either


def add(desk: Service, **typed: str) -> Answer:
    return desk.post(PAGE, typed, page=PAGE)


def change(desk: Service, category: str, **typed: str) -> Answer:
    """Open the page, change some fields of a category's form, send it."""
    path = f"{PAGE}/{category}"
    return desk.send(path, form_as_browser(desk.browse(PAGE), path) | typed)


def names(answer: Answer, within: str) -> list[str]:
    return [link.text for link in answer.page.xpath(f"{within}/a")]


def languages_of(desk: Service, feed: str) -> tuple[str, dict[str, str | None]]:
    """Of an Atom feed, and what each entry says of its own."""
    root = etree.fromstring(desk.get(f"/feeds/{feed}.atom").body)
    entries = {
        str(one.findtext(f"{ATOM}title")): one.get(LANG) for one in root.iter(f"{ATOM}entry")
    }
    return str(root.get(LANG)), entries


def test_a_categorys_language_is_that_of_its_feed_page_and_articles(desk: Service) -> None:
    plain = desk.write(title="Plain", category="health")
    refused = add(desk, name="Arabic", language="arabic_EG")
    assert refused.status == 422
    assert "is not a language tag" in refused.text
    assert 'value="arabic_EG"' in refused.text
    assert add(desk, name="عالم", slug="world", language="ar").status == 303
    desk.write(title="Both", category="health", also_in=["world"])
    desk.set_clock(NOW + timedelta(minutes=1))
    desk.write(title="خبر", category="world", slug="news", body="نص الخبر.")
    for feed, language, entries in (
        ("world", "ar", {"خبر": None, "Both": "en"}),
        ("health", "en", {"Plain": None, "Both": None}),
        ("all", "en", {"خبر": "ar", "Plain": None, "Both": None}),
    ):
        assert languages_of(desk, feed) == (language, entries)
    rss = etree.fromstring(desk.get("/feeds/world.rss").body)
    assert rss.findtext("channel/language") == "ar"
    # What is new, cut out of a document that begins with an entry of another language.
    seen = desk.get("/feeds/all.atom").headers["etag"]
    assert desk.edit(plain, body="Changed.").status == 303
    delta = desk.get("/feeds/all.atom", A_IM="feed", If_None_Match=seen)
    assert delta.status == 226
    cut = etree.fromstring(delta.body)
    assert [one.findtext(f"{ATOM}title") for one in cut.iter(f"{ATOM}entry")] == ["Plain"]
    page = desk.get("/categories/world").page
    assert page.xpath("//main/div[@lang='ar']/h1[@dir='auto']")
    assert sorted(page.xpath("//article/@lang")) == ["ar", "en"]
    assert page.xpath("//header//a[@lang='ar'][@hreflang='ar']")
    article = desk.get(page.xpath("//article[@lang='ar']/h2/a/@href")[0]).page
    assert article.xpath("//article[@lang='ar']//div[@dir='rtl']")
    assert article.xpath("//aside//bdi/@lang") == ["en"]


def test_a_language_that_is_changed_changes_what_it_stands_in(desk: Service) -> None:
    desk.write(title="Here", category="health")
    desk.set_clock(NOW + timedelta(seconds=30))
    before = {path: desk.get(path) for path in ("/feeds/health.rss", "/feeds/all.atom")}
    other = desk.get("/feeds/science.atom")
    desk.set_clock(NOW + timedelta(minutes=1))
    assert change(desk, "health", language="de").status == 303
    desk.set_clock(NOW + timedelta(minutes=2))
    for path, old in before.items():
        new = desk.get(path)
        assert new.headers["etag"] != old.headers["etag"]
        assert new.headers["last-modified"] != old.headers["last-modified"]
    assert desk.get("/feeds/science.atom").headers["etag"] == other.headers["etag"]
    # A form of before there were languages leaves it as it is.
    old_form = {"name": "Care", "slug": "health", "description": ""}
    shown = {"shown_name": "Health", "shown_slug": "health", "shown_description": ""}
    token = form_as_browser(desk.browse(PAGE), PAGE)["csrf_token"]
    sent = {**old_form, **shown, "csrf_token": token}
    assert desk.send(f"{PAGE}/health", sent).status == 303
    assert languages_of(desk, "health")[0] == "de"
    # Two at once: the second sees what the first has stored.
    seen = form_as_browser(desk.browse(PAGE), f"{PAGE}/health")
    assert change(desk, "health", language="fr").status == 303
    conflict = desk.send(f"{PAGE}/health", seen | {"description": "Mine"})
    assert conflict.status == 409
    assert ", fr</p>" in conflict.text
    assert languages_of(desk, "health")[0] == "fr"


def move(desk: Service, slug: str, to: str, seen: Answer | None = None) -> Answer:
    path = f"{PAGE}/{slug}/move"
    return desk.send(path, form_as_browser(seen or desk.browse(PAGE), path) | {"to": to})


def test_categories_are_named_in_their_order_and_moved_by_buttons(desk: Service) -> None:
    add(desk, name="Arts")
    navigation = "//header//nav"
    assert names(desk.get("/"), navigation) == ["Health", "Science", "Arts"]
    seen = desk.browse(PAGE)
    first = seen.page.xpath("//form[@class='mover']")[0]
    assert first.xpath("button[@disabled]/@value") == ["up", "first"]
    for _ in range(2):  # pressed twice
        moved = move(desk, "arts", "up", seen)
        assert moved.status == 303
    assert names(desk.get("/"), navigation) == ["Health", "Arts", "Science"]
    shown = desk.browse(moved.headers["location"])
    focused = shown.page.xpath("//*[@autofocus]")
    assert [one.text_content() for one in focused] == ["↑ Move Arts up"]
    assert "Arts is number 2 now." in shown.text
    # Somebody else was faster: Science was to stand before Health, not before Arts.
    conflict = move(desk, "science", "up", seen)
    assert conflict.status == 409
    assert "Somebody else moved categories" in conflict.text
    assert move(desk, "science", "first").status == 303
    assert names(desk.get("/"), navigation) == ["Science", "Health", "Arts"]
    moved = move(desk, "health", "last")
    top = desk.browse(moved.headers["location"]).page.xpath("//*[@autofocus]/@value")
    assert top == ["first"]  # the button that was pressed can do no more
    order = ["Science", "Arts", "Health"]
    assert names(desk.get("/"), navigation) == order
    form = desk.browse("/editor/new").page
    assert form.xpath("//select[@id='category']/option[@value!='']/text()") == order
    assert desk.browse("/editor/").page.xpath("//select[@id='category']/option/text()")[1:] == order
    assert desk.post(f"{PAGE}/none/move", {"to": "first"}, page=PAGE).status == 404


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Publisher:
    storage = Storage(f"sqlite:///{tmp_path_factory.mktemp('order')}/feedsvc.db")
    storage.migrate()
    return Publisher(storage, Site("x", "http://x", "en"), Window())


@bounded(max_examples=12)
@given(st.lists(st.tuples(st.sampled_from(Move), st.integers(0, 9), st.booleans()), max_size=12))
def test_the_order_is_that_of_a_list(empty: Publisher, steps: list[tuple[Move, int, bool]]) -> None:
    def stored() -> list[str]:
        with empty.storage.reading() as tx:
            return [one.slug for one in tx.feeds.categories()]

    for name in ("One", "Two", "Three", "Four"):
        empty.ensure_category(name, NOW)
    order = stored()
    for to, number, is_stale in steps:
        place = number % len(order)
        slug = order[place]
        there = {Move.UP: place - 1, Move.DOWN: place + 1}.get(to, -1)
        beside = order[there] if 0 <= there < len(order) else None
        if is_stale and beside is not None:
            far = [one for one in order if abs(order.index(one) - place) > 1]
            if far:
                with pytest.raises(EditConflict):
                    empty.move_category(slug, to, NOW, beside=far[0])
                assert stored() == order
        empty.move_category(slug, to, NOW, beside=beside)
        order.remove(slug)
        ends = {Move.FIRST: 0, Move.LAST: len(order)}
        order.insert(ends.get(to, min(max(there, 0), len(order))), slug)
        assert stored() == order
        if beside is not None:  # sent again
            empty.move_category(slug, to, NOW, beside=beside)
            assert stored() == order


def test_a_category_called_like_an_address_of_the_service(in_process: InProcess) -> None:
    for name, slug in (("All", "category-all"), ("Authors", "category-authors")):
        assert add(in_process, name=name).status == 303
        assert in_process.get(f"/feeds/{slug}.rss").status == 200
    in_process.write(title="x", category="", new_category="ALL")
    assert b"<title>x</title>" in in_process.get("/feeds/category-all.rss").body
    refused = add(in_process, name="Everything", slug="All")
    assert refused.status == 422
    assert "write another, such as “category-all”" in refused.text
    assert 'value="All"' in refused.text
    assert change(in_process, "science", slug="authors").status == 422
    assert in_process.get("/feeds/science.rss").status == 200


def test_hundreds_of_categories_are_moved_over_the_edge_of_a_page(in_process: InProcess) -> None:
    with in_process.workers[0].storage.writing() as tx:
        for number in range(210):
            tx.feeds.add_category(Category(f"number-{number:03}", f"Number {number:03}"), NOW)
    in_process.workers[0].publisher.regenerate_all(NOW, ["number-000", "number-097"], force=False)
    in_process.workers[0].publisher.regenerate_all(NOW, ["number-098"], force=False)
    second = in_process.browse(f"{PAGE}?page=2")
    edge: Any = second.page.xpath("//form[@class='mover']")[0]
    assert edge.inputs["before"].value == "number-097"  # two came from config.toml
    path = edge.get("action")
    moved = in_process.send(path, form_as_browser(second, path) | {"to": "up"})
    assert moved.headers["location"] == f"{PAGE}?moved=number-098&to=up"
    moved = move(in_process, "number-000", "last")
    assert moved.headers["location"].endswith("&page=3")
    shown = names(in_process.get("/"), "//header//nav")
    assert len(shown) == 200  # those whose feeds changed last, in order
    assert shown[-1] == "Number 000"
    assert shown.index("Number 098") < shown.index("Number 097")


def test_config_toml_gives_languages_and_the_order(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    text = '[site]\ntimezone = "Europe/Rome"\n' + "".join(
        f'[[categories]]\nslug = "{slug}"\nname = "{slug}"\nlanguage = "{language}"\n'
        for slug, language in (("zoo", "pt-BR"), ("art", ""), ("bad", "{}"))
    )
    file.write_text(text.format("en_GB"), "utf-8")
    with pytest.raises(ConfigError, match=r"categories\[2\].language: 'en_GB' is not a BCP 47"):
        load(file, {})
    file.write_text(text.format("zh-Hant"), "utf-8")
    found = load(file, {}).categories
    assert [(one.slug, one.language) for one in found] == [
        ("zoo", "pt-BR"),
        ("art", ""),
        ("bad", "zh-Hant"),
    ]


@pytest.mark.parametrize(
    ("tag", "is_one"),
    [
        *((one, True) for one in ("en", "pt-BR", "zh-Hant-TW", "es-419", "sl-rozaj-biske", "haw")),
        *((one, True) for one in ("de-CH-1901", "en-a-bbb-x-a-ccc", "ar-EG", "EN-gb")),
        *((one, False) for one in ("", "e", "english", "en_GB", "en-", "-en", "en GB", "en\n")),
        *((one, False) for one in ("de-DE-DE", "en-" + "abcdefgh-" * 9 + "x", "dé")),
    ],
)
def test_the_form_of_a_language_tag(tag: str, is_one: bool) -> None:
    assert is_language_tag(tag) is is_one
