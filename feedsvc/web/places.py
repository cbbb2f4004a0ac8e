"""Where an article stands: which feeds hold it now, and since when."""

from __future__ import annotations

from dataclasses import dataclass

from feedsvc.model import ALWAYS, Entry, Feed, Format
from feedsvc.rendering import IDENTITY
from feedsvc.web import wording
from feedsvc.web.services import services


@dataclass(frozen=True, slots=True)
class Place:
    """One feed.

    :param since: when readers could have it there first, in words; "" where it stands there
        as if it always had.
    :param is_held: whether the feed's document has it now: newer ones may have taken its place.
    :param left_out: why it could not be written, each with the format, or with "" where that is
        so in all of them.
    """

    feed: Feed
    name: str
    since: str
    is_held: bool
    left_out: tuple[tuple[str, str], ...] = ()


def places(entry: Entry) -> list[Place]:
    """Each feed that an article is in, everything's last.

    :raises StorageError: the database does not answer.
    """
    found = []
    with services().storage.reading() as tx:
        missing = tx.left_out.of_entry(entry.id)
        for feed, since in tx.feeds.places_of(entry.id):
            served = tx.served.of_feed(feed.id, Format.ATOM)
            is_held = served is not None and entry.id.encode() in served.bodies[IDENTITY]
            name = feed.name or wording.EVERYTHING
            text = wording.described(since) if since > ALWAYS else ""
            faults = tuple(
                (Format(format.partition(".")[0]).label if format else "", fault)
                for feed_id, format, fault in missing
                if feed_id == feed.id
            )
            found.append(Place(feed, name, text, is_held, faults))
    return found
