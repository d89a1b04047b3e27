"""The deployed tables, views and saved queries, through the APIs of Glue and Athena."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from local.kaltura.truth import UniversityTruth
from local.kaltura.university import University
from local.stack.stack import Stack
from room_reports.model.reports import REPORTS, Report
from tools.athena.duck_athena import DuckAthena
from tools.athena.sources import Source, deployed, queries, views
from tools.athena.tables import RUNS
from tools.athena.template import view_columns

FIRST, AFTER = datetime(2025, 3, 28, tzinfo=UTC), datetime(2025, 3, 31, tzinfo=UTC)
GZIPPED_FROM = datetime(2025, 3, 30, tzinfo=UTC)
"""Files of earlier days are plain, as if Compression had been changed on this day."""
DAYS = f"dt >= '{FIRST:%Y-%m-%d}' AND dt < '{AFTER:%Y-%m-%d}'"
REGIONS = ("us", "eu")


@pytest.fixture(scope="module")
def truths() -> dict[str, UniversityTruth]:
    return {region: UniversityTruth(University(7, region)) for region in REGIONS}


@pytest.fixture(scope="module")
def exported(stack: Stack) -> Iterator[Stack]:
    """Return the stack with three days in its bucket, the last of them with gzip."""
    for compression, start, end in (
        ("none", FIRST, GZIPPED_FROM),
        ("gzip", GZIPPED_FROM, AFTER),
    ):
        stack.configure(COMPRESSION=compression)
        event = {"from": f"{start:%Y-%m-%d}", "to": f"{end:%Y-%m-%d}", "granularity": "day"}
        result = stack.invoke(event)
        assert result.error is None
        suffix = ".csv.gz" if compression == "gzip" else ".csv"
        assert all(key.endswith(suffix) for key in result.payload["exported"])
    yield stack
    stack.configure(COMPRESSION="none")


@pytest.fixture(scope="module")
def copied(exported: Stack, tmp_path_factory: pytest.TempPathFactory) -> DuckAthena:
    """Return the views over a copy of those days."""
    root = tmp_path_factory.mktemp("bucket")
    for report in REPORTS:
        for key in _keys(exported, report.slug):
            if f"dt={FIRST:%Y-%m-%d}" <= key.split("/")[3] < f"dt={AFTER:%Y-%m-%d}":
                (root / key).parent.mkdir(parents=True)
                exported.aws.s3.download_file(exported.bucket, key, str(root / key))
    return DuckAthena(root)


def _keys(stack: Stack, slug: str) -> list[str]:
    pages = stack.aws.s3.get_paginator("list_objects_v2").paginate(
        Bucket=stack.bucket, Prefix=f"{slug}/granularity=day/"
    )
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def _table(stack: Stack, name: str) -> dict[str, Any]:
    database = stack.outputs["GlueDatabase"]
    return dict(stack.aws.glue.get_table(DatabaseName=database, Name=name)["Table"])


@pytest.mark.parametrize("view", views(), ids=lambda view: view.name)
def test_each_deployed_view_holds_its_sql_and_presto_types(stack: Stack, view: Source) -> None:
    table = _table(stack, view.name)
    assert table["TableType"] == "VIRTUAL_VIEW"
    text = table["ViewOriginalText"]
    encoded = text.removeprefix("/* Presto View: ").removesuffix(" */")
    assert text == f"/* Presto View: {encoded} */"
    definition = json.loads(base64.b64decode(encoded, validate=True))
    columns = view_columns()[view.name]
    assert definition == {
        "originalSql": deployed(view.sql),
        "catalog": "awsdatacatalog",
        "schema": stack.outputs["GlueDatabase"],
        "columns": [{"name": field.name, "type": presto} for field, presto in columns],
    }
    assert [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]] == [
        (field.name, field.type) for field, _ in columns
    ]


def test_the_saved_queries_are_in_the_workgroup(stack: Stack) -> None:
    athena, workgroup = stack.aws.athena, stack.outputs["AthenaWorkgroup"]
    ids = athena.list_named_queries(WorkGroup=workgroup)["NamedQueryIds"]
    saved = athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]
    assert {query["Name"]: query["QueryString"] for query in saved} == {
        query.name.replace("-", " ").capitalize(): query.sql for query in queries()
    }
    assert {query["Database"] for query in saved} == {stack.outputs["GlueDatabase"]}


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.slug)
def test_each_table_has_every_row_plain_and_gzipped(
    exported: Stack, truths: dict[str, UniversityTruth], report: Report
) -> None:
    found = exported.query(
        f"SELECT region, dt, count(*) AS n FROM {report.slug} "
        f"WHERE granularity = 'day' AND {DAYS} GROUP BY region, dt"
    )
    counts = {(row["region"], row["dt"]): int(row["n"] or 0) for row in found}
    for region in REGIONS:
        for day in range((AFTER - FIRST).days):
            start = int(FIRST.timestamp()) + 86400 * day
            true = truths[region].rows(report.id, start, start + 86400)
            label = datetime.fromtimestamp(start, UTC).date().isoformat()
            assert counts.get((region, label), 0) == len(true)


def test_partition_projection_starts_at_the_parameter(stack: Stack) -> None:
    for name in (*(report.slug for report in REPORTS), "runs"):
        parameters = _table(stack, name)["Parameters"]
        assert parameters["projection.dt.range"] == "2020-01-01,NOW+1DAYS"
        if name != "runs":
            assert parameters["projection.region.values"] == "us,eu"


def test_the_index_is_projected_by_month(stack: Stack) -> None:
    parameters = _table(stack, "day_files")["Parameters"]
    assert parameters["projection.month.range"] == "2020-01,NOW+1MONTHS"
    assert parameters["projection.region.values"] == "us,eu"


def test_run_records_can_be_queried_as_a_table(exported: Stack) -> None:
    columns = _table(exported, "runs")["StorageDescriptor"]["Columns"]
    assert [(c["Name"], c["Type"]) for c in columns] == [(f.name, f.type) for f in RUNS]
    rows = exported.query("SELECT run_id, trigger, skipped, deferred, dt FROM runs")
    assert len(rows) >= 2
    for row in rows:
        assert (row["run_id"] or "").startswith((row["dt"] or "?").replace("-", ""))


def test_views_over_exported_files_equal_the_truth(
    copied: DuckAthena, truths: dict[str, UniversityTruth]
) -> None:
    start, end = int(FIRST.timestamp()), int(AFTER.timestamp())
    true = {
        (region, row[0], row[3]): (int(row[7]), pytest.approx(float(row[8])))
        for region in REGIONS
        for row in truths[region].rows(6000, start, end)
    }
    found = copied.query("SELECT * FROM sessions")
    assert {
        (row["region"], row["entry_id"], row["cue_point_id"]): (
            *(row["unique_users"], row["engagement"]),
        )
        for row in found
    } == true
    assert len(found) == len(true)
    assert any(row["first_day"] != row["last_day"] for row in found)


def test_a_condition_on_dt_scans_only_those_days(copied: DuckAthena) -> None:
    whole = copied.scan("SELECT * FROM attendees")
    day = copied.scan("SELECT * FROM attendees WHERE dt = '2025-03-28'")
    assert day.files * 3 == whole.files
    assert 0 < day.bytes < whole.bytes
