from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.model.errors import WindowError
from room_reports.model.windows import (
    Calendar,
    Granularity,
    Window,
    iso,
    parse_date,
    parse_timestamp,
)

AWKWARD_ZONES = (
    *("Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"),
    *("America/Sao_Paulo", "America/Havana", "Asia/Beirut", "Asia/Gaza", "America/Asuncion"),
    *("America/St_Johns", "America/Goose_Bay", "America/Nuuk", "Pacific/Apia", "Pacific/Kwajalein"),
    *(
        "Africa/Cairo",
        "Antarctica/Troll",
        "America/Scoresbysund",
        "Asia/Tehran",
        "Africa/Casablanca",
    ),
)
zones = st.one_of(
    st.sampled_from(AWKWARD_ZONES), st.sampled_from(sorted(available_timezones()))
).map(ZoneInfo)
calendars = st.builds(Calendar, st.sampled_from(Granularity), zones)
moments = st.datetimes(
    datetime(1970, 1, 2),  # noqa: DTZ001
    datetime(2037, 12, 30),  # noqa: DTZ001
    timezones=st.just(UTC),
)
TICK = timedelta(microseconds=1)


def day_calendar(zone: str) -> Calendar:
    return Calendar(Granularity.DAY, ZoneInfo(zone))


@given(calendars, moments)
def test_containing_returns_a_window_around_the_moment(
    calendar: Calendar, moment: datetime
) -> None:
    window = calendar.containing(moment)

    assert window.start <= moment < window.end
    assert window.start.tzinfo is UTC
    assert window.end.tzinfo is UTC


@given(calendars, moments)
def test_a_label_identifies_its_window(calendar: Calendar, moment: datetime) -> None:
    window = calendar.containing(moment)

    assert calendar.window(window.label) == window
    assert window.dt == window.label[:10]
    assert str(window) == f"{calendar.granularity} {window.label}"


@given(calendars, moments)
def test_consecutive_windows_have_no_gap_and_no_overlap(
    calendar: Calendar, moment: datetime
) -> None:
    window = calendar.containing(moment)
    after = calendar.containing(window.end)

    assert after.start == window.end
    assert calendar.before(after) == window
    assert calendar.containing(window.start) == window
    assert calendar.containing(window.end - TICK) == window
    assert window < after
    assert window.label < after.label


@given(calendars, moments, st.timedeltas(-TICK, timedelta(days=5)))
def test_overlapping_windows_cover_the_interval(
    calendar: Calendar, start: datetime, length: timedelta
) -> None:
    end = start + length
    windows = list(calendar.overlapping(start, end))

    if start >= end:
        assert windows == []
        return
    assert windows[0].start <= start < windows[0].end
    assert windows[-1].start < end <= windows[-1].end
    assert all(a.end == b.start for a, b in pairwise(windows))
    assert all(window.start < window.end for window in windows)


@given(zones, moments)
def test_days_begin_with_the_local_date(zone: ZoneInfo, moment: datetime) -> None:
    window = Calendar(Granularity.DAY, zone).containing(moment)

    assert window.start.astimezone(zone).date().isoformat() == window.label
    assert timedelta(hours=20) <= window.end - window.start <= timedelta(hours=49)


@given(moments, zones)
def test_hours_are_utc_in_every_time_zone(moment: datetime, zone: ZoneInfo) -> None:
    window = Calendar(Granularity.HOUR, zone).containing(moment)

    assert window.end - window.start == timedelta(hours=1)
    assert window.start == moment.replace(minute=0, second=0, microsecond=0)
    assert window.label == f"{moment:%Y-%m-%dT%H}Z"


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Warsaw", "2026-03-29", 23),
        ("Europe/Warsaw", "2026-10-25", 25),
        ("Europe/Warsaw", "2026-10-26", 24),
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Antarctica/Troll", "2026-03-29", 22),
        ("Asia/Kathmandu", "2026-03-29", 24),
        ("UTC", "2026-03-29", 24),
    ],
)
def test_length_of_days_at_clock_changes(zone: str, day: str, hours: float) -> None:
    window = day_calendar(zone).window(day)

    assert window.end - window.start == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("zone", "day", "start", "hours"),
    [
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", 23),
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00Z", 23),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", 23),
    ],
)
def test_a_day_without_midnight_begins_at_the_clock_change(
    zone: str, day: str, start: str, hours: int
) -> None:
    window = day_calendar(zone).window(day)

    assert iso(window.start) == start
    assert window.start.astimezone(ZoneInfo(zone)).hour == 1
    assert window.end - window.start == timedelta(hours=hours)


