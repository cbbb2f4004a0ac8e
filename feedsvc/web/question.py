"""What is asked once before an article goes out: where to, and when exactly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from feedsvc.model import Category, Entry, State
from feedsvc.phrases import Phrase
from feedsvc.publishing import Action, is_held_back
from feedsvc.timestamps import describe, rfc3339
from feedsvc.web.wording import EVERYTHING

# What a browser asks for by name when a form is sent in it. A script takes anything (*/*); it
# means what it sends, and nobody would read the question.
READ_BY_PEOPLE = "text/html"
ASKED_OF = {Action.PUBLISH: Phrase("Publish"), Action.SCHEDULE: Phrase("Schedule")}


@dataclass(frozen=True, slots=True)
class Question:
    """One question, as the form shows it in place of its buttons.

    :param button: what answers it with yes; ``value`` is what that button sends.
    :param feeds: names of the feeds that the article will reach, of everything's last.
    :param when: what becomes of it and when, on the clocks of the site and in UTC.
    :param due: when readers get it, where that is still to come.
    :param asked: what was asked, in short; sent with the answer. Of anything else it is none.
    """

    button: Phrase
    value: str
    title: str
    feeds: tuple[str, ...]
    when: Phrase
    due: datetime | None
    asked: str

    @classmethod
    def of(cls, entry: Entry, action: Action, zone: tzinfo) -> Question:
        """About an entry as it would stand afterwards."""
        due = entry.visible_at if entry.state is State.SCHEDULED else None
        is_timed = bool(entry.wall_time) and entry.published is not None
        return cls(
            button=ASKED_OF[action],
            value=action.value,
            title=entry.title,
            feeds=(*map(_named, entry.categories), *entry.authors, EVERYTHING),
            when=_when(entry, zone),
            due=due,
            asked=" ".join(
                [
                    action.value,
                    ",".join(one.name for one in entry.categories),
                    ",".join(entry.authors),
                    rfc3339(entry.published) if is_timed and entry.published else "now",
                ]
            ),
        )


def _named(category: Category) -> str:
    """Its name; one that the save would make has no number yet."""
    if category.id:
        return category.name
    return Phrase("%(name)s (a new category)", name=category.name)


def _when(entry: Entry, zone: tzinfo) -> Phrase:
    dated = describe(entry.published, zone) if entry.published else ""
    if is_held_back(entry) and entry.visible_at is not None:
        return Phrase(
            "Readers get it on %(due)s; until then Withdraw takes it back.",
            due=describe(entry.visible_at, zone),
        )
    if entry.state is State.SCHEDULED:
        return Phrase("It goes out on %(due)s.", due=dated)
    if entry.published != entry.visible_at:
        return Phrase("Readers get it at once; it is dated %(dated)s.", dated=dated)
    return Phrase("Readers get it at once.")
