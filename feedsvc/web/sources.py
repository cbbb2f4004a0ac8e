"""The lines of the field Sources as rows of a table: a name, an address, what is wrong with it.

``static/sources.js`` takes lines apart in the same way.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

from feedsvc.characters import clean_line
from feedsvc.importing import parse_source
from feedsvc.publishing import MOST_SOURCES

# What stands where an address would and is not whole: ``Name – example.org/page``.
_HALF_ADDRESS = re.compile(
    r"(?:(?P<name>.*\S)\s+[–—-]\s+)?"
    r"(?P<address>[a-z][a-z0-9+.-]*:\S*|www\.\S+|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?:/\S*)?)",
    re.IGNORECASE,
)
# A longer one is no line of a name and an address, and would take its time.
LONGEST_LINE = 2_000


class SourceRow(NamedTuple):
    """One source.

    :param line: as it stands in the field.
    :param is_broken: whether the address is none that readers could follow.
    """

    line: str
    name: str
    address: str
    is_broken: bool


def rows_of(text: str) -> list[SourceRow]:
    """Those of the field, and an empty one to write the next into.

    No more than an article may have: a text in the wrong field stays a text.
    """
    found = filter(None, map(_row, text.splitlines()))
    return [*islice(found, MOST_SOURCES), SourceRow("", "", "", False)]


def _row(line: str) -> SourceRow | None:
    line = clean_line(line)
    source = parse_source(line)
    if source is None:
        return None
    if source.url is not None:
        name = "" if source.name == source.url else source.name
        return SourceRow(line, name, source.url, False)
    half = _HALF_ADDRESS.fullmatch(source.name) if len(line) <= LONGEST_LINE else None
    if half is None:
        return SourceRow(line, source.name, "", False)
    return SourceRow(line, half["name"] or "", half["address"], True)
