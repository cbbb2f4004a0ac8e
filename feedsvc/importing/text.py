"""Articles as plain text, in the shape in which a news page is copied.

::

    Health 21/01/2026 19:13

    The headline

    A sub-heading

    A paragraph.

      • A bullet

    Sources:

      • A name – a title https://example.org/

    News in the same category

The text means itself: characters that Markdown would read as markup are escaped.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from feedsvc.characters import clean_block, clean_line
from feedsvc.errors import ImportRefused, TimestampError
from feedsvc.model import Source
from feedsvc.timestamps import ACCEPTED_FORMS, parse_wall

LARGEST_FILE_BYTES = 4_000_000

_FIRST_LINE = re.compile(
    r"(?:(?P<category>.*\S)\s+)?"
    r"(?P<time>[0-9]+/[0-9]+/[0-9]+\s+\S+|[0-9]{4}-[0-9]+-[0-9]+[T ]\S+)"
)
_BULLET = re.compile(r"[•‣▪◦●∙·*+-]\s+(?=\S)")
_SOURCES = re.compile(r"sources?\s*:?", re.IGNORECASE)
_FURNITURE = "news in the same category"
_LABEL = "news post"
_LONGEST_HEADING = 80
_MOST_HEADING_WORDS = 14
_ENDS_SENTENCE = ".:;,!…。！،؛"
_CLOSING = "\"'”’»)]"
_ADDRESS = re.compile(r"https?://\S+")
_LAST_ADDRESS = re.compile(r"[<(]?(?P<url>https?://[^\s<>]+?)[>)]?")
_CLOSING_SIGNS = re.compile(r"(?<!\\)#(?=#*$)")
_INLINE_MARKUP = re.compile(r"[\\`*_\[\]<>&~|$]")
_NUMBERED = re.compile(r"[0-9]{1,3}[.)]\s")
_LINE_MARKUP = re.compile(r"(?:[#+=:-]|[0-9]{1,9}(?=[.)]))")


@dataclass(frozen=True, slots=True)
class ImportedArticle:
    """What a file says. ``wall`` is naive: the site's zone decides its instant."""

    category: str
    wall: datetime
    wall_text: str
    title: str
    body: str
    sources: tuple[Source, ...]
    time_line: int = 1

    @property
    def origin(self) -> str:
        """Names the article, so that a second import of it is noticed."""
        digest = hashlib.sha256(f"{self.wall.isoformat()}\n{self.title}".encode()).hexdigest()
        return f"text:{digest}"


@dataclass(frozen=True, slots=True)
class _Block:
    lines: tuple[str, ...]
    is_bullet: bool

    @property
    def may_be_heading(self) -> bool:
        if self.is_bullet or len(self.lines) != 1:
            return False
        line = self.lines[0]
        return (
            len(line) <= _LONGEST_HEADING
            and len(line.split()) <= _MOST_HEADING_WORDS
            and not line.rstrip(_CLOSING).endswith(tuple(_ENDS_SENTENCE))
            and not _ADDRESS.search(line)
            and not _NUMBERED.match(line)
        )


def parse_article(data: bytes, *, category: str = "") -> ImportedArticle:
    """Read one article.

    :param category: used instead of the one in the first line.
    :raises ImportRefused: names the line and the reason.
    """
    lines = _decode(data)
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line]
    if not numbered:
        raise ImportRefused("the file is empty")
    first_number, first = numbered[0]
    found_category, wall_text, wall = _read_first_line(first, first_number)
    if not (category or found_category):
        raise ImportRefused(
            "no category before the time; write “Health 21/01/2026 19:13” or use --category",
            first_number,
        )
    if len(numbered) < 2:
        raise ImportRefused("there is no headline after the first line", first_number)
    title_number, title = numbered[1]
    if _BULLET.match(title):
        raise ImportRefused("a headline was expected here, not a bullet", title_number)
    text = _without_furniture(lines[title_number:])
    text, sources = _split_sources(text)
    body = to_markdown(text)
    if not body:
        raise ImportRefused("there is no text after the headline", title_number)
    return ImportedArticle(
        category=category or found_category,
        wall=wall,
        wall_text=wall_text,
        title=clean_line(title),
        body=body,
        sources=sources,
        time_line=first_number,
    )


