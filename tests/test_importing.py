"""Plain text in, the same text out."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import lxml.html
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from feedsvc.characters import clean_line
from feedsvc.errors import ImportRefused
from feedsvc.importing import parse_article, parse_source, source_line, to_markdown
from feedsvc.model import Source
from tests.service import ROOT

SEED = ROOT.parent / "shared" / "seed" / "health-article.txt"
ARTICLE = """Health 21/01/2026 19:13

A headline

First Part

A paragraph that ends. It has two sentences.

It is so:

  • One *thing*

  • Another
    that goes on

Sources:

  • A journal – https://example.org/a

  • An institute

News in the same category

Another headline

News Post
"""


def test_the_shape_of_a_news_page_is_read() -> None:
    article = parse_article(ARTICLE.encode())
    assert article.category == "Health"
    assert article.wall == datetime(2026, 1, 21, 19, 13)  # noqa: DTZ001
    assert article.title == "A headline"
    assert article.body == (
        "## First Part\n\nA paragraph that ends. It has two sentences.\n\nIt is so:\n\n"
        "- One \\*thing\\*\n- Another\n  that goes on"
    )
    assert article.sources == (
        Source("A journal", "https://example.org/a"),
        Source("An institute"),
    )


@pytest.mark.parametrize(
    "file", sorted((ROOT / "data/samples").glob("*.txt")), ids=lambda p: p.stem
)
def test_every_sample_is_read(file: Path) -> None:
    article = parse_article(file.read_bytes())
    assert article.body.count("\n## ") >= 1
    assert "\n- " in article.body
    assert len(article.sources) == 3
    assert article.sources[-1].url
    assert "News Post" not in article.body
    assert "same category" not in article.body


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", None, "is empty"),
        ("\n\nHealth yesterday\n\nHeadline\n\nText", 3, "a category and a time were expected"),
        ("Health 10/28/2026 10:00\n\nHeadline\n\nText", 1, "no month 28"),
        ("Health 21/01/2026 19:13\n", 1, "no headline"),
        ("Health 21/01/2026 19:13\n\nHeadline\n", 3, "no text"),
        ("Health 21/01/2026 19:13\n\n• bullet\n\nText", 3, "not a bullet"),
        ("21/01/2026 19:13\n\nHeadline\n\nText", 1, "no category"),
    ],
)
def test_a_file_that_cannot_be_understood_is_named_by_line(
    text: str, line: int | None, reason: str
) -> None:
    with pytest.raises(ImportRefused, match=reason) as refusal:
        parse_article(text.encode())
    assert refusal.value.line == line


def test_bytes_that_are_not_utf_8_are_named_by_line() -> None:
    with pytest.raises(ImportRefused, match="UTF-8") as refusal:
        parse_article(b"Health 21/01/2026 19:13\n\nHeadline\n\n\xff")
    assert refusal.value.line == 5


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"21/01/2026 19:13", b"2026-01-21T19:13"),
    ],
)
def test_other_ways_to_write_the_same(change: object) -> None:
    changed = parse_article(change(ARTICLE.encode()))  # type: ignore[operator]
    plain = parse_article(ARTICLE.encode())
    assert (changed.body, changed.origin) == (plain.body, plain.origin)


def test_an_article_is_known_again_by_time_and_title() -> None:
    one = parse_article(ARTICLE.encode())
    assert parse_article(ARTICLE.replace("Health", "Other").encode()).origin == one.origin
    for text in (ARTICLE.replace("19:13", "19:14"), ARTICLE.replace("A headline", "B")):
        assert parse_article(text.encode()).origin != one.origin


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=60), st.sampled_from([None, "https://example.org/a?b=1&c=(d)"]))
def test_a_source_is_read_from_the_line_it_is_written_on(name: str, url: str | None) -> None:
    first = parse_source(f"{name} – {url}" if url else name)
    if first is not None:
        assert parse_source(source_line(first)) == first


MARKUP = st.sampled_from(
    [*list("ab \\`*_{}[]()<>#+-=.!|~&:1é日\"'"), "&amp;", "<b>", "1. ", "](x)"]
)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.lists(MARKUP, max_size=12).map("".join), max_size=6))
def test_plain_text_means_itself(lines: list[str]) -> None:
    cleaned = [clean_line(line) for line in lines]
    markdown = to_markdown(cleaned)
    html = (
        MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown)
    )
    shown = lxml.html.fromstring(f"<div>{html}</div>").text_content()
    # Bullets become lists; everything else is there, sign for sign.
    expected = [line[2:] if line[:2] in ("* ", "+ ", "- ") else line for line in cleaned]
    assert "".join(shown.split()) == "".join("".join(expected).split())


@pytest.mark.parametrize("address", ["http://[bad", "http://[x]/", "http://a℀b/"])
def test_a_malformed_address_stays_text(address: str) -> None:
    assert parse_source(f"A – {address}") == Source(f"A – {address}")
    assert to_markdown([f"see {address} here."])


def test_signs_at_the_end_of_a_heading_and_colons_stay() -> None:
    assert to_markdown(["Why we left C #", "", "x"]) == "## Why we left C \\#\n\nx"
    assert to_markdown(["|", ":--"]) == "\\|\n\\:--"


@pytest.mark.parametrize("line", ["• • x", "+: https://e.org/a", "- https://e.org/a"])
def test_a_source_that_begins_like_a_bullet_is_stable(line: str) -> None:
    first = parse_source(line)
    assert first
    assert parse_source(source_line(first)) == first


@pytest.mark.skipif(not SEED.exists(), reason="the reference article is not here")
def test_the_reference_article_is_read_without_the_pages_furniture() -> None:
    article = parse_article(SEED.read_bytes())
    lines = SEED.read_text("utf-8").splitlines()
    assert (article.category, article.wall_text) == ("Health", "21/01/2026 19:13")
    assert article.wall == datetime(2026, 1, 21, 19, 13)  # noqa: DTZ001
    assert article.title == next(line for line in lines[1:] if line)
    headings = [line for line in article.body.splitlines() if line.startswith("#")]
    assert len(headings) == 7
    assert (headings[0], headings[-1]) == ("## Background", "## Bottom Line")
    assert all(heading.startswith("## ") for heading in headings)
    bullets = [line for line in article.body.splitlines() if line.startswith("- ")]
    assert len(bullets) + len(article.sources) == sum("•" in line for line in lines)
    assert "•" not in article.body
    assert len(article.sources) == 3
    assert all(source.name and source.url is None for source in article.sources)
    for furniture in ("News in the same category", "News Post", "Sources"):
        assert furniture not in article.body


def test_a_carriage_return_alone_ends_a_line() -> None:
    assert parse_article(ARTICLE.replace("\n", "\r").encode()) == parse_article(ARTICLE.encode())


def test_the_label_is_left_out_where_nothing_follows_the_text() -> None:
    article = parse_article(b"Health 21/01/2026 19:13\n\nHeadline\n\nText.\n\nNews Post")
    assert (article.body, article.sources) == ("Text.", ())


@pytest.mark.parametrize("text", ["\ufeff", " \n\t\r\n"])
def test_a_file_of_nothing_but_blanks_is_empty(text: str) -> None:
    with pytest.raises(ImportRefused, match="is empty"):
        parse_article(text.encode())
