"""Hive's RegexSerDe, the class of the table access_log, reads S3's server access log."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.hive.test_open_csv_serde import spark
from tests.support.access_log import AccessLog, Recorded
from tools.athena.tables import (
    ACCESS_LOG,
    ACCESS_LOG_LINE,
    REGEX_SERDE,
    TEXT_INPUT,
    TEXT_OUTPUT,
)

pytestmark = pytest.mark.hive

__all__ = ["spark"]
REQUESTERS = {"person": "arn:aws:iam::123456789012:user/joe"}
CHOSEN = (
    *("curl/8.5.0", "-", "", 'a" b', '" 200 - 1 1 1 1 "-" "x', '"" "" - - - - "', "\\", '\\"'),
    *("café", "𝕏", "x" * 2000, "\t", "=1+1", "'"),
)
"""User agents, referrers and parts of addresses."""


def lines(folder: Path) -> list[str]:
    """Return lines with each name in each place that a client chooses."""
    log = AccessLog(folder, REQUESTERS)
    made: list[str] = []
    for chosen in CHOSEN:
        for headers in ({"user-agent": chosen}, {"referer": chosen}, {}):
            address = "" if headers else chosen.replace(" ", "%20")
            recorded = Recorded(
                request_id=f"{len(made):016X}",
                at=datetime(2026, 11, 22, 13, 5, tzinfo=UTC),
                access_key="person",
                presigned=False,
                method="GET",
                line=f"GET /reports/attendees/x.csv?x={address} HTTP/1.1",
                status=200,
                error="-",
                sent=5,
                size="5",
                headers=headers,
                copies=False,
            )
            made.append(log.line(recorded))
    return made


@pytest.fixture
def table(spark: SparkSession, tmp_path: Path) -> Iterator[tuple[SparkSession, list[str]]]:
    """Return a table with the SerDe of the Glue table, and its lines."""
    written = [*lines(tmp_path), "not a line of the log"]
    location = tmp_path / "log"
    location.mkdir()
    text = "".join(f"{line}\n" for line in written)
    (location / "2026-11-22-00-00-00-0123456789ABCDEF").write_text(text, encoding="utf-8")
    expression = ACCESS_LOG_LINE.replace("\\", "\\\\")
    columns = ", ".join(f"`{field.name}` {field.type}" for field in ACCESS_LOG)
    spark.sql(
        f"CREATE EXTERNAL TABLE access_log ({columns}) ROW FORMAT SERDE '{REGEX_SERDE}' "
        f"WITH SERDEPROPERTIES ('input.regex' = '{expression}') "
        f"STORED AS INPUTFORMAT '{TEXT_INPUT}' OUTPUTFORMAT '{TEXT_OUTPUT}' "
        f"LOCATION '{location.as_uri()}'"
    )
    yield spark, written
    spark.sql("DROP TABLE access_log")


def test_hive_reads_each_line(table: tuple[SparkSession, list[str]]) -> None:
    spark, written = table
    found = [tuple(row) for row in spark.table("access_log").collect()]
    assert len(found) == len(written) > 40
    for row, line in zip(found, written, strict=True):
        match = re.fullmatch(ACCESS_LOG_LINE, line)
        assert row == (match.groups() if match else (None,) * len(row))
    assert [row[1] for row in found].count(None) == 1
