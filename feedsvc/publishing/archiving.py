"""Which archive document (RFC 5005 section 4) an entry is filed in, and when: pure functions."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import datetime

from feedsvc.storage import Unfiled

# An archive document has at most so many entries, or texts of so many characters.
ARCHIVE_ENTRIES = 50
ARCHIVE_CHARACTERS = 2_000_000
# What stands around the entries of a document, at most, but for tombstones.
FRAME_BYTES = 30_000
TOMBSTONE_BYTES = 200


def surely_held(
    lengths: Mapping[str, int],
    entered: Mapping[str, datetime],
    most_bytes: int,
    tombstones: int,
) -> frozenset[str]:
    """The entries of a window, by id, that have room in each of its documents.

    :param lengths: id -> bytes of an entry where it takes most.
    :param entered: id -> when it entered the feed: the last have room before the others.
    :param tombstones: how many stand in the document.
    """
    room = most_bytes - FRAME_BYTES - tombstones * TOMBSTONE_BYTES
    held: set[str] = set()
    for id in sorted(lengths, key=lambda one: (entered[one], one), reverse=True):
        room -= lengths[id]
        if room < 0:
            break
        held.add(id)
    return frozenset(held)


def is_filing_due(unfiled: Sequence[str], held: Container[str], most: int) -> bool:
    """Whether something would be in no document of a feed.

    :param unfiled: ids of what no archive holds.
    :param held: ids of what the feed's own documents hold.
    :param most: how many ``unfiled`` was limited to; there may be more.
    """
    return len(unfiled) >= most or any(id not in held for id in unfiled)


def archive_places(
    unfiled: Sequence[Unfiled], archives: int, held: frozenset[str], most: int
) -> list[tuple[str, int]]:
    """Which entries go into which archive document where filing is due; the oldest is number 1.

    All but the last few that entered: the next publish then finds nothing to do, and what was
    written just now can still be corrected in one place. Into new documents only: a reader
    that has one does not look into it again (RFC 5005 section 4).

    :param unfiled: in the order in which they entered the feed.
    :param archives: how many documents there are.
    """
    is_missing = [one.entry_id not in held for one in unfiled]
    is_all = len(unfiled) >= most
    settled = len(unfiled) if is_all else len(unfiled) - len(held) // 2
    number, entries, characters = archives + 1, 0, 0
    places: list[tuple[str, int]] = []
    for place, one in enumerate(unfiled):
        if place >= settled and not is_missing[place]:
            continue
        is_full = entries >= ARCHIVE_ENTRIES or characters + one.characters > ARCHIVE_CHARACTERS
        if entries and is_full:
            number, entries, characters = number + 1, 0, 0
        places.append((one.entry_id, number))
        entries, characters = entries + 1, characters + one.characters
    return places
