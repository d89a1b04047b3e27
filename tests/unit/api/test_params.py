"""Query and path parameters: valid values are parsed, all others are rejected."""

import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.api.errors import BadParameterError, UnknownNameError
from room_reports.api.params import (
    COVERAGE_PARAMETERS,
    EXPORTS_PARAMETERS,
    Position,
    coverage_query,
    exports_query,
    series_of,
)
from room_reports.api.settings import read_api_settings
from room_reports.errors import ConfigurationError
from room_reports.model.windows import Granularity
from room_reports.storage.keys import Series

ENVIRONMENT = {
    "BUCKET_NAME": "bucket",
    "TIME_ZONE": "Europe/Warsaw",
    "PRESIGNER_ROLE_ARN": "arn:aws:iam::123456789012:role/presigner",
}
SETTINGS = read_api_settings(ENVIRONMENT)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOSTILE = st.one_of(
    st.text(),
    st.text(string.printable),
    st.sampled_from(
        ["../runs", "%2e%2e", "a\x00b", "٢٠٢٦-١١-٢٢", "x" * 9999, "' OR 1=1 --", "\r\nX: y"]
    ),
)


def error_message(query: dict[str, list[str]]) -> str:
    with pytest.raises(BadParameterError) as raised:
        exports_query(query, SETTINGS, NOW)
    return str(raised.value)


def test_an_empty_query_uses_the_defaults() -> None:
    for query in ({}, {name: [""] for name in EXPORTS_PARAMETERS}):
        parsed = exports_query(query, SETTINGS, NOW)
        assert len(parsed.series) == 3 * 2 * 2
        assert parsed.limit == 50
        assert parsed.after is None
        assert parsed.time_ranges[Granularity.DAY].start == datetime(2019, 12, 31, 23, tzinfo=UTC)
        assert parsed.time_ranges[Granularity.DAY].end > NOW


def test_days_are_in_the_deployments_zone_and_hours_in_utc() -> None:
    parsed = exports_query({"from": ["2026-07-01"], "to": ["2026-07-02T13Z"]}, SETTINGS, NOW)
    assert parsed.time_ranges[Granularity.DAY].start == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert parsed.time_ranges[Granularity.HOUR].start == datetime(2026, 7, 1, tzinfo=UTC)
    assert parsed.time_ranges[Granularity.DAY].end == datetime(2026, 7, 2, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"regoin": ["us"]}, "'regoin': is not a parameter here; these are: report, region,"),
        ({"report": ["a", "b"]}, "report: should be given once"),
        ({"report": ["sessions"]}, "'sessions' should be one of: room_data, attendees,"),
        ({"region": ["US"]}, "'US' should be one of: us, eu"),
        ({"granularity": ["week"]}, "'week' should be one of: day, hour"),
        ({"limit": ["201"]}, "limit: '201' should be a whole number from 1 to 200"),
        ({"limit": ["0"]}, "from 1 to 200"),
        ({"limit": ["-1"]}, "from 1 to 200"),
        ({"limit": ["١"]}, "from 1 to 200"),
        ({"from": ["yesterday"]}, "from: 'yesterday' should be a day like 2026-11-22 or a time"),
        ({"from": ["2026-02-30"]}, "from: '2026-02-30' is not a date"),
        ({"to": ["0001-01-01"]}, "to: '0001-01-01' should be a day like"),
        ({"to": ["2026-11-22T25Z"]}, "to: '2026-11-22T25Z' is neither"),
        ({"to": ["2026-11-22\n"]}, "to: '2026-11-22\\n' should be"),
        ({"from": ["2026-11-22"], "to": ["2026-11-22"]}, "from: should be before to"),
        ({"cursor": ["AAAA"]}, "cursor: should be the next_cursor of a response, unchanged"),
        ({"cursor": ["Li4vcnVucy9kYXkvMjAyNi0xMS0yMg"]}, "cursor: should be the next_cursor"),
    ],
)
def test_errors_name_the_parameter_and_the_valid_values(
    query: dict[str, list[str]], expected: str
) -> None:
    assert expected in error_message(query)


def test_coverage_requires_one_series_and_a_limited_range() -> None:
    one = {"report": ["attendees"], "region": ["us"]}
    parsed = coverage_query(one, SETTINGS, NOW)
    assert parsed.series == Series("attendees", "us", Granularity.DAY)
    assert parsed.time_range.end == NOW
    assert parsed.time_range.start == NOW - timedelta(days=365)
    for query, expected in (
        ({"region": ["us"]}, "report: is needed: one of room_data, attendees"),
        ({"report": ["attendees"]}, "region: is needed: one of us, eu"),
        ({**one, "from": ["2025-01-01"]}, "from: should be at most 400 days before to"),
        ({**one, "from": ["2027-01-01"]}, "from: should be before to"),
        ({**one, "limit": ["1"]}, "'limit': is not a parameter here"),
    ):
        with pytest.raises(BadParameterError, match=expected):
            coverage_query(query, SETTINGS, NOW)


def test_unknown_path_parameters_are_rejected() -> None:
    assert series_of("attendees", "eu", "hour", SETTINGS).prefix.endswith("region=eu/dt=")
    for path, what in (
        (("../attendees", "eu", "day"), "report"),
        (("attendees", "EU", "day"), "region"),
        (("attendees", "eu", "minute"), "granularity"),
    ):
        with pytest.raises(UnknownNameError) as raised:
            series_of(*path, SETTINGS)
        assert raised.value.what == what


@given(
    st.sampled_from(["room_data", "attendees"]),
    st.sampled_from(["us", "eu"]),
    st.sampled_from(list(Granularity)),
    st.integers(-200_000, 600_000).map(lambda hours: NOW + timedelta(hours=hours)),
)
def test_a_cursor_round_trips(
    slug: str, region: str, granularity: Granularity, moment: datetime
) -> None:
    window = SETTINGS.calendar(granularity).containing(moment)
    position = Position(Series(slug, region, granularity), window)
    parsed = exports_query({"cursor": [position.cursor()]}, SETTINGS, NOW)
    assert parsed.after == position


@given(st.sampled_from(EXPORTS_PARAMETERS), HOSTILE)
def test_errors_for_any_text_are_short_printable_ascii(name: str, text: str) -> None:
    for read, known in (
        (exports_query, EXPORTS_PARAMETERS),
        (coverage_query, COVERAGE_PARAMETERS),
    ):
        if name in known:
            try:
                read({name: [text]}, SETTINGS, NOW)
            except BadParameterError as error:
                said = str(error)
            else:
                said = ""
            assert said.isprintable()
            assert said.isascii()
            assert len(said) < 800


def test_all_problems_of_the_settings_are_reported_together() -> None:
    wrong = {
        "BUCKET_NAME": "",
        "PRESIGNER_ROLE_ARN": "role",
        "LINK_TTL_SECONDS": "3601",
        "CORS_ORIGIN": "here",
        "START_DATE": "2020",
    }
    with pytest.raises(ConfigurationError) as raised:
        read_api_settings(wrong)
    assert [problem.split(":")[0] for problem in raised.value.problems] == list(wrong)
