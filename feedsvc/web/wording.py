"""What an editor is told about an article: what was done, and what becomes of it."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from feedsvc.errors import TimestampError
from feedsvc.model import Enclosure, Entry, State
from feedsvc.phrases import Phrase
from feedsvc.publishing import DUE, Action, is_held_back
from feedsvc.timestamps import describe, is_zone_name, parse_wall, wall_text, zone_named
from feedsvc.web.services import services


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
    return describe(instant, services().zone) if instant else ""


def clock_time(instant: datetime) -> str:
    """Hour, minute and second on the clocks of the site's zone."""
    return f"{instant.astimezone(services().zone):%H:%M:%S}"


def duration(seconds: float) -> str:
    """How long it takes, as exactly as somebody wants to know; countdown.js says the same."""
    left = max(0, math.ceil(seconds))
    if left == 1:
        return "1 second"
    if left < 120:
        return f"{left} seconds"
    if left < 7200:
        return f"{left // 60} minutes"
    if left < 172_800:
        return f"{left // 3600} h {left % 3600 // 60:02} min"
    return f"{left // 86_400} days"


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
            return f"{octets / one:.1f} {unit}"
    return f"{octets} B"


def checked(enclosure: Enclosure) -> str:
    """What is known of a file, and since when: ``audio/mpeg, 12.3 MB, checked today 14:03``."""
    if enclosure.checked_at is None:
        return file(enclosure)
    zone = services().zone
    at = enclosure.checked_at.astimezone(zone)
    if at.date() == services().clock().astimezone(zone).date():
        return Phrase("%(file)s, checked today %(time)s", file=file(enclosure), time=f"{at:%H:%M}")
    when = described(enclosure.checked_at)
    return Phrase("%(file)s, checked on %(when)s", file=file(enclosure), when=when)


def done(action: str) -> str:
    """What was done when a version was saved."""
    return {
        Action.SAVE_DRAFT.value: "Draft saved",
        Action.PUBLISH.value: "Published",
        Action.SCHEDULE.value: "Scheduled",
        Action.CORRECT.value: "Corrected",
        Action.UPDATE.value: "Updated",
        Action.WITHDRAW.value: "Withdrawn",
        Action.RESTORE.value: "Restored",
        DUE: "Published at its time",
    }.get(action, "As it was before")


def said(entry: Entry, action: Action, before: Entry | None, *, is_out: bool) -> str:
    if not is_out:
        return "Saved. Its feeds cannot be rendered at the moment; they will be, by themselves."
    names = " and ".join(category.name for category in entry.categories)
    due = described(entry.visible_at)
    if is_held_back(entry):
        return f"Published. Readers get it on {due}; until then Withdraw takes it back."
    if action is Action.WITHDRAW and entry.state is State.DRAFT:
        return "Taken back before any reader saw it. It is a draft again."
    if action in (Action.CORRECT, Action.UPDATE) and before is not None:
        return _changes(before, entry, action)
    return {
        Action.SAVE_DRAFT: "The draft is saved. Readers do not see it.",
        Action.PUBLISH: f"Published. It is in the feeds of {names} now.",
        Action.SCHEDULE: f"Scheduled: it will be in the feeds of {names} on {due}.",
        Action.WITHDRAW: "Withdrawn. It is in no feed and on no page any more.",
        Action.RESTORE: f"Restored. It is in the feeds of {names} again, as the same article.",
        Action.IMPORT: "Imported.",
    }[action]


def _changes(before: Entry, after: Entry, action: Action) -> str:
    """What an editor has just done to a published article, in words."""
    if after.revision == before.revision:
        return "Nothing was changed, so nothing was saved."
    said = []
    if after.categories != before.categories:
        said.append(f"It is in the feeds of {' and '.join(one.name for one in after.categories)}.")
    if after.published != before.published and after.published:
        said.append(f"Its date is {described(after.published)} now.")
    if after.slug != before.slug:
        said.append(f"Its address is {after.path} now; the old one goes on working.")
    if action is Action.UPDATE:
        said.insert(0, "Updated. Readers are shown that it changed.")
    else:
        said.insert(0, "Corrected. Readers are not told, but see it as it is now.")
    return " ".join(said)
