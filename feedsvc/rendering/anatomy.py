"""What an article's Markdown is made of, for whoever checks it before it goes out."""

from __future__ import annotations

import re
from dataclasses import dataclass

import lxml.html

from feedsvc.rendering.html import FOOTNOTE_LINKS, raw_html
from feedsvc.rendering.sanitizing import ALLOWED_TAGS, GROUPING


@dataclass(frozen=True, slots=True)
class Anatomy:
    """The parts of a text that can be wrong without being refused.

    :param headings: level and words of each, in order.
    :param links: where each leads, as it is written; but from a footnote and back.
    :param pictures: address and alternative text, None where there is none.
    :param dropped: names of elements that no reader gets.
    """

    headings: tuple[tuple[int, str], ...]
    links: tuple[str, ...]
    pictures: tuple[tuple[str, str | None], ...]
    dropped: tuple[str, ...]


def anatomy(markdown: str) -> Anatomy:
    """Take a text apart, raw HTML in it too."""
    html = raw_html(markdown)
    if not html.strip():
        return Anatomy((), (), (), ())
    # In a page of its own, so that a page in it is none: its html and body go.
    page = lxml.html.document_fromstring(f"<html><body><div>{html}</div></body></html>")
    elements = [one for one in page.body.iterdescendants() if isinstance(one.tag, str)]
    return Anatomy(
        headings=tuple(
            (int(one.tag[1]), " ".join(one.text_content().split()))
            for one in elements
            if re.fullmatch("h[1-6]", one.tag)
        ),
        links=tuple(
            link
            for link in (one.get("href", "").strip() for one in elements if one.tag == "a")
            if not link.startswith(FOOTNOTE_LINKS)
        ),
        pictures=tuple(
            (one.get("src", "").strip(), one.get("alt")) for one in elements if one.tag == "img"
        ),
        # Readers get h1 as h2, and a div of what groups.
        dropped=tuple(sorted({one.tag for one in elements} - ALLOWED_TAGS - GROUPING - {"h1"})),
    )
