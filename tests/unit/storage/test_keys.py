from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.model.errors import WindowError
from room_reports.model.reports import REPORTS, report_with_id
from room_reports.model.windows import Calendar, Granularity
from room_reports.storage.keys import ParsedKey, Series, parse_key, run_record_key

GOOD = "room_data/granularity=hour/region=us/dt=2026-11-22/room_data_us_2026-11-22T13Z.csv"

slugs = st.one_of(
    st.sampled_from([report.slug for report in REPORTS]),
    st.integers(1, 10**9).map(lambda number: report_with_id(number).slug),
)
regions = st.from_regex(r"[a-z][a-z0-9-]{0,15}", fullmatch=True)
series = st.builds(Series, slugs, regions, st.sampled_from(Granularity))
moments = st.datetimes(
    datetime(1970, 1, 2),  # noqa: DTZ001
    datetime(2037, 12, 30),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def calendar_of(one: Series) -> Calendar:
    return Calendar(one.granularity, ZoneInfo("Europe/Warsaw"))


@given(series, moments, st.booleans())
def test_keys_round_trip(one: Series, moment: datetime, gzip: bool) -> None:
    window = calendar_of(one).containing(moment)
    key = one.key(window, gzip=gzip)

    assert parse_key(key) == ParsedKey(one, window.label, gzip)
    assert key.startswith(one.prefix)
    assert key.removesuffix(".gz").endswith(f"/{one.file_name(window.label)}")


@given(series, moments, series, moments)
def test_different_windows_have_different_keys(
    one: Series, moment: datetime, other: Series, later: datetime
) -> None:
    window, second = calendar_of(one).containing(moment), calendar_of(other).containing(later)

    assert (one.key(window, gzip=False) == other.key(second, gzip=False)) == (
        (one, window) == (other, second)
    )


@given(series, moments, series)
def test_a_prefix_belongs_to_one_series(one: Series, moment: datetime, other: Series) -> None:
    window = calendar_of(one).containing(moment)

    assert one.key(window, gzip=True).startswith(other.prefix) == (one == other)


def test_keys_match_the_contract() -> None:
    assert parse_key(GOOD) == ParsedKey(
        Series("room_data", "us", Granularity.HOUR), "2026-11-22T13Z", gzip=False
    )
    day = "attendees/granularity=day/region=eu/dt=2026-11-22/attendees_eu_2026-11-22.csv.gz"
    assert parse_key(day) == ParsedKey(
        Series("attendees", "eu", Granularity.DAY), "2026-11-22", gzip=True
    )


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/" + GOOD,
        GOOD + "\n",
        GOOD + ".gz.gz",
        GOOD + "/",
        GOOD.upper(),
        GOOD.replace("us/", "eu/"),
        GOOD.replace("room_data_us", "attendees_us"),
        GOOD.replace("hour", "day"),
        GOOD.replace("T13Z", ""),
        GOOD.replace("T13Z", "T24Z"),
        GOOD.replace("T13Z", "T１3Z"),
        GOOD.replace("dt=2026-11-22", "dt=2026-11-23"),
        GOOD.replace("2026-11-22", "2026-02-30"),
        GOOD.replace("2026-11-22", "2026-13-01"),
        GOOD.replace("2026-11-22", "0000-11-22"),
        GOOD.replace("room_data", "../room_data"),
        GOOD.replace("room_data", "a" * 65),
        GOOD.replace("us", "u" * 17),
        GOOD.replace("us", "u_s"),
        GOOD.replace("us", ""),
        GOOD.replace("us", "u%73"),
        GOOD.replace("/", "//", 1),
        GOOD.replace("=", "%3D"),
        "runs/dt=2026-11-22/20261122T130000Z-abc.json",
    ],
)
def test_other_strings_are_not_keys(key: str) -> None:
    assert parse_key(key) is None


@given(
    st.one_of(
        st.text(max_size=80),
        st.tuples(st.integers(0, len(GOOD)), st.integers(0, 3), st.text(max_size=3)).map(
            lambda edit: GOOD[: edit[0]] + edit[2] + GOOD[edit[0] + edit[1] :]
        ),
    )
)
def test_parsed_keys_rebuild_the_same_key(key: str) -> None:
    parsed = parse_key(key)
    if parsed is None:
        return
    calendar = Calendar(parsed.series.granularity, ZoneInfo("UTC"))
    try:
        window = calendar.window(parsed.label)
    except WindowError:
        pytest.fail(f"{key} names a window that does not exist")
    assert parsed.series.key(window, gzip=parsed.gzip) == key


def test_run_record_key_has_the_start_date() -> None:
    started = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)

    assert run_record_key(started, "run-1") == "runs/dt=2026-11-22/run-1.json"
