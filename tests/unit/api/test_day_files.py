"""What coverage says of a day's file, from the index: counts and findings, or nothing."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from room_reports.api import day_files
from room_reports.api.coverage import coverage
from room_reports.api.day_files import COUNTS, nothing_known
from room_reports.api.params import MAX_DAYS, coverage_query
from room_reports.api.settings import read_api_settings
from room_reports.model.day_files import parse_findings
from room_reports.model.windows import Granularity
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import Series, day_index_key
from tests.support.exporter import s3_client
from tests.support.listing_server import ListingServer, listing_server
from tests.support.scripted_server import Response, head, response, serving

SETTINGS = read_api_settings(
    {"BUCKET_NAME": "bucket", "PRESIGNER_ROLE_ARN": "arn:aws:iam::123456789012:role/presigner"}
)
NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
MODIFIED = "2026-11-23T00:00:00Z"
"""When the listing server's objects were written."""
COLUMNS = (
    *("report", "dt", "state", "exported_at", "window_start", "window_end"),
    *("rows", "sessions", "users", "minutes", "findings", "last_modified"),
)
DAY = "2026-11-22"
OCTOBER, NOVEMBER = day_index_key("us", "2026-10"), day_index_key("us", "2026-11")
Row = Mapping[str, str]


def entry(dt: str = DAY, **fields: str) -> Row:
    """Return a line of the index, as the exporter writes it for a file of attendees."""
    known = {"rows": "12", "sessions": "3", "users": "9", "minutes": "512.5", "findings": ""}
    return {"report": "attendees", "dt": dt, "last_modified": MODIFIED, **known, **fields}


def index(*rows: Row) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def keys(*days: str, slug: str = "attendees") -> list[str]:
    series, calendar = Series(slug, "us", Granularity.DAY), SETTINGS.calendar(Granularity.DAY)
    return [series.key(calendar.window(day), gzip=False) for day in days]


def windows(bucket: Bucket, first: str = DAY, granularity: str = "day") -> list[dict[str, Any]]:
    query = {"report": "attendees", "region": "us", "granularity": granularity, "from": first}
    parsed = coverage_query({name: [each] for name, each in query.items()}, SETTINGS, NOW)
    return coverage(bucket, parsed, timedelta(hours=48), NOW)


def facts(window: Mapping[str, Any]) -> dict[str, Any]:
    return {name: window[name] for name in (*COUNTS, "findings")}


@pytest.fixture
def server() -> Iterator[ListingServer]:
    with listing_server(keys("2026-10-31", DAY)) as server:
        yield server


def told(server: ListingServer, first: str = DAY) -> list[dict[str, Any]]:
    """Return what coverage says, beside the state, of each day since ``first``."""
    return [facts(window) for window in windows(Bucket(server.client, "bucket"), first)]


def test_a_day_has_the_counts_and_findings_of_the_index(server: ListingServer) -> None:
    text = "NO_ATTENDEES: 2 of 3 sessions have no attendees | LOW_ROWS: 12 rows, usually 90 | or so"
    other = entry(report="room_data", rows="1", users="", minutes="")
    server.contents[NOVEMBER] = index(entry(findings=text), other, entry("2026-11-21"))
    known, missing = told(server)
    assert known == {
        "rows": 12,
        "sessions": 3,
        "users": 9,
        "minutes": 512.5,
        "findings": [
            {"code": "NO_ATTENDEES", "text": "2 of 3 sessions have no attendees"},
            {"code": "LOW_ROWS", "text": "12 rows, usually 90 | or so"},
        ],
    }
    assert missing == nothing_known(), "the 23rd is missing"


def test_a_count_that_was_not_made_is_unknown_and_not_zero(server: ListingServer) -> None:
    server.contents[NOVEMBER] = index(entry(sessions="", users="0", minutes="nan"))
    known, _ = told(server)
    assert (known["sessions"], known["users"], known["minutes"]) == (None, 0, None)


