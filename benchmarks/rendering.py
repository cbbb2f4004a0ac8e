"""What rendering a feed costs, beside plain feedgen and Django's feedgenerator.

    python -m benchmarks.rendering

Fifty entries with a summary, two paragraphs of Markdown, an author, categories and a source.
Cold: nothing is remembered of them, and all three make HTML of the Markdown by the same
functions. One new: the other forty-nine were rendered before; feedgen and Django, which remember
nothing, render all fifty, but are given HTML that was made before. feedgen and Django write RSS
and Atom, so those two formats are compared, as they are written and in all four encodings; with
JSON Feed it is feedsvc alone. feedgen writes no author into RSS, Django no summary beside the
text, neither the rest of what feedsvc says. By turns in one process; processor time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any

from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed
from feedgen.feed import FeedGenerator

from benchmarks import articles
from feedsvc.model import Entry, Format
from feedsvc.rendering import documents, entry_html, render
from feedsvc.rendering.encodings import CODINGS
from feedsvc.rendering.html import summary_text
from tests.builders import CHANGED, FULL, HEALTH, HEALTH_FEED, PUBLISHED, SCIENCE, SITE, make_entry

ROUNDS = 15
BOTH = (Format.RSS, Format.ATOM)
PAGE = SITE.absolute(HEALTH_FEED.page_path)

Html = Callable[[Entry], str]


@dataclass(frozen=True, slots=True)
class Line:
    """What the same entries took, by who rendered them, in milliseconds."""

    what: str
    milliseconds: dict[str, float]


def measure() -> list[Line]:
    """Every kind of rendering, each round with texts that were never seen before."""
    chance = random.Random(11)  # noqa: S311 - nothing secret about it
    taken: dict[str, dict[str, list[float]]] = {}
    for number in range(ROUNDS):
        order = list(_KINDS)
        for kind in order[number % len(order) :] + order[: number % len(order)]:
            for who, formats, is_packed, is_cold in _KINDS[kind]:
                entries = _entries(chance)
                html = _html_of(entries, is_cold)
                if not is_cold:
                    _ours(entries[1:], formats, is_packed, html)
                begun = time.process_time()
                _RENDERERS[who](entries, formats, is_packed, html)
                spent = (time.process_time() - begun) * 1000
                taken.setdefault(kind, {}).setdefault(who, []).append(spent)
    return [
        Line(kind, {who: median(times) for who, times in taken[kind].items()}) for kind in _KINDS
    ]


def _entries(chance: random.Random) -> list[Entry]:
    """Fifty, the newest first; texts and ids as in no other round."""
    return [
        make_entry(
            chance.randrange(10**12),
            title=articles.sentence(chance, 7),
            summary=articles.sentence(chance, 20),
            body=articles.body(chance),
            categories=(HEALTH, SCIENCE),
            published=PUBLISHED - timedelta(days=number),
            updated=PUBLISHED - timedelta(days=number),
        )
        for number in range(1, articles.COUNT + 1)
    ]


def _html_of(entries: Sequence[Entry], is_cold: bool) -> Html:
    """HTML as feedgen and Django get it: made when it is asked for, or there already."""
    if is_cold:
        return lambda entry: entry_html(entry, SITE)
    made = {entry.id: entry_html(entry, SITE) for entry in entries[1:]}
    return lambda entry: made.get(entry.id) or entry_html(entry, SITE)


def _ours(
    entries: Sequence[Entry], formats: Sequence[Format], is_packed: bool, _html: Html
) -> None:
    for format in formats:
        body = render(HEALTH_FEED, entries, SITE, FULL, format, CHANGED).body
        if is_packed:
            documents(HEALTH_FEED, format, body, CHANGED, None)


def _feedgen(
    entries: Sequence[Entry], formats: Sequence[Format], is_packed: bool, html: Html
) -> None:
    generator = FeedGenerator()
    generator.id(HEALTH_FEED.urn)
    generator.title(HEALTH.name)
    generator.description(HEALTH.description)
    generator.language("en")
    generator.link(href=PAGE, rel="alternate")
    generator.updated(CHANGED)
    for entry in entries:
        item = generator.add_entry(order="append")
        item.id(entry.id)
        item.title(entry.title)
        item.link(href=SITE.absolute(entry.path))
        item.summary(summary_text(entry))
        item.content(html(entry), type="html")
        item.author({"name": entry.author})
        item.category([{"term": one.name, "label": one.name} for one in entry.categories])
        item.published(entry.published)
        item.updated(entry.updated)
    for format in formats:
        text = generator.rss_str() if format is Format.RSS else generator.atom_str()
        _pack(text, is_packed)


def _django(
    entries: Sequence[Entry], formats: Sequence[Format], is_packed: bool, html: Html
) -> None:
    for format in formats:
        kind: Any = Rss201rev2Feed if format is Format.RSS else Atom1Feed
        feed = kind(HEALTH.name, PAGE, HEALTH.description, language="en", feed_guid=HEALTH_FEED.urn)
        for entry in entries:
            feed.add_item(
                entry.title,
                SITE.absolute(entry.path),
                html(entry),
                author_name=entry.author,
                pubdate=entry.published,
                updateddate=entry.updated,
                unique_id=entry.id,
                unique_id_is_permalink=False,
                categories=[one.name for one in entry.categories],
            )
        _pack(feed.writeString("utf-8").encode(), is_packed)


def _pack(body: bytes, is_packed: bool) -> None:
    if is_packed:
        for pack in CODINGS.values():
            pack(body)


_RENDERERS = {"feedsvc": _ours, "feedgen": _feedgen, "django": _django}
# What is rendered, by whom: formats, whether in four encodings, whether cold.
_KINDS: dict[str, list[tuple[str, Sequence[Format], bool, bool]]] = {
    ", ".join((formats_said, encodings, memory)): [
        (who, formats, encodings != "identity", memory == "cold") for who in who_can
    ]
    for formats_said, formats, who_can in (
        ("RSS, Atom", BOTH, tuple(_RENDERERS)),
        ("RSS, Atom, JSON", tuple(Format), ("feedsvc",)),
    )
    for encodings in ("identity", "four encodings")
    for memory in ("cold", "one new")
}


def show(lines: Sequence[Line]) -> str:
    """A table; beside each time of the others, how many times ours it is."""
    rows = [
        f"\nRendering {articles.COUNT} entries, medians of {ROUNDS} rounds, ms (times ours)\n",
        f"{'':<42}{'feedsvc':>9}{'feedgen':>18}{'Django':>18}",
    ]
    for line in lines:
        ours = line.milliseconds["feedsvc"]
        others = "".join(
            f"{line.milliseconds[who]:>10.1f} ({line.milliseconds[who] / ours:>4.1f})"
            for who in ("feedgen", "django")
            if who in line.milliseconds
        )
        rows.append(f"{line.what:<42}{ours:>9.1f}{others}")
    return "\n".join(rows)


if __name__ == "__main__":
    print(show(measure()))
