"""Wall time and zone to instant, and back: every expected instant is a UTC literal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from feedsvc.errors import GapError, OverlapError, TimestampError
from feedsvc.timestamps import (
    ACCEPTED_FORMS,
    describe,
    describe_zone,
    fold_of,
    parse_wall,
    rfc3339,
    to_instant,
    to_instant_unattended,
    utc_now,
    wall_text,
    zone_named,
)

ROME = ZoneInfo("Europe/Rome")
ATHENS = ZoneInfo("Europe/Athens")
NEW_YORK = ZoneInfo("America/New_York")

# What a machine calls its own zone is no zone of the database.
ZONES = st.sampled_from(sorted(available_timezones() - {"localtime"})).map(ZoneInfo)
WALLS = st.datetimes(datetime(1900, 1, 2), datetime(2100, 12, 30)).map(  # noqa: DTZ001
    lambda wall: wall.replace(second=0, microsecond=0)
)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def instant_of(text: str, zone: ZoneInfo = ROME, fold: int | None = None) -> datetime:
    return to_instant(parse_wall(text), zone, fold=fold)


def outcome_of(function: Callable, *arguments: object, **options: object) -> object:
    """What it gives, or the error it raises."""
    try:
        return function(*arguments, **options)
    except TimestampError as error:
        return error


def written(wall: datetime) -> str:
    return f"{wall.day:02d}/{wall.month:02d}/{wall.year:04d} {wall:%H:%M}"


def exists(wall: datetime, zone: ZoneInfo) -> bool:
    there_and_back = wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    return there_and_back.replace(tzinfo=None) == wall


@st.composite
def clock_changes(draw: st.DrawFn) -> tuple[ZoneInfo, datetime, timedelta, timedelta]:
    """A zone, the first second of another offset in it, and the two offsets."""
    zone, wall = draw(ZONES), draw(WALLS)
    low, high = wall.replace(tzinfo=UTC), wall.replace(tzinfo=UTC) + timedelta(days=200)
    offset = low.astimezone(zone).utcoffset()
    if high.astimezone(zone).utcoffset() == offset:
        return zone, low, offset, offset
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // timedelta(seconds=2) * timedelta(seconds=1)
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return zone, high, offset, high.astimezone(zone).utcoffset()


@st.composite
def walls_near_a_change(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    """A zone and a wall time around a change of its clocks, if it has any."""
    zone, change, before, _ = draw(clock_changes())
    minutes = draw(st.integers(-200, 200) | st.integers(-1500, 1500))
    near = (change + before + timedelta(minutes=minutes)).replace(tzinfo=None)
    return zone, near.replace(second=0)


PROPERTY = settings(derandomize=True, deadline=None)


@pytest.mark.parametrize(
    ("zone", "instant"),
    [
        ("Europe/Rome", utc(2026, 1, 21, 18, 13)),
        ("Europe/Athens", utc(2026, 1, 21, 17, 13)),
        ("Europe/London", utc(2026, 1, 21, 19, 13)),
        ("America/New_York", utc(2026, 1, 22, 0, 13)),
    ],
)
def test_a_plain_wall_time_is_the_instant_of_its_zone(zone: str, instant: datetime) -> None:
    assert instant_of("21/01/2026 19:13", zone_named(zone)) == instant


@pytest.mark.parametrize(
    "text",
    [
        "03/02/2026 19:13",
        "3/2/2026 19:13",
        "03/02/2026   19:13",
        "2026-02-03T19:13",
        "2026-02-03 19:13",
        "  03/02/2026 19:13\n",
    ],
)
def test_the_day_comes_first_and_iso_means_the_same_day(text: str) -> None:
    assert instant_of(text) == utc(2026, 2, 3, 18, 13)


def test_an_hour_of_one_digit_is_read() -> None:
    assert instant_of("21/01/2026 9:05") == utc(2026, 1, 21, 8, 5)


def test_a_summer_date_entered_in_winter_has_summer_time() -> None:
    assert instant_of("21/07/2026 19:13") == utc(2026, 7, 21, 17, 13)


def test_midnight_belongs_to_the_day_that_begins() -> None:
    assert instant_of("01/03/2026 00:00") == utc(2026, 2, 28, 23, 0)


def test_the_leap_day_exists_in_leap_years() -> None:
    assert instant_of("29/02/2028 12:00") == utc(2028, 2, 29, 11, 0)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("10/28/2026 10:00", "no month 28"),
        ("10/00/2026 10:00", "no month 0"),
        ("2026-13-01T10:00", "no month 13"),
        ("31/02/2026 10:00", "February 2026 has no day 31"),
        ("29/02/2026 10:00", "February 2026 has no day 29"),
        ("29/02/2100 10:00", "February 2100 has no day 29"),
        ("31/04/2026 10:00", "April 2026 has no day 31"),
        ("00/04/2026 10:00", "April 2026 has no day 0"),
        ("2026-04-31T10:00", "April 2026 has no day 31"),
        ("21/01/2026 25:00", "no hour 25"),
        ("21/01/2026 24:00", "no hour 24"),
        ("21/01/2026 19:60", "no minute 60"),
        ("21/01/0999 19:13", "year 0999"),
        ("21/01/0000 19:13", "year 0000"),
        ("0999-01-21T19:13", "year 0999"),
    ],
)
def test_an_impossible_part_is_refused_and_named(text: str, place: str) -> None:
    with pytest.raises(TimestampError) as refused:
        parse_wall(text)
    assert place in str(refused.value)
    assert text in str(refused.value)
    assert ACCEPTED_FORMS in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "yesterday",
        "21/01/2026",
        "19:13",
        "21/01/26 19:13",
        "21/01/12026 19:13",
        "121/01/2026 19:13",
        "21/01/2026 19:13 CET",
        "21/01/2026 19:13 and more",
        "on 21/01/2026 19:13",
        "21/01/2026 19:13:00",
        "21/01/2026 7:13 PM",
        "21/01/2026 19.13",
        "21-01-2026 19:13",
        "21.01.2026 19:13",
        "21/01/2026T19:13",
        "21/01/2026\n19:13",
        "21/01/2026 19:13\n20:00",
        "2026/01/21 19:13",
        "2026-1-21T19:13",
        "2026-01-21T19:13:00",
        "2026-01-21T19:13Z",
        "2026-01-21T19:13+01:00",
        "-2026-01-21T19:13",
        "20260121T1913",
        "1769019180",
        "٢١/٠١/٢٠٢٦ ١٩:١٣",
        "21/01/2026 19:1３",
        "२१/०१/२०२६ १९:१३",
        "２０２６-０１-２１T１９:１３",
    ],
)
def test_any_other_form_is_refused_with_the_accepted_ones(text: str) -> None:
    with pytest.raises(TimestampError) as refused:
        parse_wall(text)
    assert f"“{text.strip()}”" in str(refused.value)
    assert ACCEPTED_FORMS in str(refused.value)


@PROPERTY
@given(st.text())
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    wall = outcome_of(parse_wall, text)
    if isinstance(wall, TimestampError):
        assert ACCEPTED_FORMS in str(wall)
    else:
        assert (wall.tzinfo, wall.second, wall.microsecond) == (None, 0, 0)


def test_the_first_and_the_last_year_are_read() -> None:
    assert instant_of("02/01/1000 12:00", ZoneInfo("UTC")) == utc(1000, 1, 2, 12, 0)
    assert instant_of("30/12/9999 12:00", ZoneInfo("UTC")) == utc(9999, 12, 30, 12, 0)


@pytest.mark.parametrize(
    ("text", "zone"),
    [("01/01/1000 00:00", "Asia/Tokyo"), ("31/12/9999 23:59", "America/New_York")],
)
def test_an_instant_beyond_the_writable_years_is_refused(text: str, zone: str) -> None:
    with pytest.raises(TimestampError, match="outside the years 1000 to 9999"):
        instant_of(text, ZoneInfo(zone))


def test_a_skipped_time_is_refused_with_the_two_nearest_real_times() -> None:
    with pytest.raises(GapError) as refused:
        instant_of("29/03/2026 02:30")
    gap = refused.value
    assert gap.before == ("29/03/2026 01:59", utc(2026, 3, 29, 0, 59))
    assert gap.after == ("29/03/2026 03:00", utc(2026, 3, 29, 1, 0))
    assert str(gap) == (
        "29/03/2026 02:30 does not exist in Europe/Rome: the clocks go from 01:59 on to 03:00."
        " The nearest real times are 29/03/2026 01:59 CET (00:59 UTC)"
        " and 29/03/2026 03:00 CEST (01:00 UTC)."
    )


@pytest.mark.parametrize("fold", [0, 1])
def test_no_choice_makes_a_skipped_time_exist(fold: int) -> None:
    with pytest.raises(GapError):
        instant_of("29/03/2026 02:30", fold=fold)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("29/03/2026 01:59", utc(2026, 3, 29, 0, 59)),
        ("29/03/2026 03:00", utc(2026, 3, 29, 1, 0)),
        ("25/10/2026 01:59", utc(2026, 10, 24, 23, 59)),
        ("25/10/2026 03:00", utc(2026, 10, 25, 2, 0)),
    ],
)
def test_the_minutes_around_a_clock_change_are_ordinary(text: str, instant: datetime) -> None:
    assert instant_of(text) == instant


@pytest.mark.parametrize("text", ["29/03/2026 02:00", "29/03/2026 02:59"])
def test_the_first_and_the_last_minute_of_a_gap_are_in_it(text: str) -> None:
    with pytest.raises(GapError):
        instant_of(text)


@pytest.mark.parametrize("text", ["25/10/2026 02:00", "25/10/2026 02:59"])
def test_the_first_and_the_last_minute_of_an_overlap_are_in_it(text: str) -> None:
    with pytest.raises(OverlapError):
        instant_of(text)


def test_unattended_a_skipped_time_moves_on_by_the_gap_with_a_warning() -> None:
    instant, warning = to_instant_unattended(parse_wall("29/03/2026 02:30"), ROME)
    assert instant == utc(2026, 3, 29, 1, 30)
    assert "29/03/2026 02:30 does not exist in Europe/Rome" in warning
    assert "Taken as 29/03/2026 03:30 CEST (01:30 UTC)." in warning


def test_a_doubled_time_asks_with_two_labelled_instants() -> None:
    with pytest.raises(OverlapError) as refused:
        instant_of("25/10/2026 02:30")
    overlap = refused.value
    assert overlap.first == ("25/10/2026 02:30 CEST (00:30 UTC)", utc(2026, 10, 25, 0, 30))
    assert overlap.second == ("25/10/2026 02:30 CET (01:30 UTC)", utc(2026, 10, 25, 1, 30))
    assert str(overlap) == (
        "25/10/2026 02:30 comes twice in Europe/Rome, because the clocks go back."
    )


@pytest.mark.parametrize(
    ("fold", "instant"), [(0, utc(2026, 10, 25, 0, 30)), (1, utc(2026, 10, 25, 1, 30))]
)
def test_a_choice_settles_a_doubled_time(fold: int, instant: datetime) -> None:
    assert instant_of("25/10/2026 02:30", fold=fold) == instant
    assert fold_of(instant, ROME) == fold


def test_unattended_a_doubled_time_is_the_first_with_a_warning() -> None:
    instant, warning = to_instant_unattended(parse_wall("25/10/2026 02:30"), ROME)
    assert instant == utc(2026, 10, 25, 0, 30)
    assert "25/10/2026 02:30 comes twice in Europe/Rome" in warning
    assert "Taken as the first, 25/10/2026 02:30 CEST (00:30 UTC)." in warning


def test_an_ordinary_time_needs_no_warning_and_ignores_a_choice() -> None:
    assert to_instant_unattended(parse_wall("21/01/2026 19:13"), ROME) == (
        utc(2026, 1, 21, 18, 13),
        None,
    )
    assert instant_of("21/01/2026 19:13", fold=1) == utc(2026, 1, 21, 18, 13)
    assert fold_of(utc(2026, 1, 21, 18, 13), ROME) == 0


def test_order_is_by_instant_not_by_what_the_clock_shows() -> None:
    assert instant_of("25/10/2026 02:15", fold=1) > instant_of("25/10/2026 02:30", fold=0)


def test_a_day_that_apia_skipped_lies_between_its_neighbours() -> None:
    with pytest.raises(GapError) as refused:
        instant_of("30/12/2011 12:00", ZoneInfo("Pacific/Apia"))
    assert refused.value.before == ("29/12/2011 23:59", utc(2011, 12, 30, 9, 59))
    assert refused.value.after == ("31/12/2011 00:00", utc(2011, 12, 30, 10, 0))


def test_unattended_a_day_that_apia_skipped_moves_on_by_a_day() -> None:
    instant, warning = to_instant_unattended(
        parse_wall("30/12/2011 12:00"), ZoneInfo("Pacific/Apia")
    )
    assert instant == utc(2011, 12, 30, 22, 0)
    assert "31/12/2011 12:00" in warning


def test_a_gap_of_half_an_hour_has_its_own_neighbours() -> None:
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    with pytest.raises(GapError) as refused:
        instant_of("04/10/2026 02:15", lord_howe)
    assert refused.value.before == ("04/10/2026 01:59", utc(2026, 10, 3, 15, 29))
    assert refused.value.after == ("04/10/2026 02:30", utc(2026, 10, 3, 15, 30))
    assert instant_of("04/10/2026 02:30", lord_howe) == utc(2026, 10, 3, 15, 30)
    instant, warning = to_instant_unattended(parse_wall("04/10/2026 02:15"), lord_howe)
    assert instant == utc(2026, 10, 3, 15, 45)
    assert "04/10/2026 02:45" in warning


def test_an_overlap_of_half_an_hour_has_its_own_instants() -> None:
    with pytest.raises(OverlapError) as refused:
        instant_of("05/04/2026 01:45", ZoneInfo("Australia/Lord_Howe"))
    assert refused.value.first[1] == utc(2026, 4, 4, 14, 45)
    assert refused.value.second[1] == utc(2026, 4, 4, 15, 15)


def test_a_gap_at_midnight_has_neighbours_on_two_days() -> None:
    with pytest.raises(GapError) as refused:
        instant_of("04/11/2018 00:30", ZoneInfo("America/Sao_Paulo"))
    assert refused.value.before == ("03/11/2018 23:59", utc(2018, 11, 4, 2, 59))
    assert refused.value.after == ("04/11/2018 01:00", utc(2018, 11, 4, 3, 0))


def test_a_stored_instant_outlives_a_change_of_the_sites_zone() -> None:
    stored = utc(2026, 1, 21, 18, 13)
    assert describe(stored, ATHENS) == "21/01/2026 20:13 EET (18:13 UTC)"
    assert wall_text(stored, ATHENS) == "21/01/2026 20:13"
    assert instant_of("22/01/2026 09:00", ATHENS) == utc(2026, 1, 22, 7, 0)


@pytest.mark.parametrize(
    ("instant", "zone", "text"),
    [
        (utc(2026, 1, 21, 18, 13), "Europe/Rome", "21/01/2026 19:13 CET (18:13 UTC)"),
        (utc(2026, 7, 21, 17, 13), "Europe/Rome", "21/07/2026 19:13 CEST (17:13 UTC)"),
        (
            utc(2026, 1, 22, 0, 13),
            "America/New_York",
            "21/01/2026 19:13 EST (22/01/2026 00:13 UTC)",
        ),
        (utc(2026, 1, 21, 23, 30), "Europe/Rome", "22/01/2026 00:30 CET (21/01/2026 23:30 UTC)"),
        (utc(2026, 1, 21, 18, 13), "America/Sao_Paulo", "21/01/2026 15:13 UTC-03:00 (18:13 UTC)"),
        (utc(2026, 1, 21, 18, 13), "Asia/Kathmandu", "21/01/2026 23:58 UTC+05:45 (18:13 UTC)"),
        (utc(2026, 1, 21, 18, 13), "UTC", "21/01/2026 18:13 UTC (18:13 UTC)"),
    ],
)
def test_people_are_shown_local_time_zone_and_utc(instant: datetime, zone: str, text: str) -> None:
    assert describe(instant, ZoneInfo(zone)) == text


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Rome", "Europe/Rome, now CET (UTC+01:00)"),
        ("America/St_Johns", "America/St_Johns, now NST (UTC-03:30)"),
        ("America/Sao_Paulo", "America/Sao_Paulo, now UTC-03:00"),
    ],
)
def test_a_zone_is_described_as_it_stands(zone: str, text: str) -> None:
    assert describe_zone(utc(2026, 1, 21, 18, 13), ZoneInfo(zone)) == text


def test_feeds_carry_whole_seconds_of_utc() -> None:
    assert rfc3339(utc(2026, 1, 21, 18, 13)) == "2026-01-21T18:13:00Z"
    assert rfc3339(utc(2026, 1, 21, 18, 13, 7, 999_999)) == "2026-01-21T18:13:07Z"
    assert rfc3339(utc(1000, 1, 2)) == "1000-01-02T00:00:00Z"
    assert rfc3339(datetime(2026, 1, 21, 19, 13, tzinfo=NEW_YORK)) == "2026-01-22T00:13:00Z"


def test_the_clock_is_aware_and_utc() -> None:
    assert utc_now().tzinfo is UTC


@pytest.mark.parametrize(
    "name", ["", "CEST", "Rome", "europe/rome", "EST5EDT4", "/etc/localtime", "../UTC", "UTC+1"]
)
def test_only_a_zone_of_the_database_is_taken(name: str) -> None:
    with pytest.raises(TimestampError, match="not an IANA time zone"):
        zone_named(name)


@PROPERTY
@given(ZONES, WALLS)
def test_an_existing_time_is_shown_again_as_it_was_typed(zone: ZoneInfo, wall: datetime) -> None:
    instant = outcome_of(to_instant, wall, zone, fold=0)
    if isinstance(instant, GapError):
        assert not exists(wall, zone)
    else:
        assert wall_text(instant, zone) == written(wall)


@PROPERTY
@given(walls_near_a_change())
def test_exactly_the_times_that_do_not_exist_are_refused(place: tuple[ZoneInfo, datetime]) -> None:
    zone, wall = place
    instant = outcome_of(to_instant, wall, zone, fold=0)
    assert isinstance(instant, GapError) != exists(wall, zone)


@PROPERTY
@given(clock_changes(), st.integers(0, 1500))
def test_the_nearest_real_times_of_a_gap_lie_on_both_sides_of_it(
    change: tuple[ZoneInfo, datetime, timedelta, timedelta], minutes: int
) -> None:
    zone, moment, before, after = change
    # Before 1973 some offsets had seconds, which a time in whole minutes cannot show.
    assume(after > before and moment.year >= 1973)
    wall = (moment + before).replace(tzinfo=None) + timedelta(minutes=minutes) % (after - before)
    with pytest.raises(GapError) as refused:
        to_instant(wall, zone)
    gap = refused.value
    assert [gap.before[1], gap.after[1]] == [moment - timedelta(minutes=1), moment]
    assert [gap.before[0], gap.after[0]] == [
        written((moment + before).replace(tzinfo=None) - timedelta(minutes=1)),
        written((moment + after).replace(tzinfo=None)),
    ]
    moved, _ = to_instant_unattended(wall, zone)
    assert moved == wall.replace(tzinfo=UTC) - before


@PROPERTY
@given(walls_near_a_change())
def test_both_instants_of_a_doubled_time_differ_and_show_it(
    place: tuple[ZoneInfo, datetime],
) -> None:
    zone, wall = place
    folds = [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    found = outcome_of(to_instant, wall, zone)
    assume(not isinstance(found, GapError))
    if isinstance(found, OverlapError):
        assert [found.first[1], found.second[1]] == folds
        assert folds[0] < folds[1]
        assert [wall_text(instant, zone) for instant in folds] == [written(wall)] * 2
        assert [fold_of(instant, zone) for instant in folds] == [0, 1]
    else:
        assert folds == [found, found]


@PROPERTY
@given(walls_near_a_change())
def test_nothing_is_refused_where_nobody_can_be_asked(place: tuple[ZoneInfo, datetime]) -> None:
    zone, wall = place
    instant, warning = to_instant_unattended(wall, zone)
    assert instant.tzinfo is UTC
    assert (warning is None) == (
        exists(wall, zone)
        and wall.replace(tzinfo=zone).utcoffset() == wall.replace(tzinfo=zone, fold=1).utcoffset()
    )


@PROPERTY
@given(ZONES, WALLS)
def test_a_date_in_a_feed_is_the_same_instant(zone: ZoneInfo, wall: datetime) -> None:
    instant = wall.replace(tzinfo=UTC)
    assert datetime.fromisoformat(rfc3339(instant.astimezone(zone))) == instant


@pytest.mark.parametrize("machine_zone", ["UTC", "America/New_York", "Pacific/Apia"])
def test_the_machines_zone_changes_nothing(machine_zone: str) -> None:
    program = """
