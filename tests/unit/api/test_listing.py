"""The listing is complete, newest first, and its cost does not grow with the bucket."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from room_reports.api.exports import describe_listed
from room_reports.api.listing import newest, result_page
from room_reports.api.params import exports_query
from room_reports.api.settings import read_api_settings
from room_reports.model.windows import Granularity
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import Series, parse_key
from tests.support.listing_server import ListingServer, listing_server

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SETTINGS = read_api_settings(
    {
        "BUCKET_NAME": "bucket",
        "TIME_ZONE": "Europe/Warsaw",
        "PRESIGNER_ROLE_ARN": "arn:aws:iam::123456789012:role/presigner",
    }
)
SERIES = [
    Series(slug, region, granularity)
    for slug in SETTINGS.slugs
    for region in SETTINGS.regions
    for granularity in Granularity
]


def key(series: Series, moment: datetime, *, gzip: bool = False) -> str:
    return series.key(SETTINGS.calendar(series.granularity).containing(moment), gzip=gzip)


def keys_back(series: Series, length: timedelta, until: datetime = NOW) -> set[str]:
    """Return the keys of every window that began within ``length`` before ``until``."""
    calendar = SETTINGS.calendar(series.granularity)
    return {
        series.key(window, gzip=False) for window in calendar.overlapping(until - length, until)
    }


def result_pages(server: ListingServer, query: dict[str, str]) -> list[list[str]]:
    """Return all result pages of a listing as lists of keys."""
    bucket, found, cursor = Bucket(server.client, "bucket"), [], ""
    while True:
        given_query = {name: [value] for name, value in {**query, "cursor": cursor}.items()}
        page = result_page(bucket, exports_query(given_query, SETTINGS, NOW), SETTINGS)
        found.append([each.stored.key for each in page.exports])
        if page.next_cursor is None:
            return found
        cursor = page.next_cursor


def in_order(keys: Iterable[str]) -> list[str]:
    def order(text: str) -> tuple[float, str, str, str]:
        parsed = parse_key(text)
        assert parsed
        series = parsed.series
        window = SETTINGS.calendar(series.granularity).window(parsed.label)
        return -window.start.timestamp(), series.granularity, series.slug, series.region

    return sorted(keys, key=order)


moments = st.integers(0, 60_000).map(lambda hours: NOW - timedelta(hours=hours))


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(SERIES), moments), max_size=30),
    st.integers(4, 15),
    st.booleans(),
)
def test_result_pages_hold_every_export_once_newest_first(
    windows: list[tuple[Series, datetime]], limit: int, leaves_out_named_folder: bool
) -> None:
    keys = {key(series, moment) for series, moment in windows}
    with listing_server(
        [*keys, "runs/dt=2026-01-01/x.json", "attendees/granularity=day/odd"]
    ) as server:
        server.leaves_out_named_folder = leaves_out_named_folder
        found = result_pages(server, {"limit": str(limit)})
    assert [each for one in found for each in one] == in_order(keys)
    assert all(len(one) == limit for one in found[:-1])


@pytest.mark.parametrize("first", ["2026-11-01", "2026-11-10", "2026-10-20", "2026-01-01"])
@pytest.mark.parametrize("days", [1, 2, 40])
@pytest.mark.parametrize("granularity", list(Granularity))
def test_no_day_depends_on_how_a_server_reads_start_after(
    first: str, days: int, granularity: Granularity
) -> None:
    series = Series("attendees", "us", granularity)
    start = datetime.fromisoformat(first).replace(tzinfo=UTC)
    last = (start + timedelta(days=days - 1)).date().isoformat()
    keys = keys_back(series, timedelta(days=400))
    wanted = [each for each in sorted(keys) if first <= each.split("dt=")[1][:10] <= last]
    assert wanted
    with listing_server(keys) as server:
        server.leaves_out_named_folder = True
        found = Bucket(server.client, "bucket").exports(series, first, last)
        assert [each.key for each in found] == wanted
        # The server is one that matters: it leaves out a folder that is named exactly.
        left_out = server.list(series.prefix, f"{series.prefix}{first}", "")[0]
        assert not [each for each in left_out if f"dt={first}/" in each]


def test_filters_select_matching_exports() -> None:
    keys = {each for series in SERIES for each in keys_back(series, timedelta(days=4))}
    query = {
        "report": "attendees",
        "region": "eu",
        "granularity": "hour",
        "from": "2026-11-21T05Z",
        "to": "2026-11-22T05:00:00Z",
    }
    with listing_server(keys) as server:
        (found,) = result_pages(server, query)
        assert len(found) == 24
        assert found[0].endswith("attendees_eu_2026-11-22T04Z.csv")
        assert found[-1].endswith("attendees_eu_2026-11-21T05Z.csv")


def test_plain_and_compressed_objects_of_a_window_are_one_export() -> None:
    series = SERIES[0]
    with listing_server([key(series, NOW), key(series, NOW, gzip=True)]) as server:
        assert [len(one) for one in result_pages(server, {})] == [1]


@pytest.mark.parametrize("granularity", list(Granularity))
@pytest.mark.parametrize("limit", [1, 200])
def test_a_result_page_lists_little_more_than_it_shows(
    granularity: Granularity, limit: int
) -> None:
    wanted = [series for series in SERIES if series.granularity is granularity]
    keys = [each for series in wanted for each in keys_back(series, timedelta(days=300))]
    query = {"granularity": [granularity.value], "limit": [str(limit)]}
    with listing_server(keys) as server:
        bucket = Bucket(server.client, "bucket")
        result_page(bucket, exports_query(query, SETTINGS, NOW), SETTINGS)
        assert server.requests == ["LIST"] * len(wanted)
        days = 3 * (24 if granularity is Granularity.HOUR else 1)
        assert server.listed <= limit + len(wanted) * days


def test_the_newest_export_of_a_series_that_is_kept_up_takes_one_request() -> None:
    series = Series("attendees", "us", Granularity.DAY)
    with listing_server(keys_back(series, timedelta(days=300))) as server:
        found = newest(
            Bucket(server.client, "bucket"), series, "2000-01-01", "2026-11-24", "2026-11-23"
        )
        assert found
        assert found.parsed.label == "2026-11-23"
        assert server.requests == ["LIST"]


def test_newest_is_found_across_a_gap_of_years() -> None:
    series = Series("attendees", "us", Granularity.HOUR)
    with listing_server([key(series, NOW - timedelta(days=2000))]) as server:
        bucket = Bucket(server.client, "bucket")
        found = newest(bucket, series, "2000-01-01", "2026-11-24", "2026-11-23")
        assert found
        assert found.parsed.label == "2021-06-02T12Z"
        # One for the newest days, one for each year, and one for the day.
        assert len(server.requests) == 8
        assert newest(bucket, SERIES[0], "2000-01-01", "2026-11-24", "2026-11-23") is None


@pytest.mark.parametrize("granularity", list(Granularity))
def test_requests_per_result_page_do_not_depend_on_the_bucket_size(
    granularity: Granularity,
) -> None:
    costs = []
    wanted = [series for series in SERIES if series.granularity is granularity]
    for days in (40, 1500):
        keys = [each for series in wanted for each in keys_back(series, timedelta(days=days))]
        with listing_server(keys) as server:
            query = exports_query({"granularity": [granularity], "limit": ["200"]}, SETTINGS, NOW)
            bucket = Bucket(server.client, "bucket")
            found = result_page(bucket, query, SETTINGS).exports
            described = describe_listed(bucket, bucket, SETTINGS.exporter, found)
            assert len(described) == 200
            costs.append(sorted(server.requests))
    assert costs[0] == costs[1]
    assert costs[0].count("LIST") == len(wanted)
