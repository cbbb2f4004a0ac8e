"""Entries as they stand in documents: made once, for all the feeds that hold them.

Each is rendered alone, so that whatever is wrong with one harms no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from html import escape
from typing import Any

from lxml import etree

from feedsvc.characters import is_writable, presentable
from feedsvc.errors import RenderingError
from feedsvc.model import Category, Content, Enclosure, Entry, Feed, Format, Site
from feedsvc.podcasts import Episode
from feedsvc.remembering import Remembered
from feedsvc.rendering import jsonfeed
from feedsvc.rendering.enclosures import absolute_url
from feedsvc.rendering.html import entry_html, summary_text
from feedsvc.rendering.media import append_media
from feedsvc.rendering.podcast import append_episode, podcast_root
from feedsvc.rendering.repairs import ATOM, CONTENT, DC, atom_entry, rss_entry, with_references
from feedsvc.timestamps import rfc3339


def _check(entry: Entry) -> None:
    # An empty title makes feedgen raise in Atom only (22); refused in both alike.
    if not presentable(entry.title).strip():
        raise RenderingError("the title is empty")
    for name in ("title", "author", "summary", "body"):
        if not is_writable(getattr(entry, name)):
            raise RenderingError(f"the {name} has a character that XML cannot carry")


def _rss_item(entry: Entry, site: Site, full_content: bool, of_feed: str) -> Any:
    _check(entry)
    item, extra = rss_entry()
    item.title(presentable(entry.title))
    item.link(href=site.absolute(entry.path), rel="alternate")
    # id(), never guid(permalink=...): a later id() would reset the flag (14).
    item.id(entry.id)
    # RSS takes descriptions for HTML, so plain text is escaped; summary before
    # content, because description() would overwrite the content (12).
    item.summary(escape(summary_text(entry), quote=False))
    if full_content and (html := entry_html(entry, site)):
        item.content(html, type="html")
    item.category([{"term": category.slug, "label": category.name} for category in _named(entry)])
    # RSS has room for one.
    for enclosure in _enclosures(entry)[:1]:
        url, length = absolute_url(enclosure, site), str(enclosure.length_bytes)
        item.enclosure(url=url, length=length, type=enclosure.media_type)
    extra.creators = _authors(entry, site)
    extra.published, extra.updated = dates(entry)
    if (language := entry.language(site)) != of_feed:
        extra.language = language
    return item.rss_entry()


def _atom_entry(entry: Entry, site: Site, full_content: bool, of_feed: str) -> Any:
    _check(entry)
    item, extra = atom_entry()
    item.id(entry.id)
    item.title(presentable(entry.title))
    item.summary(summary_text(entry))
    # Of nothing but a script nothing is left, and an empty content says that there is none.
    if full_content and (html := entry_html(entry, site)):
        # html, not xhtml (11) and not CDATA (10): any HTML is legal in it.
        item.content(html, type="html")
    # On each entry, though the feed has one: newsboat does not look there.
    item.author([{"name": name} for name in _authors(entry, site)])
    # The name is the term, too: half of the readers show that one (docs/notes/readers.md).
    item.category([{"term": category.name, "label": category.name} for category in _named(entry)])
    # feedgen demands an alternate of an entry without content; the extension
    # then writes the links itself (1).
    item.link(href=site.absolute(entry.path), rel="alternate")
    extra.links = [
        {"rel": "alternate", "type": "text/html", "href": site.absolute(entry.path)},
        *(
            {
                "rel": "enclosure",
                "type": one.media_type,
                "length": str(one.length_bytes),
                "href": absolute_url(one, site),
            }
            for one in _enclosures(entry)
        ),
    ]
    extra.published, extra.updated = dates(entry)
    if (language := entry.language(site)) != of_feed:
        extra.language = language
    item.updated(extra.updated)
    return item.atom_entry()


def _json_item(entry: Entry, site: Site, full_content: bool) -> bytes:
    _check(entry)
    published, updated = dates(entry)
    summary = summary_text(entry)
    html = entry_html(entry, site) if full_content else ""
    return jsonfeed.item(
        {
            "id": entry.id,
            "url": site.absolute(entry.path),
            "title": presentable(entry.title),
            "content_html": html,
            # One of both there must be.
            "content_text": "" if html else summary or entry.title,
            "summary": summary,
            "date_published": rfc3339(published),
            "date_modified": rfc3339(updated),
            "authors": [{"name": name} for name in _authors(entry, site)],
            "tags": [category.name for category in _named(entry)],
            "language": entry.language(site),
            "image": absolute_url(entry.picture, site) if entry.picture else "",
            "attachments": [
                {
                    "url": absolute_url(one, site),
                    "mime_type": one.media_type,
                    "size_in_bytes": one.length_bytes,
                    **_duration(one.episode),
                }
                for one in _enclosures(entry)
            ],
        }
    )


def _duration(episode: Episode) -> dict[str, int]:
    seconds = episode.duration_seconds
    return {"duration_in_seconds": seconds} if seconds else {}


def _authors(entry: Entry, site: Site) -> list[str]:
    named = [presentable(name).strip() for name in entry.authors]
    others = (presentable(name).strip() for name in (site.author, site.title))
    return list(filter(None, named)) or [next(filter(None, others), "")]


def _named(entry: Entry) -> list[Category]:
    # An empty label writes an empty <category>, and doubles stay (20).
    named = [replace(one, name=presentable(one.name) or one.slug) for one in entry.categories]
    return list({one.name: one for one in named if one.name.strip()}.values())


def _enclosures(entry: Entry) -> list[Enclosure]:
    """What can be written of them, the recording first.

    Many readers take one only: a player needs it, a picture stands in the content as well.
    """
    known = [one for one in entry.enclosures if one.is_known]
    return sorted(known, key=lambda one: one is not entry.recording)


def dates(entry: Entry) -> tuple[datetime, datetime]:
    """``published`` and ``updated``.

    :raises RenderingError: it has not both.
    """
    if entry.published is None or entry.updated is None:
        raise RenderingError("it has no published or updated instant")
    return entry.published, entry.updated


ELEMENTS: dict[Format, Callable[[Entry, Site, bool, str], Any]] = {
    Format.RSS: _rss_item,
    Format.ATOM: _atom_entry,
}
# What stands between two entries.
JOINTS = {Format.JSON: jsonfeed.JOINT}
# Where an entry's namespaces are declared while it is written: on the root, as in a feed.
_ROOTS: dict[Format, Callable[[], Any]] = {
    Format.RSS: lambda: etree.Element("rss", nsmap={"dc": DC, "atom": ATOM, "content": CONTENT}),
    Format.ATOM: lambda: etree.Element("feed"),
}


def is_in_podcast(feed: Feed, format: Format, second: Content | None = None) -> bool:
    """Whether directories read it: not the second feed, which would be the same podcast twice."""
    return format is Format.RSS and feed.podcast is not None and second is None


def part_of(
    entry: Entry,
    site: Site,
    full_content: bool,
    format: Format,
    of_feed: str,
    is_podcast: bool = False,
) -> bytes:
    """An entry as it stands in a document, made once for all the feeds that hold it.

    :param of_feed: tag of the language that the feed is in.
    """
    return _parts.get(
        (entry, site, full_content, format, of_feed, is_podcast),
        lambda: _made_part(entry, site, full_content, format, of_feed, is_podcast),
        lambda part: len(part) + size(entry),
    )


def _made_part(
    entry: Entry, site: Site, full_content: bool, format: Format, of_feed: str, is_podcast: bool
) -> bytes:
    if format is Format.JSON:
        return _json_item(entry, site, full_content)
    element = ELEMENTS[format](entry, site, full_content, of_feed)
    append_media(element, entry, site)
    if is_podcast:
        append_episode(element, entry, site)
    root = podcast_root() if is_podcast else _ROOTS[format]()
    root.append(element)
    text: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=False)
    # Between the root's tags, neither of which has a > in an attribute.
    return with_references(text[text.index(b">") + 1 : text.rindex(b"</")])


def size(entry: Entry) -> int:
    """About how much memory what is remembered of it takes, in characters."""
    return len(entry.body) + len(entry.summary) + len(entry.title)


_parts: Remembered[bytes] = Remembered(6_000_000)
