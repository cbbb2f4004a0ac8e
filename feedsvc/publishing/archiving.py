"""Which archive document (RFC 5005 section 4) an entry is filed in, and when: pure functions."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime

from feedsvc.model import Entry
from feedsvc.storage import LastArchive, Unfiled

# An archive document is full with so many entries, or with texts of so many characters.
ARCHIVE_ENTRIES = 50
ARCHIVE_CHARACTERS = 2_000_000
# So many of the entries that entered a feed last stay out of its archives for a while.
KEPT_UNFILED = 25
# What surrounds an entry's text in a document, at most.
BYTES_OF_MARKUP = 4_000


def surely_held(
    entries: Iterable[Entry], entered: Mapping[str, datetime], most_bytes: int
) -> frozenset[str]:
    """The entries of a window, by id, that have room in its documents of each format.

    Not measured but bounded: a character may take eight bytes, as &#x26; nearly does. What may
    have no room is filed a little earlier than it would have to be.
    """
    held: set[str] = set()
    for entry in sorted(entries, key=lambda one: entered[one.id], reverse=True):
        text = len(entry.title) + len(entry.author) + len(entry.summary) + len(entry.body)
        most_bytes -= 8 * text + BYTES_OF_MARKUP
        if most_bytes < 0:
            break
        held.add(entry.id)
    return frozenset(held)


def is_filing_due(unfiled: Sequence[str], in_window: Container[str], most: int) -> bool:
    """Whether something would be in no document of a feed.

    :param unfiled: ids of what no archive holds.
    :param in_window: ids of what the feed's own documents hold.
    :param most: how many ``unfiled`` was limited to; there may be more.
    """
    return len(unfiled) >= most or any(id not in in_window for id in unfiled)


def archive_places(
    unfiled: Sequence[Unfiled], last: LastArchive, in_window: Container[str], most: int
) -> list[tuple[str, int]]:
    """Which entries go into which archive document where filing is due; the oldest is number 1.

    All but the last few that entered are filed: the next publish then finds nothing to do,
    and what was written just now can still be corrected in one place.

    :param unfiled: in the order in which they entered the feed.
    """
    is_missing = [one.entry_id not in in_window for one in unfiled]
    settled = len(unfiled) if len(unfiled) >= most else len(unfiled) - KEPT_UNFILED
    number, entries, characters = max(1, last.number), last.entries, last.characters
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