from feedsvc.timestamps import *
rome = zone_named("Europe/Rome")
for text in ("21/01/2026 19:13", "21/07/2026 19:13", "29/03/2026 02:30", "25/10/2026 02:30"):
    instant, _ = to_instant_unattended(parse_wall(text), rome)
    print(rfc3339(instant), describe(instant, rome))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "TZ": machine_zone},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "2026-01-21T18:13:00Z 21/01/2026 19:13 CET (18:13 UTC)",
        "2026-07-21T17:13:00Z 21/07/2026 19:13 CEST (17:13 UTC)",
        "2026-03-29T01:30:00Z 29/03/2026 03:30 CEST (01:30 UTC)",
        "2026-10-25T00:30:00Z 25/10/2026 02:30 CEST (00:30 UTC)",
    ]


def test_the_hosts_own_zone_has_no_name() -> None:
    for name in ("localtime", "Factory"):
        with pytest.raises(TimestampError):
            zone_named(name)


def test_a_gap_of_old_offsets_with_seconds_offers_times_that_exist() -> None:
    # Abidjan went from its sun's time, 16 minutes 8 seconds behind, to UTC.
    zone = zone_named("Africa/Abidjan")
    with pytest.raises(GapError) as caught:
        to_instant(parse_wall("01/01/1912 00:12"), zone)
    for text, instant in (caught.value.before, caught.value.after):
        assert to_instant(parse_wall(text), zone) == instant
