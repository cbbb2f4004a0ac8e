"""Readers from PyPI: each a function from a document to what it saw of the entries.

The parts that a reader has no word for are left out of the dictionary; a part that it has a
word for, but found nothing, is None. Each imports its reader itself, so that one can be
asked where the others are not installed.
"""

from __future__ import annotations

import io
import re
from calendar import timegm
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

import lxml.html

Seen = dict[str, Any]


def feedparser(body: bytes, _format: str, url: str) -> list[Seen]:
    """Universal Feed Parser."""
    import feedparser

    found = feedparser.parse(io.BytesIO(body), response_headers={"content-location": url})
    return [_universal(entry) for entry in found.entries]


def _universal(entry: Any) -> Seen:
    """An entry in the shape that feedparser has, and others after it."""
    return {
        "title": _plain(entry.get("title"), entry.get("title_detail")),
        "id": entry.get("id"),
        "link": entry.get("link"),
        "published": _of_struct(entry.get("published_parsed")),
        "updated": _of_struct(entry.get("updated_parsed")),
        "author": entry.get("author"),
        "categories": [tag.get("label") or tag.get("term") for tag in entry.get("tags") or []],
        "content": next((one["value"] for one in entry.get("content") or []), None),
        "enclosure": [
            [one.get("href"), one.get("type"), _number(one.get("length"))]
            for one in entry.get("enclosures") or []
        ],
    }


def _plain(title: str | None, detail: Any) -> str | None:
    """A title as text, where the reader says beside it that it is HTML."""
    if title and detail and detail.type == "text/html":
        return str(lxml.html.fragment_fromstring(title, create_parent="p").text_content())
    return title


def fastfeedparser(body: bytes, format: str, _url: str) -> list[Seen]:
    """fastfeedparser: an Atom entry's enclosures are links, without their length."""
    import fastfeedparser

    seen = []
    for entry in fastfeedparser.parse(body).entries:
        one = _universal(entry) | {"published": entry.get("published")}
        one["updated"] = entry.get("updated")
        one["enclosure"] = [
            [each.get("url"), each.get("type"), _number(each.get("length"))]
            for each in entry.get("enclosures") or []
        ]
        if format == "atom":
            links = [link for link in entry["links"] if link["rel"] == "enclosure"]
            one["enclosure"] = [[link["href"], link["type"], None] for link in links]
        seen.append(one)
    return seen


def feedparser_rs(body: bytes, _format: str, _url: str) -> list[Seen]:
    """feedparser-rs: feedparser's shape as attributes."""
    import feedparser_rs

    return [
        {
            "title": _plain(entry.title, entry.title_detail),
            "id": entry.id,
            "link": entry.link,
            "published": _of_struct(entry.published_parsed),
            "updated": _of_struct(entry.updated_parsed),
            "author": entry.author,
            "categories": [tag.label or tag.term for tag in entry.tags],
            "content": next((one.value for one in entry.content), None),
            "enclosure": [[one.href, one.type, _number(one.length)] for one in entry.enclosures],
        }
        for entry in feedparser_rs.parse(body).entries
    ]


def atoma(body: bytes, format: str, _url: str) -> list[Seen]:
    """atoma: knows neither ``dc:creator`` nor an update in RSS, nor JSON Feed 1.1's authors."""
    import atoma

    if format == "rss":
        return [
            {
                "title": item.title,
                "id": item.guid,
                "link": item.link,
                "published": _of_datetime(item.pub_date),
                "categories": item.categories,
                "content": item.content_encoded,
                "enclosure": [[one.url, one.type, one.length] for one in item.enclosures],
            }
            for item in atoma.parse_rss_bytes(body).items
        ]
    if format == "json":
        return [
            {
                "title": item.title,
                "id": item.id_,
                "link": item.url,
                "published": _of_datetime(item.date_published),
                "updated": _of_datetime(item.date_modified),
                "categories": item.tags,
                "content": item.content_html,
                "enclosure": [
                    [one.url, one.mime_type, one.size_in_bytes] for one in item.attachments
                ],
            }
            for item in atoma.parse_json_feed_bytes(body).items
        ]
    return [
        {
            "title": entry.title.value,
            "id": entry.id_,
            "link": _href(entry.links, "alternate"),
            "published": _of_datetime(entry.published),
            "updated": _of_datetime(entry.updated),
            "author": ", ".join(person.name for person in entry.authors),
            "categories": [one.label or one.term for one in entry.categories],
            "content": entry.content.value,
            "enclosure": [
                [link.href, link.type_, link.length]
                for link in entry.links
                if link.rel == "enclosure"
            ],
        }
        for entry in atoma.parse_atom_bytes(body).entries
    ]


