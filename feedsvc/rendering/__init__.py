"""Feeds and article texts as bytes and HTML; each quirk of feedgen is mended here."""

from feedsvc.rendering.html import entry_html, first_paragraph, is_right_to_left, summary_text
from feedsvc.rendering.render import (
    LeftOut,
    Rendered,
    documents,
    feed_title,
    fingerprint,
    ordered,
    render,
)

__all__ = [
    "LeftOut",
    "Rendered",
    "documents",
    "entry_html",
    "feed_title",
    "fingerprint",
    "first_paragraph",
    "is_right_to_left",
    "ordered",
    "render",
    "summary_text",
]
