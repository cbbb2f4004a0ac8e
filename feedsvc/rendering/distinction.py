"""Entries of one second, told apart in an Atom document.

RFC 4287 lets two entries have one ``updated``; readers that order by it then show them in any
order, and the validator of the W3C warns. An instant here is a whole second, so a fraction
of it says nothing else: the second stays, in every format.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from feedsvc.model import ID_PREFIX, Entry
from feedsvc.timestamps import rfc3339

# Three digits: what reads more of them takes them for as many milliseconds.
_FRACTIONS = 999


def told_apart(
    items: Sequence[tuple[Entry, bytes]], last_entered_first: Sequence[str]
) -> list[tuple[Entry, bytes]]:
    """The entries with no ``updated`` twice, as long as there are fractions.

    Which of them have one follows from the data: the first that entered has none, so that it
    stays as readers know it when others come; theirs are made from their ids.

    :param items: each with its element, in the order of the document.
    :param last_entered_first: their ids, and maybe others.
    """
    rank = {id: place for place, id in enumerate(last_entered_first)}
    of_second: dict[str, list[str]] = {}
    for entry, _ in sorted(items, key=lambda item: -rank[item[0].id]):
        if entry.updated is not None:
            of_second.setdefault(rfc3339(entry.updated), []).append(entry.id)
    fractions = {
        id: fraction for ids in of_second.values() for id, fraction in _fractions(ids).items()
    }
    if not fractions:
        return list(items)
    return [
        (entry, _with(part, entry, fractions[entry.id]) if entry.id in fractions else part)
        for entry, part in items
    ]


def _fractions(ids: Sequence[str]) -> dict[str, int]:
    """id -> thousandths, of all but the first; of more than there are of nothing but these."""
    taken: dict[int, str] = {}
    for id in ids[1 : _FRACTIONS + 1]:
        fraction = UUID(id.removeprefix(ID_PREFIX)).int % _FRACTIONS + 1
        while fraction in taken:
            fraction = fraction % _FRACTIONS + 1
        taken[fraction] = id
    return {id: fraction for fraction, id in taken.items()}


def _with(part: bytes, entry: Entry, thousandths: int) -> bytes:
    if entry.updated is None:
        return part
    second = rfc3339(entry.updated).encode("ascii")
    told = b"%s.%03dZ" % (second.removesuffix(b"Z"), thousandths)
    return part.replace(b"<updated>%s</updated>" % second, b"<updated>%s</updated>" % told, 1)
