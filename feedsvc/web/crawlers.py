"""What search engines read: sitemaps and robots.txt.

Only what is live stands in them: an article enters with the commit that puts it into its
feeds, and leaves likewise.

Where there are many articles, ``/sitemap.xml`` is an index. Each of its sitemaps has those
whose ids, which chance has made, begin with certain bits; they are the digits of its number
in base two behind the first. So the same number always means the same part, each part is one
range of an index however large the archive is, and nothing has to be counted or kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from urllib.parse import quote
from xml.sax.saxutils import escape

from flask import Response, abort, current_app

from feedsvc.characters import writable
from feedsvc.model import ID_PREFIX, Feed, whole_second
from feedsvc.remembering import Remembered
from feedsvc.storage import RANGE_BITS, Address, Transaction
from feedsvc.timestamps import rfc3339
from feedsvc.web import validated
from feedsvc.web.public import public
from feedsvc.web.services import services

XML = "application/xml; charset=utf-8"
# Articles in a sitemap, about; chance makes it a few hundred more or less.
PER_SITEMAP = 8_000
MOST_ADDRESSES = 10_000
# So many parts at most: of each of more than a thousand million articles.
MOST_BITS = 17
# Pages that are no articles stand in this one.
PAGES = 0
MOST_FEEDS = 1_000
NEWS_HOURS = 48
# As many as Google takes.
MOST_NEWS = 1_000
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
NEWS = "http://www.google.com/schemas/sitemap-news/0.9"
# A sitemap takes some hundred kilobytes as it is kept.
REMEMBERED_BYTES = 5_000_000
_REMEMBERED = "feedsvc.crawlers"


@public.get("/robots.txt")
def robots() -> Response:
    """What may be fetched (RFC 9309): all but the editors' pages."""
    site = services().site
    lines = [
        "User-agent: *",
        "Disallow: /editor/",
        "Allow: /",
        "",
        f"Sitemap: {site.absolute('/sitemap.xml')}",
        f"Sitemap: {site.absolute('/news-sitemap.xml')}",
    ]
    text = "".join(f"{line}\n" for line in lines)
    return validated.answered(validated.made(text.encode()), "text/plain; charset=utf-8")


@public.get("/sitemap.xml")
def sitemap() -> Response:
    """Every page (https://www.sitemaps.org/protocol.html), or which sitemaps have them."""

    def make(tx: Transaction, everything: Feed) -> bytes:
        bits = bits_for(tx.public_pages.nth_id(everything, PER_SITEMAP))
        if not bits:
            return _url_set([*_pages(tx), *_articles(tx, everything, 1)])
        numbers = [PAGES, *range(1 << bits, 2 << bits)]
        site = services().site
        return _document(
            "sitemapindex",
            (f"<sitemap>{_loc(site.absolute(f'/sitemap-{n}.xml'))}</sitemap>" for n in numbers),
        )

    return _remembered("sitemap", make)


@public.get("/sitemap-<int:number>.xml")
def sitemap_part(number: int) -> Response:
    """One of the sitemaps that the index names."""
    if number >> (MOST_BITS + 1):
        abort(404)

    def make(tx: Transaction, everything: Feed) -> bytes:
        return _url_set(_articles(tx, everything, number) if number else _pages(tx))

    return _remembered(f"sitemap-{number}", make)


@public.get("/news-sitemap.xml")
def news_sitemap() -> Response:
    """What was published in the last two days, for Google News."""
    site = services().site

    def make(tx: Transaction, everything: Feed) -> bytes:
        since = whole_second(services().clock()) - timedelta(hours=NEWS_HOURS)
        found = tx.public_pages.published_since(everything, since, limit=MOST_NEWS)
        return _document(
            f'urlset xmlns:news="{NEWS}"',
            (_news(one, site.title, one.language or site.language) for one in found),
        )

    return _remembered("news-sitemap", make)