def _decode(data: bytes) -> list[str]:
    if len(data) > LARGEST_FILE_BYTES:
        raise ImportRefused(f"the file is larger than {LARGEST_FILE_BYTES:,} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ImportRefused("this is not UTF-8; save the file as UTF-8", line) from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return [clean_line(line) for line in text.split("\n")]


def _read_first_line(line: str, number: int) -> tuple[str, str, datetime]:
    match = _FIRST_LINE.fullmatch(line)
    if match is None:
        raise ImportRefused(
            f"a category and a time were expected, such as “Health 21/01/2026 19:13”;"
            f" the time as {ACCEPTED_FORMS}",
            number,
        )
    try:
        wall = parse_wall(match["time"])
    except TimestampError as error:
        raise ImportRefused(str(error), number) from error
    return match["category"] or "", match["time"], wall


def _without_furniture(lines: list[str]) -> list[str]:
    """Leave out what the page shows below every article."""
    folded = [line.casefold().rstrip(":") for line in lines]
    if _FURNITURE in folded:
        last = len(folded) - 1 - folded[::-1].index(_FURNITURE)
        lines = lines[:last]
    while lines and (not lines[-1] or lines[-1].casefold() == _LABEL):
        lines = lines[:-1]
    return lines


def _split_sources(lines: list[str]) -> tuple[list[str], tuple[Source, ...]]:
    """The text before the last line ``Sources:``, and what is listed after it."""
    places = [number for number, line in enumerate(lines) if _SOURCES.fullmatch(line)]
    if not places:
        return lines, ()
    found = [parse_source(line) for line in lines[places[-1] + 1 :]]
    return lines[: places[-1]], tuple(source for source in found if source)


def parse_source(line: str) -> Source | None:
    """A source from one line: a name, an address at its end if there is one.

    None where the line is blank.
    """
    name = clean_line(line)
    while bullet := _BULLET.match(name):
        name = name[bullet.end() :]
    words = name.rsplit(maxsplit=1)
    match = _LAST_ADDRESS.fullmatch(words[-1]) if words else None
    if match is None or not _has_host(match["url"]):
        return Source(name) if name else None
    url = match["url"]
    if words[-1] == f"{url})" and url.count("(") > url.count(")"):
        url += ")"  # the address's own, as in …/Mercury_(planet)
    name = words[0].rstrip(" –—-:|,(<") if len(words) == 2 else ""
    if _BULLET.match(f"{name} –"):
        name = ""  # a sign that would be taken for a bullet when it is read again
    return Source(name or url, url)


def _has_host(address: str) -> bool:
    try:
        return bool(urlsplit(address).hostname)
    except ValueError:  # such as http://[x
        return False


def source_line(source: Source) -> str:
    """The line from which ``parse_source`` reads this source."""
    if source.url is None:
        return source.name
    return source.url if source.name == source.url else f"{source.name} – {source.url}"


def to_markdown(lines: list[str]) -> str:
    """Plain text as Markdown that shows the same text.

    A short line of its own that ends no sentence and has something below it is a
    sub-heading; lines that begin with a bullet are a list.
    """
    blocks = list(_blocks(lines))
    written: list[str] = []
    for number, block in enumerate(blocks):
        if block.is_bullet:
            glue = "\n" if number and blocks[number - 1].is_bullet else "\n\n"
            written.append(glue + "- " + "\n  ".join(_escaped(line) for line in block.lines))
        elif block.may_be_heading and number + 1 < len(blocks):
            # Markdown would take signs at a heading's end for its closing.
            heading = _CLOSING_SIGNS.sub(r"\\#", _escaped(block.lines[0]))
            written.append("\n\n## " + heading)
        else:
            written.append("\n\n" + "\n".join(_escaped(line) for line in block.lines))
    return clean_block("".join(written))


def _blocks(lines: list[str]) -> Iterator[_Block]:
    """Paragraphs, and bullets with the lines that continue them."""
    pending: list[str] = []
    is_bullet = False
    for line in [*lines, ""]:
        bullet = _BULLET.match(line)
        if (bullet or not line) and pending:
            yield _Block(tuple(pending), is_bullet)
            pending, is_bullet = [], False
        if bullet:
            pending, is_bullet = [line[bullet.end() :]], True
        elif line:
            pending.append(line)


def _escaped(line: str) -> str:
    """The line with Markdown's markup characters made literal; addresses become links."""
    parts: list[str] = []
    end = 0
    for match in _ADDRESS.finditer(line):
        address = _without_the_sentences_signs(match[0])
        if not _has_host(address) or "<" in address or ">" in address:
            continue
        parts += [_literal(line[end : match.start()]), f"<{address}>"]
        end = match.start() + len(address)
    parts.append(_literal(line[end:]))
    text = "".join(parts)
    if _LINE_MARKUP.match(text):
        digits = re.match(r"[0-9]+", text)
        place = digits.end() if digits else 0
        text = f"{text[:place]}\\{text[place:]}"
    return text


def _without_the_sentences_signs(address: str) -> str:
    """Less the signs at its end that close a sentence or a parenthesis around it."""
    end = len(address)
    unopened = address.count(")") - address.count("(")
    while address[end - 1] in ".,;:!?\"'”’»>]" or (address[end - 1] == ")" and unopened > 0):
        unopened -= address[end - 1] == ")"
        end -= 1
    return address[:end]


def _literal(text: str) -> str:
    return _INLINE_MARKUP.sub(lambda match: "\\" + match[0], text)
