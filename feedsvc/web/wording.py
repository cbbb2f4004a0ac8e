"""What an editor is told about an article: what was done, and what becomes of it."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from feedsvc.errors import FeedsvcError, TimestampError
from feedsvc.model import Enclosure, Entry, State
from feedsvc.phrases import Phrase, Tenths, counted
from feedsvc.publishing import DUE, Action, is_held_back
from feedsvc.timestamps import describe, is_zone_name, parse_wall, wall_text, zone_named
from feedsvc.web.languages import forms, gettext, isolated, listed, say
from feedsvc.web.services import services

# The feed that belongs to no category.
CONTENTS_CHOSEN = {
    "full": Phrase("the whole text"),
    "summary": Phrase("its summary"),
    "full+summary": Phrase("the whole text, and its summary in a second feed"),
    "summary+full": Phrase("its summary, and the whole text in a second feed"),
}
EVERYTHING = Phrase("Everything")


def hold(entry: Entry | None) -> dict[str, Any] | None:
    """How long a freshly published article is still held back."""
    if entry is None or entry.visible_at is None or not is_held_back(entry):
        return None
    seconds = (entry.visible_at - services().clock()).total_seconds()
    return {"until": entry.visible_at, "seconds": max(0, math.ceil(seconds))}


def moved_text(entry: Entry | None) -> str:
    """What a scheduled article's typed time means today, where the zone's rules changed.

    The instant stays: it is for the editor to decide.
    """
    if entry is None or entry.published is None or entry.state is not State.SCHEDULED:
        return ""
    if not entry.wall_time or not is_zone_name(entry.wall_zone):
        return ""
    zone = zone_named(entry.wall_zone)
    try:
        is_same = parse_wall(entry.wall_time) == parse_wall(wall_text(entry.published, zone))
    except TimestampError:
        return ""
    return "" if is_same else describe(entry.published, zone)


def described(instant: datetime | None) -> str:
    """An instant on the clocks of the site's zone, or ""."""
    return isolated(describe(instant, services().zone)) if instant else ""


def clock_time(instant: datetime) -> str:
    """Hour, minute and second on the clocks of the site's zone."""
    return f"{instant.astimezone(services().zone):%H:%M:%S}"