def test_a_repeated_midnight_starts_the_day_at_the_first() -> None:
    window = day_calendar("America/Havana").window("2026-11-01")

    assert iso(window.start) == "2026-11-01T04:00:00Z"
    assert window.end - window.start == timedelta(hours=25)


def test_a_repeated_date_is_one_window() -> None:
    # At 00:01 the clocks went back to 23:01 of the day before.
    calendar = day_calendar("America/St_Johns")
    window = calendar.window("2010-11-07")

    assert iso(window.start) == "2010-11-07T02:30:00Z"
    assert window.end - window.start == timedelta(hours=25)
    assert calendar.containing(parse_timestamp("2010-11-07T03:00:00Z")) == window


def test_a_skipped_date_raises_window_error() -> None:
    calendar = day_calendar("Pacific/Apia")

    with pytest.raises(WindowError, match="2011-12-30 does not exist in Pacific/Apia"):
        calendar.window("2011-12-30")
    around = calendar.overlapping(calendar.moment("2011-12-29"), calendar.moment("2012-01-01"))
    assert [window.label for window in around] == ["2011-12-29", "2011-12-31"]
    assert calendar.before(calendar.window("2011-12-31")).label == "2011-12-29"


@pytest.mark.parametrize(
    "label",
    [
        *(
            "",
            "2026",
            "2026-1-1",
            "2026-02-30",
            "2026-13-01",
            "20261122",
            "2026-11-22 ",
            "２０２６-11-22",
        ),
        *("2026-11-22T13Z", "2026-11-22T13:00Z", "latest", "../2026-11-22", "2026-11-22\n"),
        *("9999-12-31", "0000-01-01", "-001-01-01"),
    ],
)
def test_invalid_day_labels_are_rejected(label: str) -> None:
    with pytest.raises(WindowError):
        day_calendar("Asia/Tokyo").window(label)


@pytest.mark.parametrize(
    "label",
    [
        *("", "2026-11-22", "2026-11-22T24Z", "2026-11-22T1Z", "2026-11-22T13", "2026-11-22t13z"),
        *(
            "2026-02-30T00Z",
            "2026-11-22T13Z\n",
            "2026-11-22T-1Z",
            "9999-12-31T23Z",
            "2026-11-22T١٣Z",
        ),
    ],
)
def test_invalid_hour_labels_are_rejected(label: str) -> None:
    with pytest.raises(WindowError):
        Calendar(Granularity.HOUR, ZoneInfo("UTC")).window(label)


@given(calendars, st.text(max_size=20))
def test_any_text_parses_or_raises_window_error(calendar: Calendar, text: str) -> None:
    for read in (calendar.window, calendar.moment, parse_date, parse_timestamp):
        with suppress(WindowError):
            assert read(text) is not None


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("granularity", Granularity)
@pytest.mark.parametrize(
    "text",
    ["0001-01-01", "9999-12-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"],
)
def test_extreme_dates_parse_or_raise_window_error(
    zone: str, granularity: Granularity, text: str
) -> None:
    calendar = Calendar(granularity, ZoneInfo(zone))
    with suppress(WindowError):
        assert calendar.moment(text).tzinfo is UTC


@given(calendars, st.dates(date(1970, 1, 2), date(2037, 12, 30)))
def test_a_date_means_the_start_of_its_day(calendar: Calendar, day: date) -> None:
    moment = calendar.moment(day.isoformat())

    assert calendar.containing(moment).start == moment


@given(moments, zones)
def test_timestamps_with_any_offset_are_the_same_moment(moment: datetime, zone: ZoneInfo) -> None:
    whole = moment.replace(microsecond=0)

    assert parse_timestamp(iso(moment)) == whole
    assert parse_timestamp(whole.replace(tzinfo=None).isoformat()) == whole
    if whole.astimezone(zone).utcoffset() == timedelta():
        return
    assert parse_timestamp(whole.astimezone(zone).isoformat()) == whole


def test_windows_sort_by_time() -> None:
    calendar = day_calendar("UTC")
    windows: list[Window] = [calendar.window("2026-02-01"), calendar.window("2026-01-31")]

    assert [window.label for window in sorted(windows)] == ["2026-01-31", "2026-02-01"]
