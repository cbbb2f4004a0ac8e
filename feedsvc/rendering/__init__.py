"""Feeds and article texts as bytes and HTML; each quirk of feedgen is mended here."""

from feedsvc.rendering.anatomy import Anatomy, anatomy
from feedsvc.rendering.deltas import Cut, cut
from feedsvc.rendering.encodings import CODINGS, ENCODINGS, IDENTITY, Unpackable, unpack
from feedsvc.rendering.html import (
    entry_html,
    first_paragraph,
    is_right_to_left,
    nesting,
    summary_text,
)
from feedsvc.rendering.render import (
    RENDERER_VERSION,
    LeftOut,
    Rendered,
    documents,
    feed_title,
    fingerprint,
    ordered,
    prepare,
    render,
)

__all__ = [
    "CODINGS",
    "ENCODINGS",
    "IDENTITY",
    "RENDERER_VERSION",
    "Anatomy",
    "Cut",
    "LeftOut",
    "Rendered",
    "Unpackable",
    "anatomy",
    "cut",
    "documents",
    "entry_html",
    "feed_title",
    "fingerprint",
    "first_paragraph",
    "is_right_to_left",
    "nesting",
    "ordered",
    "prepare",
    "render",
    "summary_text",
    "unpack",
]