def reader(_body: bytes, _format: str, url: str) -> list[Seen]:
    """reader, which fetches by itself; it keeps no categories."""
    from reader import make_reader

    with make_reader(":memory:") as opened:
        opened.add_feed(url)
        opened.update_feed(url)
        return [
            {
                "title": entry.title,
                "id": entry.id,
                "link": entry.link,
                "published": _of_datetime(entry.published),
                # Of one that was never updated it keeps `published` alone.
                "updated": _of_datetime(entry.updated),
                "author": ", ".join(author.name or "" for author in entry.authors),
                "content": next((one.value for one in entry.content), None),
                "enclosure": [[one.href, one.type, one.length] for one in entry.enclosures],
            }
            for entry in opened.get_entries(limit=1000)
        ]


def rss_parser(body: bytes, format: str, _url: str) -> list[Seen]:
    """rss-parser: typed models; what it has no model for lies beside them by its XML name."""
    from rss_parser import AtomParser, RSSParser

    if format == "rss":
        return [
            {
                "title": item.title.content,
                "id": item.guid.content,
                "link": item.links[0].content,
                "published": _of_datetime(item.pub_date.content),
                "updated": item.model_extra.get("atom:updated"),
                "author": item.model_extra.get("dc:creator"),
                "categories": [one.content for one in item.categories],
                "content": item.model_extra.get("content:encoded"),
                "enclosure": [_of_attributes(one, "url") for one in item.enclosures],
            }
            for item in (one.content for one in RSSParser.parse(body).channel.content.items)
        ]
    return [
        {
            "title": entry.title.content,
            "id": entry.id.content,
            "link": next(
                link.attributes["href"]
                for link in entry.links
                if link.attributes["rel"] == "alternate"
            ),
            "published": _of_datetime(entry.published.content),
            "updated": _of_datetime(entry.updated.content),
            "author": ", ".join(one.content.name.content for one in entry.authors),
            "categories": [one.attributes["label"] for one in entry.categories],
            "content": entry.content.content,
            "enclosure": [
                _of_attributes(link, "href")
                for link in entry.links
                if link.attributes["rel"] == "enclosure"
            ],
        }
        for entry in (one.content for one in AtomParser.parse(body).feed.content.entries)
    ]


def podcastparser(body: bytes, _format: str, url: str) -> list[Seen]:
    """podcastparser (gPodder's): knows neither authors nor categories nor updates."""
    import podcastparser

    return [
        {
            "title": episode["title"],
            "id": episode["guid"],
            "link": episode["link"],
            "published": datetime.fromtimestamp(episode["published"], UTC).isoformat(),
            "content": episode.get("description_html") or escape(episode["description"]),
            "enclosure": [
                [one["url"], one["mime_type"], one["file_size"]] for one in episode["enclosures"]
            ],
        }
        for episode in podcastparser.parse(url, io.BytesIO(body))["episodes"]
    ]


def listparser(body: bytes, _format: str, _url: str) -> list[Seen]:
    """listparser, of a list of subscriptions."""
    import listparser

    return [{"title": one.title, "link": one.url} for one in listparser.parse(body).feeds]


def _of_attributes(tag: Any, address: str) -> list[Any]:
    said: Mapping[str, str] = tag.attributes
    return [said.get(address), said.get("type"), _number(said.get("length"))]


def _href(links: Iterable[Any], relation: str) -> str | None:
    return next((link.href for link in links if link.rel == relation), None)


def _number(text: Any) -> int | None:
    return int(text) if re.fullmatch("[0-9]+", str(text)) else None


def _of_struct(found: Any) -> str | None:
    return datetime.fromtimestamp(timegm(found), UTC).isoformat() if found else None


def _of_datetime(found: datetime | str | None) -> str | None:
    return found.isoformat() if isinstance(found, datetime) else found


READERS: dict[str, Callable[[bytes, str, str], list[Seen]]] = {
    "feedparser": feedparser,
    "fastfeedparser": fastfeedparser,
    "feedparser-rs": feedparser_rs,
    "atoma": atoma,
    "reader": reader,
    "rss-parser": rss_parser,
    "podcastparser": podcastparser,
    "listparser": listparser,
}
