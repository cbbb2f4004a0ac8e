"""An article's Markdown as the HTML that pages and feeds carry.

Markdown becomes HTML (``markdown``), of which only what is harmless goes out, each
address absolute (``sanitizing``), because a feed reader shows the text far from the
site. Pure functions of their arguments.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html import escape
from itertools import pairwise

from markdown_it.token import Token

from feedsvc.characters import is_right_to_left, presentable
from feedsvc.model import Entry, Site, Source
from feedsvc.remembering import Remembered
from feedsvc.rendering.addresses import without_tracking
from feedsvc.rendering.enclosures import picture_html, recording_html
from feedsvc.rendering.markdown import document_id, has_html, parsed, turn, written
from feedsvc.rendering.sanitizing import FURNITURE, sanitized

SUMMARY_CHARACTERS = 280

_html: Remembered[str] = Remembered(2_000_000)
_paragraphs: Remembered[str] = Remembered(1_000_000)


def body_html(markdown: str, base_url: str) -> str:
    """Sanitized HTML of ``markdown``; relative addresses are taken from ``base_url``.

    Headings begin at ``h2``: the title above them is the page's ``h1``.
    """
    return _html.get(
        (markdown, base_url),
        lambda: _body_html(markdown, base_url),
        lambda html: len(markdown) + len(html),
    )


def raw_html(markdown: str) -> str:
    """HTML of ``markdown`` as it is written, which no reader may get."""
    return written(parsed(markdown), _NO_DOCUMENT)


# Of a text that is looked at, and stands nowhere.
_NO_DOCUMENT = "000000"
# How the links of its footnotes begin, which nobody typed.
FOOTNOTE_LINKS = (f"#fn-{_NO_DOCUMENT}-", f"#fnref-{_NO_DOCUMENT}-")


def _body_html(markdown: str, base_url: str) -> str:
    tokens = parsed(markdown)
    for token in tokens:
        if token.tag == "h1":
            token.tag = "h2"
    if not is_right_to_left(markdown):
        turn(tokens)
    document = document_id(base_url)
    html = written(tokens, document)
    return sanitized(html, base_url, document, is_raw=has_html(tokens))


def nesting(markdown: str) -> int:
    """How deep HTML elements stand in each other in ``markdown``, roughly.

    The sanitizer's time grows with the square of it.
    """
    deepest = depth = 0
    is_open: Counter[str] = Counter()
    for match in _TAG.finditer(markdown):
        name = match["name"].lower()
        if name in _SHALLOW:
            continue
        if not match["end"]:
            is_open[name] += 1
            depth += 1
        elif is_open[name]:  # an end of nothing closes nothing
            is_open[name] -= 1
            depth -= 1
        deepest = max(deepest, depth)
    return deepest


_TAG = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9]*)")
# Elements that are empty, or that end by themselves where the next one begins.
_SHALLOW = {"br", "hr", "img", "wbr", "input", "p", "li", "td", "th", "tr", "dt", "dd", "col"}


def entry_html(entry: Entry, site: Site) -> str:
    """The whole text of an entry: picture, body, recording, sources."""
    return _entry_html(entry, site, is_page=False)


def page_html(entry: Entry, site: Site) -> str:
    """The same as its page has it: with a player, and pictures that fit the window."""
    return _entry_html(entry, site, is_page=True)


def _entry_html(entry: Entry, site: Site, *, is_page: bool) -> str:
    html = "".join(
        (
            picture_html(entry, site, is_page=is_page),
            body_html(entry.body, site.absolute(entry.path)),
            recording_html(entry, site, is_page=is_page),
            sources_html(entry.sources),
        )
    )
    if is_right_to_left(entry.body):
        html = f'<div dir="rtl">{html}</div>'
    return presentable(html)


def sources_html(sources: tuple[Source, ...]) -> str:
    """The list of sources, or nothing."""
    if not sources:
        return ""
    items = "".join(f"<li>{_source_html(source)}</li>" for source in sources)
    return f"\n<h2>Sources</h2>\n<ul>{items}</ul>"


def _source_html(source: Source) -> str:
    name = f'<bdi dir="auto">{escape(source.name, quote=False)}</bdi>'
    if source.url is None:
        return name
    return f'<a href="{escape(without_tracking(source.url))}">{name}</a>'


def summary_text(entry: Entry) -> str:
    """Its summary as plain text: the editor's own, or the first paragraph, cut."""
    return presentable(entry.summary or _shortened(first_paragraph(entry.body)) or entry.title)


def first_paragraph(markdown: str) -> str:
    """The plain text of the first paragraph that has any."""
    return _paragraphs.get(
        markdown, lambda: _first_paragraph(markdown), lambda text: len(markdown) + len(text)
    )


def _first_paragraph(markdown: str) -> str:
    tokens = parsed(markdown)
    for before, token in pairwise(tokens):
        if before.type == "paragraph_open" and token.type == "inline":
            text = " ".join("".join(_plain(token.children or [])).split())
            if text:
                return text
    return ""


# What no reader is shown, its text neither.
_HIDING = re.compile(rf"<(?P<end>/?)(?:{'|'.join(sorted(FURNITURE))})\b", re.IGNORECASE)


def _plain(tokens: list[Token]) -> Iterator[str]:
    is_hidden = False
    for token in tokens:
        if token.type == "html_inline" and (found := _HIDING.match(token.content)):
            is_hidden = not found["end"]
        if is_hidden:
            continue
        if token.type in ("text", "code_inline"):
            yield token.content
        elif token.type in ("softbreak", "hardbreak"):
            yield " "


def _shortened(text: str) -> str:
    if len(text) <= SUMMARY_CHARACTERS:
        return text
    cut = text[:SUMMARY_CHARACTERS]
    space = cut.rfind(" ")
    return cut[: space if space > SUMMARY_CHARACTERS // 2 else None].rstrip(" .,;:–—-") + "…"
