"""The examples of docs/querying.md, run as printed."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import trino_sql_validator

from local.kaltura.campus import Size
from room_reports.model.reports import ATTENDEES, REPORTS
from tests.support.term import ZONE, Term, shown
from tools.athena.duck_athena import DuckAthena
from tools.athena.sources import queries, views

DOCS = Path(__file__).parents[2] / "docs"
TERM = Term(date(2026, 10, 31), date(2026, 11, 2), Size(rooms=10, attendees=9, special_names=0.5))


def fenced(kind: str) -> list[str]:
    text = (DOCS / "querying.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tmp_path_factory.mktemp("bucket")
    TERM.publish(root)
    return root


@pytest.mark.parametrize("sql", fenced("sql"))
def test_documented_queries_are_valid_athena_sql(sql: str, bucket: Path) -> None:
    assert trino_sql_validator.validate(sql).valid
    DuckAthena(bucket, ZONE.key).query(sql)


def test_documented_duckdb_example(bucket: Path) -> None:
    (sql,) = fenced("sql duckdb")
    found = duckdb.execute(sql.replace("s3://BUCKET", str(bucket))).fetchall()
    counted = DuckAthena(bucket).query(
        "SELECT region, dt, count(*) AS users, sum(CAST(meeting_view_time AS double)) AS minutes "
        "FROM attendees WHERE granularity = 'day' GROUP BY region, dt ORDER BY region, dt"
    )
    assert [(row[0], str(row[1]), row[2]) for row in found] == [
        (row["region"], row["dt"], row["users"]) for row in counted
    ]
    assert [row[3] for row in found] == pytest.approx([row["minutes"] for row in counted])


def test_documented_pandas_example(bucket: Path) -> None:
    (code,) = fenced("python pandas")
    names: dict[str, Any] = {}
    exec(code.replace("s3://BUCKET", str(bucket)), names)
    found = names["attendees"]
    assert list(found.columns) == [column.name for column in ATTENDEES.columns]
    (window,) = (window for window in TERM.days() if window.label == "2026-11-01")
    start, end = int(window.start.timestamp()), int(window.end.timestamp())
    expected = TERM.truth("us").rows(ATTENDEES.id, start, end)
    names_of = found["user_name"].str.removeprefix("'")
    plain = {row[3] for row in expected if shown(row[3]) == row[3] and row[3].isalnum()}
    assert len(found) == len(expected)
    assert set(names_of) >= plain
    assert plain


def test_guide_names_every_query_view_and_table() -> None:
    text = (DOCS / "querying.md").read_text(encoding="utf-8")
    for query in queries():
        name = query.name.replace("-", " ").capitalize()
        assert f"[{name}](../athena/queries/{query.name}.sql)" in text
    for name in (*(view.name for view in views()), *(report.slug for report in REPORTS), "runs"):
        assert f"`{name}`" in text


@pytest.mark.parametrize("name", ["querying.md", "data-dictionary.md", "cost.md"])
def test_links_in_the_documentation_resolve(name: str) -> None:
    document = DOCS / name
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target