def _news(one: Address, publication: str, language: str) -> str:
    said = f"<news:name>{escape(publication)}</news:name>"
    said += f"<news:language>{escape(news_language(language))}</news:language>"
    return (
        f"<url>{_loc(_article(one.slug))}<lastmod>{rfc3339(one.updated)}</lastmod>"
        f"<news:news><news:publication>{said}</news:publication>"
        f"<news:publication_date>{rfc3339(one.published)}</news:publication_date>"
        f"<news:title>{escape(writable(one.title))}</news:title></news:news></url>"
    )


def news_language(tag: str) -> str:
    """A language as a news sitemap names it: two or three letters, but for the two of Chinese."""
    primary, *others = tag.lower().split("-")
    if primary == "zh":
        return "zh-tw" if {"hant", "tw", "hk", "mo"} & set(others) else "zh-cn"
    return primary


# Parts


def bits_for(nth_id: str | None) -> int:
    """How many bits of an id tell the parts apart.

    :param nth_id: the one behind the first ``PER_SITEMAP``; None where there are no more. Ids
        lie evenly, so where this one lies tells how many there are.
    """
    if nth_id is None:
        return 0
    position = int(nth_id.removeprefix(ID_PREFIX)[: RANGE_BITS // 4], 16) + 1
    bits = 1
    # Halved as often as it takes until a part ends before that one.
    while bits < MOST_BITS and (1 << RANGE_BITS) >> bits > position:
        bits += 1
    return bits


def range_of(number: int) -> tuple[int, int]:
    """The first ``RANGE_BITS`` bits of the ids in a sitemap: from the one to below the other."""
    depth = number.bit_length() - 1
    width = 1 << (RANGE_BITS - depth)
    first = (number - (1 << depth)) * width
    return first, first + width


def _articles(
    tx: Transaction, everything: Feed, number: int
) -> Iterable[tuple[str, datetime | None]]:
    found = tx.public_pages.with_ids(everything, *range_of(number), limit=MOST_ADDRESSES)
    return [(_article(slug), updated) for slug, updated in found]


def _pages(tx: Transaction) -> list[tuple[str, datetime | None]]:
    site = services().site
    listed = tx.public_pages.feeds(limit=MOST_FEEDS)
    last = max((feed.updated for feed in listed if feed.updated), default=None)
    return [
        *((site.absolute(feed.page_path), feed.updated) for feed in listed),
        (site.absolute("/feeds/"), last),
    ]


# Writing


def _url_set(addresses: Iterable[tuple[str, datetime | None]]) -> bytes:
    return _document("urlset", (_url(address, updated) for address, updated in addresses))


def _url(address: str, updated: datetime | None) -> str:
    lastmod = f"<lastmod>{rfc3339(updated)}</lastmod>" if updated else ""
    return f"<url>{_loc(address)}{lastmod}</url>"


def _document(root: str, elements: Iterable[str]) -> bytes:
    name = root.split(" ")[0]
    lines = [f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{SITEMAP}">', *elements]
    return ("\n".join(lines) + f"\n</{name}>\n").encode()


def _loc(address: str) -> str:
    return f"<loc>{escape(address)}</loc>"


def _article(slug: str) -> str:
    return services().site.absolute(f"/articles/{quote(slug)}")


def _remembered(name: str, make: Callable[[Transaction, Feed], bytes]) -> Response:
    """What ``make`` makes, once for each change of a feed; at least once a minute.

    A change to an article that stands in no feed's window, of years ago, changes no feed.
    """
    kept: Remembered[validated.Made] = current_app.extensions.setdefault(
        _REMEMBERED, Remembered(REMEMBERED_BYTES)
    )
    minute = int(services().clock().timestamp()) // validated.FRESH_SECONDS
    with services().storage.reading() as tx:
        # Before the rest: what is read after it is at least as new.
        key = name, services().site, tx.feeds.version(), minute
        document = kept.get(
            key,
            lambda: validated.made(make(tx, tx.feeds.feed("all"))),
            lambda made: len(made.packed),
        )
    return validated.answered(document, XML)