def duration(seconds: float) -> Phrase:
    """How long it takes, as exactly as somebody wants to know; countdown.js says the same."""
    left = max(0, math.ceil(seconds))
    if left < 120:
        return counted("%(number)s second", "%(number)s seconds", left)
    if left < 7200:
        return counted("%(number)s minute", "%(number)s minutes", left // 60)
    if left < 172_800:
        minutes = f"{left % 3600 // 60:02}"
        return Phrase("%(hours)s h %(minutes)s min", hours=left // 3600, minutes=minutes)
    return counted("%(number)s day", "%(number)s days", left // 86_400)


def countdown_texts() -> dict[str, Any]:
    """What countdown.js puts together, in the reader's language."""
    return {
        "seconds": forms(counted("%(number)s second", "%(number)s seconds", 1)),
        "minutes": forms(counted("%(number)s minute", "%(number)s minutes", 1)),
        "hours": gettext("%(hours)s h %(minutes)s min"),
        "days": forms(counted("%(number)s day", "%(number)s days", 1)),
        "over": gettext("a moment"),
    }


def seconds_until(instant: datetime) -> int:
    """How many seconds are left, at least 0."""
    return max(0, math.ceil((instant - services().clock()).total_seconds()))


def file(enclosure: Enclosure) -> str:
    """Type, size in pixels where it is known, and length: ``image/png, 640 × 480, 12 kB``."""
    size = f"{enclosure.width} × {enclosure.height}" if enclosure.width else ""
    return ", ".join(filter(None, (enclosure.media_type, size, length(enclosure.length_bytes))))


def length(octets: int) -> str:
    """Octets as people read them."""
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if octets >= one:
            return f"{say(Tenths(octets / one))} {unit}"
    return f"{octets} B"


def checked(enclosure: Enclosure) -> str:
    """What is known of a file, and since when: ``audio/mpeg, 12.3 MB, checked today 14:03``."""
    if enclosure.checked_at is None:
        return file(enclosure)
    zone = services().zone
    at = enclosure.checked_at.astimezone(zone)
    if at.date() == services().clock().astimezone(zone).date():
        time = f"{at:%H:%M}"
        return Phrase("%(file)s, checked today %(time)s", file=file(enclosure), time=time)
    when = described(enclosure.checked_at)
    return Phrase("%(file)s, checked on %(when)s", file=file(enclosure), when=when)


def keeping_texts() -> dict[str, str]:
    """What keeping.js says."""
    return {
        "here": gettext("What you type is kept in this browser"),
        "nowhere": gettext("What you type is kept NOWHERE"),
        "signedOut": gettext(
            "You are signed out. %(here)s; sign in in another tab, or press the button:"
            " what stands in the form comes back."
        ),
        "kept": gettext("Kept at %(time)s; not saved yet."),
        "unreachable": gettext("The server cannot be reached. %(here)s."),
        "found": gettext(
            "There is text of yours in this browser, of %(when)s, that was not saved."
            " What you type now is kept beside it."
        ),
        "foundOlder": gettext(
            "There is text of yours in this browser, of %(when)s, that was not saved;"
            " the article was saved since. What you type now is kept beside it."
        ),
        "take": gettext("Take it up"),
        "discardIt": gettext("Discard it"),
        "discard": gettext("Discard"),
        "untitled": gettext("(without a title)"),
        "inBrowser": gettext(", in this browser, %(when)s"),
    }


def done(action: str) -> Phrase:
    """What was done when a version was saved."""
    return {
        Action.SAVE_DRAFT.value: Phrase("Draft saved"),
        Action.PUBLISH.value: Phrase("Published"),
        Action.SCHEDULE.value: Phrase("Scheduled"),
        Action.CORRECT.value: Phrase("Corrected"),
        Action.UPDATE.value: Phrase("Updated"),
        Action.WITHDRAW.value: Phrase("Withdrawn"),
        Action.RESTORE.value: Phrase("Restored"),
        Action.DISCARD.value: Phrase("Discarded"),
        DUE: Phrase("Published at its time"),
    }.get(action, Phrase("As it was before"))


def said(entry: Entry, action: Action, before: Entry | None, *, is_out: bool) -> str:
    """What an editor has just done, and what becomes of it."""
    if not is_out:
        return Phrase(
            "Saved. Its feeds cannot be rendered at the moment; they will be, by themselves."
        )
    if action is Action.DISCARD:
        return Phrase("The draft is discarded. Restore takes it up again.")
    if action is Action.RESTORE and entry.state is State.DRAFT:
        return Phrase("It is a draft again.")
    if action is Action.SAVE_DRAFT and before is not None and before.state is State.SCHEDULED:
        return Phrase("The draft is saved, and is not scheduled any more. Readers do not see it.")
    names = listed([category.name for category in entry.categories])
    due = described(entry.visible_at)
    if is_held_back(entry):
        return Phrase(
            "Published. Readers get it on %(due)s; until then Withdraw takes it back.", due=due
        )
    if action is Action.WITHDRAW and entry.state is State.DRAFT:
        return Phrase("Taken back before any reader saw it. It is a draft again.")
    if action in (Action.CORRECT, Action.UPDATE) and before is not None:
        return _changes(before, entry, action)
    return {
        Action.SAVE_DRAFT: Phrase("The draft is saved. Readers do not see it."),
        Action.PUBLISH: Phrase("Published. It is in the feeds of %(names)s now.", names=names),
        Action.SCHEDULE: Phrase(
            "Scheduled: it will be in the feeds of %(names)s on %(due)s.", names=names, due=due
        ),
        Action.WITHDRAW: Phrase("Withdrawn. It is in no feed and on no page any more."),
        Action.RESTORE: Phrase(
            "Restored. It is in the feeds of %(names)s again, as the same article.", names=names
        ),
        Action.IMPORT: Phrase("Imported."),
    }[action]


def _changes(before: Entry, after: Entry, action: Action) -> str:
    """What an editor has just done to a published article, in words."""
    if after.revision == before.revision:
        return Phrase("Nothing was changed, so nothing was saved.")
    if action is Action.UPDATE:
        said = [Phrase("Updated. Readers are shown that it changed.")]
    else:
        said = [Phrase("Corrected. Readers are not told, but see it as it is now.")]
    if after.categories != before.categories:
        names = listed([category.name for category in after.categories])
        said.append(Phrase("It is in the feeds of %(names)s.", names=names))
    if after.published != before.published and after.published:
        said.append(Phrase("Its date is %(when)s now.", when=described(after.published)))
    if after.slug != before.slug:
        said.append(
            Phrase("Its address is %(path)s now; the old one goes on working.", path=after.path)
        )
    return " ".join(str(say(one)) for one in said)


def nothing_saved(error: FeedsvcError) -> Phrase:
    """Why, where nothing more can be said."""
    return Phrase("Nothing was saved: %(reason)s.", reason=error.said)


def writing(others: list[str]) -> str:
    """Who is at the same article; "" where nobody is."""
    if not others:
        return ""
    return counted(
        "%(names)s is writing in this article too.",
        "%(names)s are writing in this article too.",
        len(others),
        names=listed(others),
    )
