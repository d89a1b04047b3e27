"""room-reports get: files and ranges, from S3 and through the API alike, checked and resumable."""

import csv
import io
from datetime import date
from pathlib import Path

import pytest

from room_reports.model.windows import Granularity
from room_reports.storage.keys import Series
from tests.e2e.operator import Operator

pytestmark = pytest.mark.e2e

DAYS = ("2026-03-02", "2026-03-03", "2026-03-04")
RANGE = "2026-03-02..2026-03-05"


def key(day: str) -> str:
    return f"attendees/granularity=day/region=us/dt={day}/attendees_us_{day}.csv"


def stored(operator: Operator, day: str) -> bytes:
    found = operator.stack.aws.s3.get_object(Bucket=operator.stack.bucket, Key=key(day))
    return found["Body"].read()


def expected(operator: Operator) -> bytes:
    """Return the days as one file."""
    first, *others = (stored(operator, day) for day in DAYS)
    return b"".join([first, *(other.split(b"\n", 1)[1] for other in others)])


def api(operator: Operator) -> dict[str, str]:
    """Return the environment of a reader, who has no AWS credentials."""
    return {
        "ROOM_REPORTS_API_URL": operator.stack.api_url,
        "ROOM_REPORTS_API_KEY": operator.stack.api_key,
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
    }


SOURCES = pytest.mark.parametrize("through_api", [False, True], ids=["s3", "api"])


@SOURCES
def test_one_day_is_the_file_itself(operator: Operator, through_api: bool) -> None:
    environment = api(operator) if through_api else {}
    ran = operator.run("get", "attendees", "us", DAYS[0], "-o", "one.csv", environment=environment)
    assert (ran.code, ran.err) == (0, "")
    assert (operator.folder / "one.csv").read_bytes() == stored(operator, DAYS[0])
    assert not (operator.folder / "one.csv.parts").exists()


@SOURCES
def test_a_range_is_one_file_with_the_header_once(operator: Operator, through_api: bool) -> None:
    environment = api(operator) if through_api else {}
    ran = operator.run(
        *("get", "attendees", "us", RANGE, "-o", "range.csv", "--json"), environment=environment
    )
    assert (ran.code, ran.err) == (0, "")
    body = (operator.folder / "range.csv").read_bytes()
    assert body == expected(operator)
    assert ran.document["windows"] == list(DAYS)
    rows = list(csv.reader(io.StringIO(body.decode(), newline="")))
    assert ran.document["rows"] == len(rows) - 1


@SOURCES
def test_a_range_can_go_to_stdout(operator: Operator, through_api: bool) -> None:
    environment = api(operator) if through_api else {}
    ran = operator.shell(f"room-reports get attendees us {RANGE} -o - > piped.csv", environment)
    assert (ran.code, ran.err) == (0, "")
    assert (operator.folder / "piped.csv").read_bytes() == expected(operator)


@SOURCES
def test_the_latest(operator: Operator, through_api: bool) -> None:
    environment = api(operator) if through_api else {}
    ran = operator.run("get", "attendees", "us", "latest", "--json", environment=environment)
    assert ran.code == 0, ran.err
    status = operator.run("status", "--json").document["series"]
    (newest,) = {each["newest"] for each in status}
    assert ran.document["windows"] == [newest]
    assert (operator.folder / ran.document["file"]).exists()


@SOURCES
def test_a_range_of_years(operator: Operator, through_api: bool) -> None:
    """The API returns 200 files and the coverage of 400 days at once."""
    environment = api(operator) if through_api else {}
    arguments = ("get", "attendees", "us", "2024-11-01..2026-03-05", "-o", "years.csv")
    ran = operator.run(*arguments, "--json", environment=environment)
    assert ran.code == 5
    assert " and " in ran.err
    ran = operator.run(*arguments, "--allow-missing", "--json", environment=environment)
    assert ran.code == 0, ran.err
    assert ran.document["windows"][-3:] == list(DAYS)
    every = len(ran.document["windows"]) + len(ran.document["missing"])
    assert every == (date(2026, 3, 5) - date(2024, 11, 1)).days


@SOURCES
def test_hours_of_a_day(operator: Operator, through_api: bool) -> None:
    environment = api(operator) if through_api else {}
    event = {"from": "2026-03-02", "to": "2026-03-03", "granularity": "hour"}
    assert operator.stack.invoke({**event, "reports": ["attendees"]}).error is None
    ran = operator.run(
        *("get", "attendees", "us", "2026-03-02T10Z..2026-03-02T14Z", "-o", "hours.csv", "--json"),
        environment=environment,
    )
    assert ran.code == 0, ran.err
    assert ran.document["windows"] == [f"2026-03-02T{hour}Z" for hour in range(10, 14)]


