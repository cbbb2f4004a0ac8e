"""What a reader saw beside the truth. Pure functions; the readers and their faults are files."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import lxml.html

from interop.articles import Truth

HERE = Path(__file__).parent
FIELDS = (
    *("title", "id", "link", "published", "updated"),
    *("author", "categories", "content", "enclosure"),
)


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader, and which fields of which formats it has a word for.

    :param origin: ``PyPI``, ``npm`` or ``Debian``.
    :param run: the adapter, to which FORMAT URL FILE are added; ``{…}`` is filled in.
    :param needs: packages of Debian.
    :param reads: format -> fields.
    :param first_enclosure: whether it keeps one enclosure, the first.
    """

    name: str
    origin: str
    run: tuple[str, ...]
    needs: tuple[str, ...]
    reads: dict[str, frozenset[str]]
    first_enclosure: bool
    note: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that readers get wrong by themselves, whatever is written.

    :param readers: name -> the version in which it was seen.
    :param articles: slugs; empty means every article.
    """

    readers: dict[str, str]
    formats: frozenset[str]
    fields: frozenset[str]
    articles: frozenset[str]
    does: str
    cited: str

    def covers(self, finding: Finding) -> bool:
        """Whether this is what was found."""
        return (
            finding.reader in self.readers
            and finding.format in self.formats
            and finding.field in self.fields
            and (not self.articles or finding.slug in self.articles)
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """A cell that disagrees with the truth."""

    reader: str
    format: str
    field: str
    slug: str
    saw: str
    truth: str


def load_readers(file: Path = HERE / "readers.toml") -> list[Reader]:
    """All of them, in the order of the table."""
    return [
        Reader(
            name=one["name"],
            origin=one["origin"],
            run=tuple(one["run"]),
            needs=tuple(one.get("needs", ())),
            reads={format: _fields(names) for format, names in one["reads"].items()},
            first_enclosure=one.get("first_enclosure", False),
            note=one.get("note", ""),
        )
        for one in tomllib.loads(file.read_text("utf-8"))["reader"]
    ]


def load_faults(file: Path = HERE / "faults.toml") -> list[Fault]:
    """The declared ones, in the order of their numbers from 1."""
    return [
        Fault(
            readers=one["readers"],
            formats=frozenset(one["formats"]),
            fields=_fields(one["fields"]),
            articles=frozenset(one.get("articles", ())),
            does=one["does"],
            cited=one["cited"],
        )
        for one in tomllib.loads(file.read_text("utf-8"))["fault"]
    ]


def _fields(names: str) -> frozenset[str]:
    """Named one by one, or all but some: ``all``, ``all but updated author``."""
    words = names.split()
    found = frozenset(word for word in words if word not in ("all", "but"))
    if not found <= set(FIELDS):
        raise ValueError(f"no such fields: {names}")
    return frozenset(FIELDS) - found if words[:1] == ["all"] else found


def compare(
    reader: Reader, format: str, truths: Sequence[Truth], seen: Iterable[dict[str, Any]]
) -> list[Finding]:
    """Every cell in which what was ``seen`` of a feed is not the truth."""
    findings: list[Finding] = []

    def found(field: str, slug: str, saw: Any, truth: Any) -> None:
        findings.append(Finding(reader.name, format, field, slug, _shown(saw), _shown(truth)))

    waiting = {truth.slug: truth for truth in truths}
    for entry in seen:
        truth = _meant(entry, waiting.values())
        if truth is None:
            found("title", "", entry.get("title"), "no such entry")
            continue
        del waiting[truth.slug]
        for field in FIELDS:
            if (field in entry) != (field in reader.reads[format]):
                found(field, truth.slug, "not what readers.toml says that it reads", "")
            elif field in entry:
                told, owed = _normal(field, entry[field]), _owed(reader, field, truth)
                if field == "enclosure" and told and len(told) > len(owed):
                    owed += _normal(field, truth.media)
                if not _agree(field, told, owed):
                    found(field, truth.slug, told, owed)
    for slug, truth in waiting.items():
        found("title", slug, "no entry", truth.title)
    return findings


def _meant(entry: dict[str, Any], truths: Iterable[Truth]) -> Truth | None:
    """The article that an entry is; of several like parts the first."""
    keys = [(field, entry.get(field)) for field in ("id", "link", "title")]
    candidates = list(truths)
    for field, value in keys:
        for truth in candidates:
            if value and getattr(truth, field) == value:
                return truth
    return None


def _owed(reader: Reader, field: str, truth: Truth) -> Any:
    owed = getattr(truth, field)
    if field == "enclosure" and reader.first_enclosure:
        owed = owed[:1]
    return _normal(field, owed) if field != "content" else owed


def _normal(field: str, value: Any) -> Any:
    """A value as it is compared: white space, order and notation do not count."""
    if value is None:
        return None
    if field in ("published", "updated"):
        return _instant(value)
    if field == "categories":
        return sorted(" ".join(one.split()) for one in value)
    if field == "content":
        return _content(value)
    if field == "enclosure":
        return [tuple(one) for one in value]
    return " ".join(str(value).split())


def _instant(text: str) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        try:
            found = parsedate_to_datetime(text)
        except ValueError:
            return text
    if found.tzinfo is None:  # it is no instant; shown as it stands, so that it disagrees
        return text
    # To the second: a fraction may tell entries of one second apart.
    return found.astimezone(UTC).replace(microsecond=0).isoformat()


def _content(html: str) -> tuple[str, frozenset[str]]:
    """What a person reads of HTML, and the addresses of links and pictures."""
    root = lxml.html.fragment_fromstring(html, create_parent="div")
    # Where a line ends between two elements no space stands in their text.
    for element in root.iter("p", "h2", "th", "td", "li", "pre"):
        element.tail = f" {element.tail or ''}"
    addresses = [*root.xpath(".//a/@href"), *root.xpath(".//img/@src")]
    return " ".join(root.text_content().split()), frozenset(addresses)


def _agree(field: str, told: Any, owed: Any) -> bool:
    if field == "content" and told is not None:
        text, addresses = owed
        return bool(told == (text, frozenset(addresses)))
    if field == "enclosure" and told is not None:
        # A reader that has no word for type or length leaves them out.
        return len(told) == len(owed) and all(
            part in (None, whole)
            for one, other in zip(told, owed, strict=True)
            for part, whole in zip(one, other, strict=True)
        )
    return bool(told == owed)


def _shown(value: Any) -> str:
    if isinstance(value, tuple) and len(value) == 2 and not isinstance(value[1], str):
        value = " ".join([value[0], *sorted(value[1])])
    return value if isinstance(value, str) else repr(value)
