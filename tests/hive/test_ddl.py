"""Hive and Spark read the published files through the generated DDL."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from local.kaltura.campus import Size
from room_reports.model.reports import ATTENDEES, REPORTS, Report
from tests.hive.test_open_csv_serde import spark
from tests.support.csv_files import strict_rows
from tests.support.term import Term
from tools.athena.tables import create_table

pytestmark = pytest.mark.hive

__all__ = ["spark"]
ROOT = Path(__file__).parents[2]
TERM = Term(date(2026, 10, 31), date(2026, 11, 1), Size(rooms=12, attendees=12, special_names=0.8))


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tmp_path_factory.mktemp("bucket")
    TERM.publish(root)
    return root


def stored_rows(bucket: Path, report: Report) -> list[tuple[str, ...]]:
    """Return every row of a report's files as Python's csv module reads it, with its partitions."""
    lines = []
    for path in sorted((bucket / report.slug).rglob("*.csv*")):
        partitions = [part.partition("=")[2] for part in path.parent.parts[-3:]]
        rows = strict_rows(path.read_bytes(), compressed=path.suffix == ".gz")
        lines += [(*row, *partitions) for row in rows]
    return lines


@pytest.fixture
def database(spark: SparkSession) -> Iterator[SparkSession]:
    spark.sql("CREATE DATABASE generated")
    spark.sql("USE generated")
    yield spark
    spark.sql("USE default")
    spark.sql("DROP DATABASE generated CASCADE")


def partitions(bucket: Path, report: Report) -> str:
    """Return the partition clauses for all folders with files."""
    folders = sorted({path.parent for path in (bucket / report.slug).rglob("*.csv*")})
    specs = (
        ", ".join("{}='{}'".format(*part.split("=")) for part in folder.parts[-3:])
        for folder in folders
    )
    return " ".join(f"PARTITION ({spec})" for spec in specs)


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.slug)
def test_hive_reads_every_value_back(database: SparkSession, bucket: Path, report: Report) -> None:
    database.sql(create_table(report, (bucket / report.slug).as_uri()))
    database.sql(f"ALTER TABLE {report.slug} ADD {partitions(bucket, report)}")
    # Unlike Athena, Spark ignores the table property that skips the header.
    found = [tuple(row) for row in database.table(report.slug).collect()]
    wanted = stored_rows(bucket, report)
    assert len(wanted) > 12
    assert sorted(found) == sorted(wanted)
    day = "granularity = 'day' AND region = 'us' AND dt = '2026-11-01'"
    counted = database.sql(f"SELECT count(*) FROM {report.slug} WHERE {day}").collect()
    assert counted[0][0] == sum(row[-3:] == ("day", "us", "2026-11-01") for row in wanted)


def test_the_files_hold_the_difficult_values(bucket: Path) -> None:
    names = {row[3] for row in stored_rows(bucket, ATTENDEES)}
    assert any("\\" in name for name in names)
    assert any('"' in name for name in names)
    assert any(re.match(r"'[=+@-]", name) for name in names)


def test_documented_spark_example(spark: SparkSession, bucket: Path) -> None:
    text = (ROOT / "docs/querying.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python spark\n(.*?)^```", text, re.M | re.S)
    names: dict[str, Any] = {"spark": spark}
    exec(code.replace("s3a://BUCKET", bucket.as_uri()), names)
    rows = [row for row in stored_rows(bucket, ATTENDEES) if row[0] != "entry_id"]
    found = {(row[0], str(row[1])): row[2] for row in names["minutes"].collect()}
    assert found == {
        key: pytest.approx(sum(float(row[6]) for row in rows if (row[-2], row[-1]) == key))
        for key in {(row[-2], row[-1]) for row in rows}
    }
    shown = [(row["user_name"] or "") for row in names["attendees"].collect()]
    assert sorted(shown) == sorted(row[3] for row in rows)
