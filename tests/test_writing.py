"""What is said of an article before it goes out, and how it will look."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedsvc.model import Category, Source
from feedsvc.publishing import Draft, remarks
from feedsvc.rendering import anatomy
from tests.conftest import utc
from tests.service import Service, form_as_browser

NOW = utc(2026, 1, 21, 18, 30)
HEALTH = Category("health", "Health")


def said(body: str = "Text.", **more: object) -> list[tuple[str, str]]:
    draft = Draft(**{"title": "A title", "categories": (HEALTH,), "body": body, **more})  # type: ignore[arg-type]
    return [(one.field, one.text) for one in remarks(draft, NOW)]


def test_nothing_is_said_of_what_is_right() -> None:
    body = (
        "## One\n\n[x](https://example.org) [y](mailto:a@b.example) [z](#one)\n\n### Two\n\n# Three"
    )
    assert said(body + "\n\n![A cat](https://example.org/cat.png)") == []
    assert said(published=NOW + timedelta(days=300)) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", "no text yet"),
        ("#### Deep", "the heading “Deep” skips a level: use ##"),
        ("## A\n\n#### B", "the heading “B” skips a level: use ###"),
        ("##\n\nText", "a heading has no words"),
        ("[a](page)", "the link page is relative: readers get it as an address of this site"),
        ("[a](www.example.org)", "the link www.example.org would lead to a page of this site:"),
        ("[a](example.com/x)", "the link example.com/x would lead to a page of this site:"),
        ("[a](http:page)", "the link http:page is not whole: https:// and a name"),
        ("[a]()", "a link leads nowhere"),
        ("![](https://e.example/a.png)", "the picture https://e.example/a.png has no description"),
        ("<img src='https://e.example/a.png'>", "the picture https://e.example/a.png has no"),
        ("<iframe src='https://e.example'></iframe>", "no reader gets <iframe>"),
        ("a <font>b</font> <center>c</center>", "no reader gets <center>, <font>"),
    ],
)
def test_what_may_be_mended_in_a_text_is_named(body: str, expected: str) -> None:
    ((field, text),) = said(body)
    assert field == "body"
    assert text.startswith(expected)


def test_what_may_be_mended_around_it_is_named() -> None:
    found = said(
        title="x" * 111,
        categories=(),
        summary="y" * 301,
        sources=(Source("A journal, www.example.org/1"), Source("B", "https://example.org")),
        published=NOW + timedelta(days=1500),
    )
    assert [field for field, _ in found] == [
        "title", "categories", "summary", "sources", "published",
    ]  # fmt: skip
    assert dict(found)["published"] == "that is 1,500 days ahead"


def test_of_many_of_a_kind_some_are_named() -> None:
    assert len(said(" ".join(f"[a](p{number})" for number in range(100)))) == 5


@pytest.mark.parametrize(
    "body",
    [
        "<html><head></head></html>",
        "<!doctype html>",
        "<html><body>x</body></html>",
        "<body>",
        "</div>",
    ],
)
def test_a_whole_page_in_a_text_can_be_taken_apart(body: str) -> None:
    anatomy(body)
    said(body)


@pytest.mark.parametrize("word", ["a" * 300_000, "a." * 150_000, "a-" * 150_000])
def test_a_word_without_end_is_looked_at_in_a_moment(word: str) -> None:
    # It was quadratic: this took hours, and every poll waited for it.
    said(sources=(Source(word),), body=f"[a]({word})")


def test_what_footnotes_and_formulas_are_made_of_is_not_remarked() -> None:
    found = anatomy(
        "One[^1] [x](y) <math><mi>x</mi></math> <nav>a</nav>\n\n<aside>b</aside>\n\n[^1]: note"
    )
    assert (found.links, found.dropped) == (("y",), ("nav",))


@given(st.text())
def test_any_text_can_be_taken_apart(text: str) -> None:
    anatomy(text)
    said(text)


# On the page


def test_preview_shows_the_very_html_that_readers_get_and_saves_nothing(desk: Service) -> None:
    path = desk.browse("/editor/new").page.xpath("//main//form/@action")[0]
    body = "A *text* with [a link](/articles/other).\n\n<script>alert(1)</script>"
    fields = {"title": "Shown", "category": "health", "also_in": "science", "body": body}
    answer = desk.post(path, fields | {"action": "preview"}, page="/editor/new")
    assert answer.status == 200
    assert answer.field("body") == body
    assert not answer.page.xpath("//script[contains(., 'alert')]")
    section = answer.page.xpath("//section[@id='preview']")[0]
    assert "It will be in the feeds: Health, Science, Everything." in section.text_content()
    assert section.xpath(".//ul[@class='remarks']//a/@href") == ["#body", "#body"]
    shown = section.xpath(".//div[@class='text']")[0]
    assert desk.browse("/editor/?state=draft").page.xpath("//table") == []
    # What a script asks for is the same part of a page.
    token = answer.page.xpath("//main//input[@name='csrf_token']/@value")[0]
    part = desk.send(f"{path}/preview", fields | {"csrf_token": token})
    assert part.status == 200
    assert "<html" not in part.text
    assert desk.post(path, fields | {"action": "publish"}, page="/editor/new").status == 303
    article = desk.get("/articles/shown").page
    inside = [str(one.text_content()) for one in article.xpath("//div[@class='text']/*")]
    assert inside == [str(one.text_content()) for one in shown.xpath("*")]
    assert article.xpath("//div[@class='text']//a/@href") == shown.xpath(".//a/@href")


def test_preview_names_what_stands_in_the_way_and_a_title_that_is_used(desk: Service) -> None:
    desk.write(title="Called  THE same")
    path = desk.browse("/editor/new").page.xpath("//main//form/@action")[0]
    fields = {"title": "Called the same", "publish_at": "31/02/2026 10:00", "action": "preview"}
    page = desk.post(path, fields, page="/editor/new").page
    remarks_ = [
        " ".join(one.text_content().split()) for one in page.xpath("//ul[@class='remarks']/li")
    ]
    assert remarks_[0].startswith("Publish at: “31/02/2026 10:00”: February 2026 has no day 31")
    assert "Title: another article is called the same" in remarks_
    assert "Category: no category yet: no feed gets it" in remarks_
    assert "Body: no text yet" in remarks_
    # Not of itself.
    own = desk.write(title="Its own")
    form = form_as_browser(desk.browse(own)) | {"action": "preview"}
    assert "is called the same" not in desk.post(own, form, page=own).text


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"body": "x" * 1_000_001}, "body"),
        ({"body": "<div>" * 300}, "body"),
        ({"title": "x" * 600}, "title"),
        ({"summary": "x" * 3_000}, "summary"),
    ],
)
def test_preview_says_what_would_be_refused_and_renders_none_of_it(
    sqlite_service: Service, fields: dict[str, str], field: str
) -> None:
    sqlite_service.start()
    sqlite_service.sign_up()
    path = sqlite_service.browse("/editor/new").page.xpath("//main//form/@action")[0]
    typed = {"title": "A title", "category": "health", "body": "Text."} | fields
    answer = sqlite_service.post(path, typed | {"action": "preview"}, page="/editor/new")
    assert answer.status == 200
    assert answer.field(field) == fields[field]
    links = answer.page.xpath("//ul[@class='remarks']//a/@href")
    assert f"#{field}" in links
    assert not answer.page.xpath("//section[@id='preview']//div[@class='text']/*")


def test_an_article_that_is_pasted_whole_fills_the_fields(desk: Service) -> None:
    token = desk.browse("/editor/new").page.xpath("//main//input[@name='csrf_token']/@value")[0]
    text = (
        "Health 21/01/2026 19:13\n\nA headline of our own\n\nWhy it matters\n\nOne *sentence*.\n\n"
        "  • first\n  • second\n\nSources:\n\n  • A journal https://journal.example/1\n\n"
        "News in the same category"
    )
    answer = desk.send("/editor/read-article", {"csrf_token": token, "text": text})
    assert json.loads(answer.body) == {
        "title": "A headline of our own",
        "category": "health",
        "body": "## Why it matters\n\nOne \\*sentence\\*.\n\n- first\n- second",
        "sources": "A journal – https://journal.example/1",
        "publish_at": "21/01/2026 19:13",
    }
    other = desk.send("/editor/read-article", {"csrf_token": token, "text": text[7:]})
    assert other.status == 422
    unknown = desk.send("/editor/read-article", {"csrf_token": token, "text": f"Un{text}"})
    assert "category" not in json.loads(unknown.body)


def test_a_new_category_is_made_with_the_article(desk: Service) -> None:
    path = desk.write(title="First of its kind", category="", new_category="Sea & Shore")
    page = desk.browse(path)
    assert page.page.xpath("//select[@name='category']/option[@selected]/text()") == ["Sea & Shore"]
    assert page.field("new_category") == ""
    assert "First of its kind" in desk.get("/feeds/sea-shore.rss").text
    # The same name again is the same category, and it goes before the one that is chosen.
    other = desk.write(title="Second", category="health", new_category="sea & shore")
    assert "Second" in desk.get("/feeds/sea-shore.rss").text
    assert "Second" not in desk.get("/feeds/health.rss").text
    draft = desk.write("save_draft", title="Begun")
    refused = desk.edit(other, new_category="x" * 101)
    assert refused.status == 422
    assert refused.field("new_category") == "x" * 101
    assert "a category needs a name" in refused.text
    # An article that is refused makes none.
    for typed in (
        {"title": ""},
        {"publish_at": "29/03/2026 02:30"},
        {"publish_at": "01/01/2036 1:00"},
    ):
        refused = desk.edit(draft, "publish", new_category="Not yet", **typed)
        assert refused.status == 422
        assert refused.field("new_category") == "Not yet"
    assert "Not yet" not in desk.get("/").text


def test_the_page_says_which_feeds_hold_an_article_and_since_when(desk: Service) -> None:
    path = desk.write(title="Here", also_in="science")

    def places() -> list[str]:
        found = desk.browse(path).page.xpath("//ul[@class='places']/li")
        return [" ".join(one.text_content().split()) for one in found]

    since = "since 21/01/2026 19:30 CET (18:30 UTC)"
    all_formats = "RSS, Atom, JSON Feed"
    assert places() == [
        f"Health ({all_formats}) {since}",
        f"Science ({all_formats}) {since}",
        f"Everything ({all_formats}) {since}",
    ]
    desk.set_clock(utc(2026, 1, 21, 19, 30))
    desk.edit(path, category="science", also_in="")
    assert places() == [f"Science ({all_formats}) {since}", f"Everything ({all_formats}) {since}"]
    desk.edit(path, "withdraw")
    assert places() == []
