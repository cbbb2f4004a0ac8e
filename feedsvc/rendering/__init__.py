"""Feeds and article texts as bytes and HTML; each quirk of feedgen is mended here."""

from feedsvc.rendering.anatomy import Anatomy, anatomy
from feedsvc.rendering.deltas import Cut, cut
from feedsvc.rendering.enclosures import OWN_PICTURE, SMALL_WIDTH, absolute_url
from feedsvc.rendering.encodings import CODINGS, ENCODINGS, IDENTITY, Unpackable, unpack
from feedsvc.rendering.frame import feed_description, feed_title
from feedsvc.rendering.html import (
    entry_html,
    first_paragraph,
    nesting,
    page_html,
    summary_text,
)
from feedsvc.rendering.prolog import stylesheet_path
from feedsvc.rendering.render import (
    RENDERER_VERSION,
    LeftOut,
    Rendered,
    documents,
    fingerprint,
    longest_parts,
    ordered,
    prepare,
    render,
)

__all__ = [
    "CODINGS",
    "ENCODINGS",
    "IDENTITY",
    "OWN_PICTURE",
    "RENDERER_VERSION",
    "SMALL_WIDTH",
    "Anatomy",
    "Cut",
    "LeftOut",
    "Rendered",
    "Unpackable",
    "absolute_url",
    "anatomy",
    "cut",
    "documents",
    "entry_html",
    "feed_description",
    "feed_title",
    "fingerprint",
    "first_paragraph",
    "longest_parts",
    "nesting",
    "ordered",
    "page_html",
    "prepare",
    "render",
    "stylesheet_path",
    "summary_text",
    "unpack",
]