def test_a_file_that_was_written_after_its_entry_is_unknown(server: ListingServer) -> None:
    for last_modified in ("2026-11-22T23:59:59Z", "", "yesterday"):
        server.contents[NOVEMBER] = index(entry(last_modified=last_modified))
        assert told(server)[0] == nothing_known()


def test_each_month_that_has_files_is_read_once(server: ListingServer) -> None:
    server.contents |= {OCTOBER: index(entry("2026-10-31", rows="7")), NOVEMBER: index(entry())}
    found = told(server, "2026-09-01")
    assert [each["rows"] for each in found if each["rows"] is not None] == [7, 12]
    assert server.requests == ["LIST", "GET", "GET"]


def test_the_longest_range_takes_one_request_for_each_month() -> None:
    days = [f"{NOW - timedelta(days=back):%Y-%m-%d}" for back in range(1, MAX_DAYS)]
    with listing_server(keys(*days)) as server:
        windows(Bucket(server.client, "bucket"), days[-1])
        months = {day[:7] for day in days}
        assert sorted(server.requests) == ["GET"] * len(months) + ["LIST"]
        assert len(months) == 14


def test_hours_have_no_index(server: ListingServer) -> None:
    hours = windows(Bucket(server.client, "bucket"), granularity="hour")
    assert set(hours[0]) == {"start", "state", "size", "exported_at"}
    assert server.requests == ["LIST"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"report,dt\n",
        b"\xff\xfe\x00",
        b"<html>not CSV</html>",
        b'report,dt,rows\nattendees,2026-11-22,"12\n',
        b"a,b\n" + b'"' + b"x" * 200_000,
    ],
)
def test_an_index_that_is_no_index_is_no_error(server: ListingServer, content: bytes) -> None:
    server.contents[NOVEMBER] = content
    assert told(server) == [nothing_known()] * 2


LISTED = response(
    b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>%b</Key>"
    b"<LastModified>2026-11-23T00:00:00.000Z</LastModified><ETag>x</ETag><Size>5</Size></Contents>"
    b"</ListBucketResult>" % keys(DAY)[0].encode(),
    "application/xml",
)


@pytest.mark.parametrize(
    "failure",
    [
        response(b"<Error><Code>AccessDenied</Code></Error>", "application/xml", status=403),
        response(b"<Error><Code>NoSuchKey</Code></Error>", "application/xml", status=404),
        response(b"<Error><Code>InternalError</Code></Error>", "application/xml", status=500),
        Response((head(200, [("Content-Length", "1000")]), b"report,dt\n"), close=True),
        Response((b"",), close=True),
    ],
)
def test_an_index_that_cannot_be_read_is_no_error(failure: Response) -> None:
    with serving(LISTED, failure) as server:
        found = windows(Bucket(s3_client(server.url, attempts=1), "bucket"))
    assert [each["state"] for each in found] == ["settling", "missing"]
    assert [facts(each) for each in found] == [nothing_known()] * 2


CODES = st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True)
SENTENCES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1
).map(lambda text: text.replace("|", "/"))


@given(st.lists(st.tuples(CODES, SENTENCES)))
def test_findings_come_back_as_they_were_joined(findings: list[tuple[str, str]]) -> None:
    text = " | ".join(f"{code}: {sentence}" for code, sentence in findings)
    assert parse_findings(text) == findings


@given(st.text())
def test_no_finding_is_lost_whatever_it_looks_like(text: str) -> None:
    assert bool(parse_findings(text)) == bool(text)


@given(st.integers(0, 10**15 - 1), st.floats(1e-4, 1e15 - 1))
@example(0, 0.1 + 0.2)
def test_counts_are_read_as_numbers(whole: int, decimal: float) -> None:
    assert day_files._number(str(whole)) == whole
    assert day_files._number(str(decimal)) == decimal


@pytest.mark.parametrize("text", ["-1", "1e3", "inf", "١٢", "1 000", "1,5", "0x10", " 1", "9" * 99])
def test_what_is_no_count_is_unknown(text: str) -> None:
    assert day_files._number(text) is None
