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
    """

    feed: Feed
    name: str
    since: str
    is_held: bool


def places(entry: Entry) -> list[Place]:
    """Each feed that an article is in, everything's last.

    :raises StorageError: the database does not answer.
    """
    found = []
    with services().storage.reading() as tx:
        for feed, since in tx.feeds.places_of(entry.id):
            served = tx.served.of_feed(feed.id, Format.ATOM)
            is_held = served is not None and entry.id.encode() in served.bodies[IDENTITY]
            name = feed.category.name if feed.category else wording.EVERYTHING
            text = wording.described(since) if since > ALWAYS else ""
            found.append(Place(feed, name, text, is_held))
    return found
