"""What else an import does: sizes, the category given, sources, and words in order."""

from __future__ import annotations

import re

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from feedsvc.characters import clean_line
from feedsvc.errors import ImportRefused
from feedsvc.importing import parse_article, parse_source, source_line, to_markdown
from feedsvc.importing.text import LARGEST_FILE_BYTES
from feedsvc.model import Source


def test_a_file_that_is_too_large_is_refused_and_one_just_as_large_as_may_be_is_read() -> None:
    head = b"Health 21/01/2026 19:13\n\nHeadline\n\n"
    full = head + b"x" * (LARGEST_FILE_BYTES - len(head))
    assert len(parse_article(full).body) == LARGEST_FILE_BYTES - len(head)
    with pytest.raises(ImportRefused, match="larger than 4,000,000 bytes") as refusal:
        parse_article(full + b"x")
    assert refusal.value.line is None


@pytest.mark.parametrize("first", ["Health 21/01/2026 19:13", "21/01/2026 19:13"])
def test_the_category_given_is_used_instead_of_the_one_in_the_file(first: str) -> None:
    article = parse_article(f"{first}\n\nHeadline\n\nText".encode(), category="Science")
    assert article.category == "Science"


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ("• A – b https://example.org/", Source("A – b", "https://example.org/")),
        ("A – <https://example.org/>", Source("A", "https://example.org/")),
        ("A (https://example.org/)", Source("A", "https://example.org/")),
        ("https://example.org/", Source("https://example.org/", "https://example.org/")),
        ("* A journal", Source("A journal")),
        ("ftp://example.org/", Source("ftp://example.org/")),
        ("https://", Source("https://")),
    ],
)
def test_a_source_has_an_address_where_its_line_ends_in_one(line: str, source: Source) -> None:
    assert parse_source(line) == source
    assert parse_source(source_line(source)) == source


@pytest.mark.parametrize("line", ["", "  ", "\t"])
def test_a_blank_line_is_no_source(line: str) -> None:
    assert parse_source(line) is None


WORDS = st.sampled_from(
    [
        "one",
        "two",
        "日本",
        "متحف",
        "*a*",
        "_b_",
        "`c`",
        "1.",
        "2)",
        "<i>",
        "&amp;",
        "a|b",
        "---",
        "===",
        "~~x~~",
        "[l](u)",
        "![i](u)",
        "!",
        "\\",
        "+",
        "https://example.org/a_b",
        "<!--",
        "-->",
        "[x]:",
        "http://a.b/?c=d&e=f",
        "(https://e.org/)",
        "&#35;",
        "~~~",
        "```",
    ]
)


@given(st.lists(st.lists(WORDS, max_size=8).map(" ".join), max_size=8))
def test_the_words_shown_are_the_words_of_the_text_in_order(lines: list[str]) -> None:
    lines = [clean_line(line) for line in lines]
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    html = parser.render(to_markdown(lines))
    shown = lxml.html.fromstring(f"<div>{html}</div>").text_content().split()
    bullet = re.compile(r"^[•‣▪◦●∙·*+-]\s+(?=\S)")
    assert shown == " ".join(bullet.sub("", line, count=1) for line in lines).split()


@pytest.mark.parametrize(
    "address",
    ["https://e.org/wiki/Mercury_(planet)", "https://e.org/a_(b_(c))", "https://e.org/(a)/b"],
)
def test_an_address_keeps_its_own_parenthesis(address: str) -> None:
    found = parse_source(f"W – {address}")
    assert found
    assert found.url == address
    assert f"<{address}>" in to_markdown([f"See {address}."])
    assert f"(see <{address}>)." in to_markdown([f"Mercury (see {address})."])


def test_a_heading_of_one_sign_is_escaped_once() -> None:
    assert to_markdown(["#", "", "Text."]) == "## \\#\n\nText."