@SOURCES
def test_missing_windows_are_named(operator: Operator, through_api: bool) -> None:
    environment = api(operator) if through_api else {}
    (operator.folder / "gaps.csv").unlink(missing_ok=True)
    arguments = ("get", "attendees", "us", "2026-03-01..2026-03-06", "-o", "gaps.csv")
    ran = operator.run(*arguments, environment=environment)
    assert ran.code == 5
    assert "2026-03-01, 2026-03-05" in ran.err
    assert not (operator.folder / "gaps.csv").exists()
    ran = operator.run(*arguments, "--allow-missing", environment=environment)
    assert ran.code == 0, ran.err
    assert (operator.folder / "gaps.csv").read_bytes() == expected(operator)


@SOURCES
@pytest.mark.parametrize(
    ("start", "code"),
    [("2026-03-20", 5), ("2026-3-2", 2), ("2026-02-30", 2), ("2026-03-05..2026-03-02", 2)],
)
def test_what_cannot_be_got(operator: Operator, through_api: bool, start: str, code: int) -> None:
    environment = api(operator) if through_api else {}
    ran = operator.run("get", "attendees", "us", start, "-o", "no.csv", environment=environment)
    assert (ran.code, ran.out) == (code, "")
    assert "What to do:" in ran.err
    assert "Traceback" not in ran.err
    assert not list(operator.folder.glob("no.csv*"))


@SOURCES
@pytest.mark.parametrize(("report", "region"), [("atendees", "us"), ("attendees", "mars")])
def test_an_unknown_report_or_region(
    operator: Operator, through_api: bool, report: str, region: str
) -> None:
    environment = api(operator) if through_api else {}
    ran = operator.run("get", report, region, DAYS[0], environment=environment)
    assert (ran.code, ran.out) == (2, "")


def test_what_was_downloaded_before_an_interruption_is_used(operator: Operator) -> None:
    series = Series("attendees", "us", Granularity.DAY)
    folder = operator.folder / "resumed.csv.parts"
    folder.mkdir()
    s3 = operator.stack.aws.s3
    sha256 = s3.head_object(Bucket=operator.stack.bucket, Key=key(DAYS[1]))["Metadata"]["sha256"]
    half = stored(operator, DAYS[1])[:100]
    (folder / f"{DAYS[1]}-{sha256[:16]}.part").write_bytes(half)
    ran = operator.run("get", series.slug, series.region, RANGE, "-o", "resumed.csv")
    assert ran.code == 0, ran.err
    assert (operator.folder / "resumed.csv").read_bytes() == expected(operator)
    assert not folder.exists()


@SOURCES
def test_a_damaged_file_is_not_written(operator: Operator, through_api: bool) -> None:
    environment = api(operator) if through_api else {}
    s3, bucket = operator.stack.aws.s3, operator.stack.bucket
    before = s3.get_object(Bucket=bucket, Key=key(DAYS[2]))
    body = before["Body"].read()
    s3.put_object(Bucket=bucket, Key=key(DAYS[2]), Body=body[:-9], Metadata=before["Metadata"])
    try:
        ran = operator.run(
            "get", "attendees", "us", RANGE, "-o", "damaged.csv", environment=environment
        )
    finally:
        s3.put_object(Bucket=bucket, Key=key(DAYS[2]), Body=body, Metadata=before["Metadata"])
    assert ran.code == 6
    assert "SHA-256" in ran.err
    assert not (operator.folder / "damaged.csv").exists()


def test_compressed_files_are_decompressed(operator: Operator) -> None:
    day = "2026-03-10"
    operator.stack.configure(COMPRESSION="gzip")
    try:
        event = {"from": day, "to": "2026-03-11", "regions": ["us"], "reports": ["attendees"]}
        assert operator.stack.invoke(event).error is None
    finally:
        operator.stack.configure(COMPRESSION="none")
    for name, environment in (("s3.csv", {}), ("api.csv", api(operator))):
        ran = operator.run("get", "attendees", "us", day, "-o", name, environment=environment)
        assert ran.code == 0, ran.err
    assert (operator.folder / "s3.csv").read_bytes() == (operator.folder / "api.csv").read_bytes()
    assert (operator.folder / "s3.csv").read_bytes().startswith(b"entry_id,")


@pytest.mark.parametrize(("key_", "code"), [("wrong", 3), ("", 2)])
def test_a_wrong_key(operator: Operator, key_: str, code: int) -> None:
    environment = {**api(operator), "ROOM_REPORTS_API_KEY": key_}
    ran = operator.run("get", "attendees", "us", DAYS[0], environment=environment)
    assert (ran.code, ran.out) == (code, "")
    assert "ROOM_REPORTS_API_KEY" in ran.err


def test_no_secret_is_in_the_output(operator: Operator, tmp_path: Path) -> None:
    ran = operator.run("get", "attendees", "us", RANGE, "--json", environment=api(operator))
    assert operator.stack.api_key not in ran.out + ran.err
    assert "X-Amz" not in ran.out + ran.err
