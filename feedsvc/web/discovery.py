"""How readers find feeds: pages for people, a list for programs, how documents look."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from flask import Response, abort, current_app, redirect, render_template, url_for
from lxml import etree
from werkzeug.routing import BaseConverter

from feedsvc.errors import NotFound
from feedsvc.model import Entry, Feed, Format
from feedsvc.phrases import Phrase
from feedsvc.rendering import RENDERER_VERSION, feed_description, feed_title
from feedsvc.web import validated
from feedsvc.web.languages import AVAILABLE, said_in
from feedsvc.web.public import MOST_CATEGORIES, page_number, public
from feedsvc.web.services import services

# Feeds on a page of them, and what of each is named.
FEEDS_PER_PAGE = 20
NEWEST = 3
# Of what stands in a feed; it may be all of a busy fortnight.
MOST_READ = 100
# More would be no list that a reader can take.
MOST_OUTLINES = 1_000
DAY_SECONDS = 86_400
FOR_EVER = "public, max-age=31536000, immutable"
SHEET = Path(__file__).parent / "static" / "feed.css"
# What the sheet says, by the property that holds it.
SHEET_SAYS = {
    "this-is-a-feed": Phrase(
        "This is a feed: copy the address of this page into a feed reader, and new articles"
        " will come to you."
    ),
    "its-page": Phrase("Its page:"),
}


class FeedSlug(BaseConverter):
    """What names a feed in an address: no document, whose names have a point."""

    regex = r"[^/.]{1,200}(?:/[^/.]{1,200})?"
    part_isolating = False
    weight = 150


# Pages


@public.get("/feeds/")
def feeds_page() -> Any:
    """What a feed is, and every feed."""
    page = page_number()
    with services().storage.reading() as tx:
        offset = (page - 1) * FEEDS_PER_PAGE
        listed = tx.public_pages.feeds(limit=FEEDS_PER_PAGE + 1, offset=offset)
        if page > 1 and not listed:
            abort(404)
        shown = [(feed, tx.entries.live_in(feed, limit=NEWEST)) for feed in listed[:FEEDS_PER_PAGE]]
        categories = tx.feeds.latest_categories(MOST_CATEGORIES)
        everything = tx.feeds.feed("all")
    return validated.page(
        render_template(
            "feeds/all.html",
            shown=shown,
            categories=categories,
            page=page,
            has_more=len(listed) > FEEDS_PER_PAGE,
            feeds=[everything],
            description=feed_description,
        )
    )


@public.get("/feeds/<feed:slug>")
def feed_page(slug: str) -> Any:
    """One feed as people read it: what is in it now, and how to subscribe."""
    with services().storage.reading() as tx:
        try:
            feed = tx.feeds.feed(slug)
        except NotFound:
            abort(404)
        if feed.slug != slug:  # an address that it had before
            return redirect(feed.reading_path, 301)
        entries: list[Entry] = services().publisher.newest_of(tx, feed, MOST_READ + 1)
        categories = tx.feeds.latest_categories(MOST_CATEGORIES)
        everything = tx.feeds.feed("all")
    return validated.page(
        render_template(
            "feeds/one.html",
            feed=feed,
            entries=entries[:MOST_READ],
            is_cut=len(entries) > MOST_READ,
            categories=categories,
            feeds=[feed] if feed.id == everything.id else [feed, everything],
            description=feed_description,
        )
    )


# For programs


@public.get("/feeds.opml")
def outlines() -> Response:
    """Every feed, to be subscribed to at once (OPML 2.0, http://opml.org/spec2.opml)."""
    with services().storage.reading() as tx:
        listed = tx.public_pages.feeds(limit=MOST_OUTLINES)
    return validated.answered(validated.made(_opml(listed)), "text/x-opml; charset=utf-8")


def _opml(listed: list[Feed]) -> bytes:
    site = services().site
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = site.title
    etree.SubElement(head, "ownerName").text = site.author or site.title
    etree.SubElement(head, "docs").text = "http://opml.org/spec2.opml"
    body = etree.SubElement(root, "body")
    for feed in listed:
        title = feed_title(feed, site)
        etree.SubElement(
            body,
            "outline",
            type="rss",
            text=title,
            title=title,
            description=feed_description(feed, site),
            language=feed.language(site),
            xmlUrl=site.absolute(feed.path(Format.RSS)),
            htmlUrl=site.absolute(feed.page_path),
        )
    text: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return text


@public.get("/feed-style/<int:version>/<tag>.css")
def feed_style(version: int, tag: str) -> Response:
    """The sheet by which a feed document reads as a page, in the language of the feed."""
    if not re.fullmatch("[A-Za-z0-9-]{1,60}", tag):
        abort(404)
    primary = tag.split("-")[0].lower()
    document = validated.made(sheet(primary if primary in AVAILABLE else "en"))
    response = validated.answered(document, "text/css; charset=utf-8")
    if version == RENDERER_VERSION:
        response.headers["Cache-Control"] = FOR_EVER
    return response


@cache
def sheet(tag: str) -> bytes:
    """The sheet with its words in a language that we speak."""
    says = "".join(f"--{name}: {_quoted(said_in(tag, SHEET_SAYS[name]))}; " for name in SHEET_SAYS)
    # Behind the rules: namespaces are declared before any other.
    return f"{SHEET.read_text('utf-8')}:root {{ {says}}}\n".encode()


def _quoted(text: str) -> str:
    """A string of CSS (CSS Syntax 3, section 4.3.5)."""
    escaped = re.sub(r'["\\\n]', lambda found: f"\\{ord(found[0]):x} ", text)
    return f'"{escaped}"'


@public.get("/favicon.ico")
def favicon() -> Response:
    """The icon that readers show beside a feed, where they look for it without reading a page."""
    response = current_app.send_static_file("favicon.ico")
    response.headers["Cache-Control"] = f"public, max-age={DAY_SECONDS}"
    return response


@public.get("/manifest.webmanifest")
def manifest() -> Response:
    """What a device needs to keep the site among its applications (Web Application Manifest)."""
    site = services().site

    def icon(name: str, sizes: str, purpose: str = "any") -> dict[str, str]:
        source = url_for("static", filename=name)
        media_type = "image/svg+xml" if name.endswith(".svg") else "image/png"
        return {"src": source, "sizes": sizes, "type": media_type, "purpose": purpose}

    return validated.answered(
        validated.made(
            json.dumps(
                {
                    "name": site.title,
                    "short_name": site.title,
                    "description": site.description,
                    "lang": site.language,
                    "id": "/",
                    "start_url": "/",
                    "scope": "/",
                    "display": "minimal-ui",
                    "theme_color": "#8a3b12",
                    "background_color": "#fdfcf9",
                    "icons": [
                        icon("icon.svg", "any"),
                        icon("icon-192.png", "192x192"),
                        icon("icon-512.png", "512x512"),
                        icon("icon-maskable-512.png", "512x512", "maskable"),
                    ],
                },
                ensure_ascii=False,
            ).encode()
        ),
        "application/manifest+json; charset=utf-8",
    )
