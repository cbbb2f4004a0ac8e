"""What a feed document does wrong, by the rules of those who wrote the formats down.

RSS 2.0 and the RSS Advisory Board's Best Practices Profile, RFC 4287, JSON Feed 1.1; and what
the W3C's feed validator reports as an error or a warning beyond them.
Where that validator is wrong by the standards it stands for, this judge is silent:

- plain text with ``</p>`` or the like in it: the Profile ("title") wants its < as ``&#x3C;``, which
  this is, and RFC 4287 section 3.1.1.1 means it literally. Said to be HTML, Atom's would be
  shown with its escapes by readers that do not look at ``type``;
- MathML in HTML: an element of HTML since HTML 5 (section "Embedded content: MathML");
- the namespace of tombstones: RFC 4287 section 6 lets any stand there, RFC 6721 describes it;
- dates before 1990, and addresses whose host has no dot: no standard knows a bound (RFC 4287
  section 3.3, RFC 3986 section 3.2.2);
- ``<dt>`` and ``<a>`` within ``<figcaption>``: its HTML parser does not know that element.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any

from lxml import etree

from feedsvc.characters import is_language_tag
from feedsvc.model import Format

A = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
DC = "{http://purl.org/dc/elements/1.1/}"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def findings(
    document: bytes, format: Format, fetched_from: str, now: datetime | None = None
) -> list[str]:
    """Each fault in words; none of a document that is right.

    :param fetched_from: the address that the document was got from.
    :param now: aware; without it no date is too late.
    """
    judges = {Format.RSS: _of_rss, Format.ATOM: _of_atom, Format.JSON: _of_json}
    text = document.decode("utf-8")
    found = list(_of_characters(text, "the document"))
    return found + list(judges[format](document, fetched_from, now))


# Characters, addresses, dates, languages

_BAD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffd-\uffff]")


def _of_characters(text: str, where: str) -> Iterator[str]:
    for sign in set(_BAD.findall(text)):
        yield f"U+{ord(sign):04X} in {where}"
    for sign in {one for one in text if ord(one) & 0xFFFE == 0xFFFE}:
        yield f"U+{ord(sign):04X} in {where}"


_URI = re.compile(r"https?://[A-Za-z0-9.\-]+(:[0-9]+)?(/[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]*)?")


def _of_address(address: str | None, where: str) -> Iterator[str]:
    if not address or not _URI.fullmatch(address):
        yield f"{where} is no whole address of the web: {address!r}"


_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z")


def _of_rfc3339(text: str | None, where: str, now: datetime | None) -> Iterator[str]:
    if text is None or not _RFC_3339.fullmatch(text):
        yield f"{where} is no date of RFC 3339 that all read: {text!r}"
        return
    yield from _of_instant(datetime.fromisoformat(text), where, now)


def _of_rfc822(text: str | None, where: str, now: datetime | None) -> Iterator[str]:
    try:
        instant = parsedate_to_datetime(text or "")
    except ValueError:
        yield f"{where} is no date of RFC 822: {text!r}"
        return
    if format_datetime(instant.astimezone(UTC)) != text:
        yield f"{where} is not in the one form that all read, or of another weekday: {text!r}"
    yield from _of_instant(instant, where, now)


def _of_instant(instant: datetime, where: str, now: datetime | None) -> Iterator[str]:
    if now is not None and instant > now + timedelta(minutes=10):
        yield f"{where} lies ahead: {instant.isoformat()}"


def _of_language(tag: str | None, where: str) -> Iterator[str]:
    if not tag or not is_language_tag(tag):
        yield f"{where} has no language: {tag!r}"


def _of_line(text: str | None, where: str) -> Iterator[str]:
    if not (text or "").strip():
        yield f"{where} is empty"


# HTML

_VOID = {"br", "hr", "img"}
_TEXT = "p br hr h2 h3 h4 h5 h6 ul ol li dl dt dd blockquote pre code em strong b i u s del ins"
_MORE = "a img figure figcaption table caption thead tbody tfoot tr th td sub sup small mark"
_WORDS = "abbr cite q kbd samp var time bdi div span"
_ELEMENTS = set(f"{_TEXT} {_MORE} {_WORDS}".split())
_TOKENS = "math mi mo mn ms mtext mspace mrow mfrac msqrt mroot msub msup msubsup munder mover"
_TABLES = "munderover mmultiscripts mprescripts mtable mtr mtd mstyle mpadded mphantom merror"
_FORMULAS = set(f"{_TOKENS} {_TABLES}".split())
_SAID = {"href", "title", "src", "alt", "width", "height", "dir", "lang", "start", "reversed", "id"}
_SAID |= {"scope", "colspan", "rowspan", "datetime"}


class _Html(HTMLParser):
    def __init__(self, where: str) -> None:
        super().__init__(convert_charrefs=True)
        self.where = where
        self.found: list[str] = []
        self.open: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _ELEMENTS | _FORMULAS:
            self.found.append(f"<{tag}> in {self.where}")
        if tag in ("a", "p") and tag in self.open:
            self.found.append(f"<{tag}> within <{tag}> in {self.where}")
        if "math" in self.open and tag not in _FORMULAS:
            self.found.append(f"<{tag}> in a formula in {self.where}")
        for name, value in attrs:
            self._attribute(tag, name, value or "")
        if tag not in _VOID:
            self.open.append(tag)

    def _attribute(self, tag: str, name: str, value: str) -> None:
        if tag in _ELEMENTS and name not in _SAID:
            self.found.append(f"{tag} {name}= in {self.where}")
        if name in ("href", "src"):
            scheme = re.sub(r"[\x00-\x20]", "", value).partition(":")[0].lower()
            if scheme not in ("http", "https", "mailto", "tel"):
                self.found.append(f"{tag} {name}={value!r} in {self.where}")
        if name == "id":
            if not re.fullmatch(r"fn(ref)?-[0-9a-f]{6}-\d+(:\d+)?", value) or value in self.ids:
                self.found.append(f"id={value!r} in {self.where}")
            self.ids.add(value)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.found.append(f"</{tag}> out of order in {self.where}")

    def handle_comment(self, data: str) -> None:
        self.found.append(f"a comment in {self.where}")

    handle_decl = handle_pi = unknown_decl = handle_comment


def of_html(html: str, where: str) -> list[str]:
    """What a reader may stumble over in the HTML of an entry, or has to take out."""
    parser = _Html(where)
    parser.feed(html)
    parser.close()
    found = parser.found + [f"<{tag}> is not closed in {where}" for tag in parser.open]
    return found + list(_of_characters(html, where)) + list(_of_line(html, where))


# RSS 2.0

_ONCE_IN_CHANNEL = ("title", "link", "description", "language", "lastBuildDate", "generator")
_PLAIN = re.compile(rb"<(title|category|dc:creator)(?: [^>]*)?>([^<]*)</")


def _of_rss(document: bytes, fetched_from: str, now: datetime | None) -> Iterator[str]:
    rss = etree.fromstring(document)
    channels = rss.findall("channel")
    if rss.tag != "rss" or rss.get("version") != "2.0" or len(channels) != 1 or len(rss) != 1:
        yield "it is no RSS 2.0 with one channel"
        return
    (channel,) = channels
    yield from _of_emptiness(rss)
    for name in _ONCE_IN_CHANNEL:
        if len(channel.findall(name)) != 1:
            yield f"the channel has not one {name}"
        yield from _of_line(channel.findtext(name), f"the channel's {name}")
    yield from _of_address(channel.findtext("link"), "the channel's link")
    yield from _of_language(channel.findtext("language"), "the channel")
    yield from _of_rfc822(channel.findtext("lastBuildDate"), "lastBuildDate", now)
    if [link.get("href") for link in channel.findall(f"{A}link[@rel='self']")] != [fetched_from]:
        yield "atom:link self is not the address that it was fetched from"
    names = [child.tag for child in channel]
    if "item" in names and set(names[names.index("item") :]) != {"item"}:
        yield "the channel goes on behind its items"
    if channel.findall(f"{DC}creator") and channel.findall("managingEditor"):
        yield "managingEditor and dc:creator say the same"
    yield from _of_image(channel)
    for _, text in _PLAIN.findall(document):
        if b"&amp;" in text or b"&lt;" in text:
            yield f"& or < of plain text is not written in hexadecimal: {text!r}"
    items = channel.findall("item")
    guids = [item.findtext("guid") for item in items]
    if len(set(guids)) != len(guids):
        yield "a guid stands twice"
    for item in items:
        yield from _of_item(item, now)


def _of_emptiness(root: Any) -> Iterator[str]:
    for element in root.iter(etree.Element):
        if not len(element) and not (element.text or "").strip() and not element.attrib:
            yield f"{element.tag} is empty"
        if len(element) and (element.text or "").strip():
            yield f"{element.tag} has text between its elements"


def _of_image(channel: Any) -> Iterator[str]:
    for image in channel.findall("image"):
        for name in ("title", "link"):
            if image.findtext(name) != channel.findtext(name):
                yield f"the image's {name} is not the channel's"
        yield from _of_address(image.findtext("url"), "the image's url")
        for name, most in (("width", 144), ("height", 400)):
            if not 0 < int(image.findtext(name) or 1) <= most:
                yield f"the image's {name} is more than {most}"


def _of_item(item: Any, now: datetime | None) -> Iterator[str]:
    where = f"item {item.findtext('guid')}"
    names = [child.tag for child in item]
    for name in ("title", "link", "description", "guid", "pubDate", f"{DC}creator"):
        # Several people may have written it.
        if names.count(name) != 1 and not (name == f"{DC}creator" and name in names):
            yield f"{where} has not one {name}"
        yield from _of_line(item.findtext(name), f"{name} of {where}")
    for name in ("author", f"{DC}date", f"{DC}subject"):
        if name in names:
            yield f"{where} says by {name} what it says twice"
    if max(names.count("enclosure"), names.count(f"{CONTENT}encoded")) > 1:
        yield f"{where} has more than one enclosure or content"
    if f"{CONTENT}encoded" in names:
        if names.index("description") > names.index(f"{CONTENT}encoded"):
            yield f"description of {where} stands behind the content"
        yield from of_html(item.findtext(f"{CONTENT}encoded"), where)
    yield from of_html(item.findtext("description") or "", f"description of {where}")
    yield from _of_address(item.findtext("link"), f"link of {where}")
    yield from _of_rfc822(item.findtext("pubDate"), f"pubDate of {where}", now)
    for updated in item.findall(f"{A}updated"):
        yield from _of_rfc3339(updated.text, f"atom:updated of {where}", now)
    if [guid.get("isPermaLink") for guid in item.findall("guid")] != ["false"]:
        yield f"guid of {where} is taken for an address"
    categories = [one.text for one in item.findall("category")]
    if len(set(categories)) != len(categories):
        yield f"{where} has a category twice"
    for enclosure in item.findall("enclosure"):
        yield from _of_enclosure(enclosure.get("url"), enclosure, where)


def _of_enclosure(address: str | None, element: Any, where: str) -> Iterator[str]:
    yield from _of_address(address, f"enclosure of {where}")
    if not re.fullmatch(r"[1-9][0-9]*", element.get("length") or ""):
        yield f"enclosure of {where} has no length"
    if not re.fullmatch(r"[a-z]+/[a-z0-9][a-z0-9!#$&^_.+-]*", element.get("type") or ""):
        yield f"enclosure of {where} has no type"


# Atom


def _of_atom(document: bytes, fetched_from: str, now: datetime | None) -> Iterator[str]:
    feed = etree.fromstring(document)
    if feed.tag != f"{A}feed":
        yield "it is no Atom feed"
        return
    yield from _of_emptiness(feed)
    yield from _of_metadata(feed, "the feed", now)
    yield from _of_language(feed.get(XML_LANG), "the feed")
    if feed.find(f"{A}author") is None:
        yield "the feed has no author (RFC 4287 section 4.1.1)"
    if [link.get("href") for link in feed.findall(f"{A}link[@rel='self']")] != [fetched_from]:
        yield "link self is not the address that it was fetched from"
    entries = feed.findall(f"{A}entry")
    if entries and any(one.getnext().tag != f"{A}entry" for one in entries[:-1]):
        yield "something stands between the entries"
    for name in ("id", "updated"):
        values = [entry.findtext(A + name) for entry in entries]
        if len(set(values)) != len(values):
            yield f"two entries have one {name}"
    for entry in entries:
        yield from _of_entry(entry, now)


def _of_metadata(parent: Any, where: str, now: datetime | None) -> Iterator[str]:
    for name in ("id", "title", "updated"):
        if len(parent.findall(A + name)) != 1:
            yield f"{where} has not one {name}"
    if not re.fullmatch(
        "urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", parent.findtext(f"{A}id") or ""
    ):
        yield f"the id of {where} is not in its canonical form (section 4.2.6.1)"
    yield from _of_rfc3339(parent.findtext(f"{A}updated"), f"updated of {where}", now)
    for name in ("title", "subtitle", "summary", "rights"):
        for text in parent.findall(A + name):
            yield from _of_text(text, f"{name} of {where}")
    for author in parent.findall(f"{A}author"):
        yield from _of_line(author.findtext(f"{A}name"), f"a name in {where}")
    kinds = []
    for link in parent.findall(f"{A}link"):
        yield from _of_address(link.get("href"), f"a link of {where}")
        kinds.append((link.get("rel"), link.get("type"), link.get("hreflang")))
    alternates = [kind for kind in kinds if kind[0] in (None, "alternate")]
    if len(alternates) != 1:
        yield f"{where} has not one alternate (sections 4.1.1, 4.1.2)"


def _of_text(element: Any, where: str) -> Iterator[str]:
    yield from _of_line(element.text, where)
    if element.get("type", "text") != "text":
        yield f"{where} is not said to be plain text, which it is (section 3.1.1.1)"


def _of_entry(entry: Any, now: datetime | None) -> Iterator[str]:
    where = f"entry {entry.findtext(f'{A}id')}"
    yield from _of_metadata(entry, where, now)
    for name in ("published", "summary", "author"):
        # Several people may have written it.
        number = len(entry.findall(A + name))
        if number != 1 and not (name == "author" and number):
            yield f"{where} has not one {name}"
    yield from _of_rfc3339(entry.findtext(f"{A}published"), f"published of {where}", now)
    contents = entry.findall(f"{A}content")
    if len(contents) > 1:
        yield f"{where} has more than one content (section 4.1.2)"
    for content in contents:
        if content.get("type") != "html":
            yield f"the content of {where} is of type {content.get('type')}"
        yield from of_html(content.text or "", where)
    if XML_LANG in entry.attrib:
        yield from _of_language(entry.get(XML_LANG), where)
    labels = []
    for category in entry.findall(f"{A}category"):
        yield from _of_line(category.get("term"), f"a category's term in {where}")
        labels.append(category.get("label"))
    if len(set(labels)) != len(labels):
        yield f"{where} has a category twice"
    for link in entry.findall(f"{A}link[@rel='enclosure']"):
        yield from _of_enclosure(link.get("href"), link, where)


# JSON Feed 1.1


def _of_json(document: bytes, fetched_from: str, now: datetime | None) -> Iterator[str]:
    feed = json.loads(document)
    if feed.get("version") != "https://jsonfeed.org/version/1.1":
        yield "it is no JSON Feed 1.1"
    if feed.get("feed_url") != fetched_from:
        yield "feed_url is not the address that it was fetched from"
    yield from _of_line(feed.get("title"), "the feed's title")
    yield from _of_address(feed.get("home_page_url"), "home_page_url")
    yield from _of_language(feed.get("language"), "the feed")
    ids = [item["id"] for item in feed["items"]]
    if len(set(ids)) != len(ids) or not all(isinstance(id, str) and id for id in ids):
        yield "an id stands twice, or is none"
    for part in (feed, *feed["items"]):
        if any(value in ("", [], None, {}) for name, value in part.items() if name != "items"):
            yield f"an empty member in {part.get('id', 'the feed')}"
        for author in part.get("authors", []):
            yield from _of_line(author.get("name"), "an author's name")
    for item in feed["items"]:
        yield from _of_json_item(item, now)


def _of_json_item(item: dict[str, Any], now: datetime | None) -> Iterator[str]:
    where = f"item {item['id']}"
    yield from _of_address(item.get("url"), f"url of {where}")
    yield from _of_line(item.get("title"), f"title of {where}")
    yield from _of_language(item.get("language"), where)
    for name in ("date_published", "date_modified"):
        yield from _of_rfc3339(item.get(name), f"{name} of {where}", now)
    if ("content_html" in item) == ("content_text" in item):
        yield f"{where} has not one content"
    if "content_html" in item:
        yield from of_html(item["content_html"], where)
    if len(set(item.get("tags", []))) != len(item.get("tags", [])):
        yield f"{where} has a tag twice"
    if "image" in item:
        yield from _of_address(item["image"], f"image of {where}")
    for one in item.get("attachments", []):
        said = {"length": str(one.get("size_in_bytes")), "type": one.get("mime_type")}
        yield from _of_enclosure(one.get("url"), said, where)
