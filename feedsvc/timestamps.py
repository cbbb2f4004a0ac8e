"""Wall time and zone to instant, and back.

An editor types what the clock on the newsroom's wall shows. ``parse_wall`` reads
it by explicit forms (dateutil's guessing parser takes ISO ``2026-02-03`` for 2
March when told that the day comes first); ``to_instant`` finds the one UTC
instant it means, or says why there is none or two.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from dateutil import tz

from feedsvc.errors import GapError, OverlapError, TimestampError
from feedsvc.phrases import Phrase

ACCEPTED_FORMS = Phrase("DD/MM/YYYY HH:MM (day first) or YYYY-MM-DDTHH:MM")
EARLIEST_YEAR, LATEST_YEAR = 1000, 9999

# [0-9], not \d: \d also takes the digits of other scripts, which look like a
# different number to whoever reads the page.
_DAY_FIRST = re.compile(
    r"(?P<day>[0-9]{1,2})/(?P<month>[0-9]{1,2})/(?P<year>[0-9]{4})"
    r"[ ]+(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})"
)
_ISO = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
)
MONTHS = [
    Phrase("January"),
    Phrase("February"),
    Phrase("March"),
    Phrase("April"),
    Phrase("May"),
    Phrase("June"),
    Phrase("July"),
    Phrase("August"),
    Phrase("September"),
    Phrase("October"),
    Phrase("November"),
    Phrase("December"),
]


def utc_now() -> datetime:
    """The system clock, aware, UTC."""
    return datetime.now(UTC)


def is_zone_name(name: str) -> bool:
    """Whether the IANA database has a zone ``name``, such as Europe/Rome."""
    return name in _zone_names()


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    # Read from many files, so once. Some systems list "localtime" too, which is the
    # host's zone and nobody's name.
    return frozenset(available_timezones() - {"localtime", "Factory"})


def zone_named(name: str) -> tzinfo:
    """The IANA zone ``name``.

    Only names of the database are taken: dateutil's ``gettz`` would also accept
    POSIX rules such as ``EST5EDT4`` and fall back to the host's zone.

    :raises TimestampError: there is no zone of that name.
    """
    if not is_zone_name(name):
        raise TimestampError(f"{name!r} is not an IANA time zone such as Europe/Rome")
    return ZoneInfo(name)


def parse_wall(text: str) -> datetime:
    """Read a wall time: naive, whole minutes, years 1000 to 9999.

    :raises TimestampError: names the part that is wrong and the accepted forms.
    """
    written = text.strip()
    match = _DAY_FIRST.fullmatch(written) or _ISO.fullmatch(written)
    if match is None:
        raise TimestampError(
            Phrase(
                "“%(written)s” is not a time. Write %(forms)s.",
                written=written,
                forms=ACCEPTED_FORMS,
            )
        )
    parts = {name: int(value) for name, value in match.groupdict().items()}
    year, month, day = parts["year"], parts["month"], parts["day"]
    fault = None
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        fault = Phrase("the year %(year)s is out of range", year=format(year, "04d"))
    elif not 1 <= month <= 12:
        fault = Phrase("there is no month %(month)s", month=month)
    elif not 1 <= day <= monthrange(year, month)[1]:
        fault = Phrase(
            "%(month)s %(year)s has no day %(day)s", month=MONTHS[month - 1], year=year, day=day
        )
    elif parts["hour"] > 23:
        fault = Phrase("there is no hour %(hour)s", hour=parts["hour"])
    elif parts["minute"] > 59:
        fault = Phrase("there is no minute %(minute)s", minute=parts["minute"])
    if fault:
        raise TimestampError(
            Phrase(
                "“%(written)s”: %(fault)s. Write %(forms)s.",
                written=written,
                fault=fault,
                forms=ACCEPTED_FORMS,
            )
        )
    return datetime(year, month, day, parts["hour"], parts["minute"])  # noqa: DTZ001


def to_instant(wall: datetime, zone: tzinfo, *, fold: int | None = None) -> datetime:
    """The UTC instant at which the clocks of ``zone`` show ``wall`` (naive).

    :param fold: 0 or 1 picks the first or second of two; None asks.
    :raises GapError: the clocks skip ``wall``.
    :raises OverlapError: the clocks show ``wall`` twice and ``fold`` is None.
    :raises TimestampError: the instant is beyond the years that can be written.
    """
    instant: datetime | None
    try:
        if not tz.datetime_exists(wall, zone):
            raise _gap(wall, zone)
        if fold is None and tz.datetime_ambiguous(wall, zone):
            raise _overlap(wall, zone)
        instant = wall.replace(tzinfo=zone, fold=fold or 0).astimezone(UTC)
    except OverflowError:
        instant = None
    if instant is None or not EARLIEST_YEAR <= instant.year <= LATEST_YEAR:
        raise TimestampError(
            Phrase("%(wall)s is outside the years 1000 to 9999 in UTC.", wall=_written(wall))
        )
    return instant


def to_instant_unattended(wall: datetime, zone: tzinfo) -> tuple[datetime, str | None]:
    """As ``to_instant`` where nobody can be asked: an instant and perhaps a warning.

    A skipped time is moved on by the length of the gap; of two the first is taken.
    """
    try:
        return to_instant(wall, zone), None
    except GapError as gap:
        moved = tz.resolve_imaginary(wall.replace(tzinfo=zone)).astimezone(UTC)
        return moved, f"{gap} Taken as {describe(moved, zone)}."
    except OverlapError as overlap:
        label, instant = overlap.first
        return instant, f"{overlap} Taken as the first, {label}."


def _gap(wall: datetime, zone: tzinfo) -> GapError:
    after = tz.resolve_imaginary(wall.replace(tzinfo=zone)).astimezone(UTC)
    # The offset in force before the gap, applied to the skipped time, gives the
    # same instant; the transition itself is found by halving the day before.
    low, high = after - timedelta(days=1), after
    offset = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    # Old offsets count seconds; what is offered can be typed, so it is whole minutes
    # of wall time: the last before the gap and the first after it.
    transition = high.replace(microsecond=0)
    last_before = transition - timedelta(seconds=1)
    last_before -= timedelta(seconds=last_before.astimezone(zone).second)
    first_after = transition + timedelta(seconds=-transition.astimezone(zone).second % 60)
    name = getattr(zone, "key", str(zone))
    return GapError(
        Phrase(
            "%(wall)s does not exist in %(zone)s: the clocks go from %(before)s on to %(after)s."
            " The nearest real times are %(last)s and %(first)s.",
            wall=_written(wall),
            zone=name,
            before=format(last_before.astimezone(zone), "%H:%M"),
            after=format(first_after.astimezone(zone), "%H:%M"),
            last=describe(last_before, zone),
            first=describe(first_after, zone),
        ),
        (wall_text(last_before, zone), last_before),
        (wall_text(first_after, zone), first_after),
    )


def _overlap(wall: datetime, zone: tzinfo) -> OverlapError:
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    name = getattr(zone, "key", str(zone))
    return OverlapError(
        Phrase(
            "%(wall)s comes twice in %(zone)s, because the clocks go back.",
            wall=_written(wall),
            zone=name,
        ),
        (describe(first, zone), first),
        (describe(second, zone), second),
    )


def _written(wall: datetime) -> str:
    return f"{wall.day:02d}/{wall.month:02d}/{wall.year:04d} {wall:%H:%M}"


def wall_text(instant: datetime, zone: tzinfo) -> str:
    """What an editor would type for ``instant``: ``21/01/2026 19:13``."""
    return _written(instant.astimezone(zone))


def fold_of(instant: datetime, zone: tzinfo) -> int:
    """Which of two equal wall times ``instant`` is: 0 the first (or only), 1 the second."""
    return instant.astimezone(zone).fold


def describe(instant: datetime, zone: tzinfo) -> str:
    """For people: ``21/01/2026 20:13 EET (18:13 UTC)``.

    The UTC date stands in it where it differs from the local one.
    """
    local, utc = instant.astimezone(zone), instant.astimezone(UTC)
    name = local.tzname() or ""
    if not name or name[0] in "+-":
        name = "UTC" + _offset_text(local)
    utc_text = f"{utc:%H:%M}" if utc.date() == local.date() else _written(utc)
    return f"{_written(local)} {name} ({utc_text} UTC)"


def describe_zone(instant: datetime, zone: tzinfo) -> Phrase:
    """The zone as it stands at ``instant``: ``Europe/Rome, now CET (UTC+01:00)``."""
    local = instant.astimezone(zone)
    name = getattr(zone, "key", str(zone))
    short = local.tzname() or ""
    offset = "UTC" + _offset_text(local)
    now = offset if not short or short[0] in "+-" else f"{short} ({offset})"
    return Phrase("%(zone)s, now %(offset)s", zone=name, offset=now)


def _offset_text(local: datetime) -> str:
    offset = local.utcoffset() or timedelta()
    sign, minutes = ("-", -offset) if offset < timedelta() else ("+", offset)
    total = int(minutes.total_seconds()) // 60
    return f"{sign}{total // 60:02d}:{total % 60:02d}"


def rfc3339(instant: datetime) -> str:
    """RFC 3339 in UTC with ``Z``, whole seconds: some readers ignore an offset."""
    utc = instant.astimezone(UTC)
    return (
        f"{utc.year:04d}-{utc.month:02d}-{utc.day:02d}"
        f"T{utc.hour:02d}:{utc.minute:02d}:{utc.second:02d}Z"
    )
