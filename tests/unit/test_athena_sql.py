"""Two parsers accept every view and example query as Athena SQL, and each has a description."""

import pytest
import sqlglot
import trino_sql_validator
from sqlglot import ErrorLevel, exp

from room_reports.model.reports import REPORTS, Report
from tools.athena.sources import Source, queries, views
from tools.athena.tables import RUNS, create_table

EVERYTHING = pytest.mark.parametrize(
    "source", [*views(), *queries()], ids=lambda source: source.name
)
PLACEHOLDER = "${TimeZone}"


@EVERYTHING
def test_it_is_one_athena_statement(source: Source) -> None:
    (tree,) = sqlglot.parse(source.sql, read="athena", error_level=ErrorLevel.RAISE)
    assert isinstance(tree, exp.Query)


@EVERYTHING
def test_trino_accepts_it_and_knows_its_functions_and_types(source: Source) -> None:
    result = trino_sql_validator.validate(source.sql.replace(PLACEHOLDER, "Asia/Kathmandu"))
    assert result.valid, result.error
    assert result.statement_count == 1
    assert not result.warnings


@EVERYTHING
def test_it_has_a_short_description(source: Source) -> None:
    assert 10 < len(source.description) < 1024
    assert source.sql.endswith("\n")
    assert "${" not in source.sql.replace(PLACEHOLDER, "")


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.name)
def test_an_example_query_limits_what_is_scanned(query: Source) -> None:
    tree = sqlglot.parse_one(query.sql, read="athena")
    names = {view.name for view in views()}
    reads = [
        table.find_ancestor(exp.Select) for table in tree.find_all(exp.Table) if table.name in names
    ]
    assert reads
    for select in reads:
        where = select.args["where"] if select else None
        assert where
        assert any(column.name == "dt" for column in where.find_all(exp.Column))


@pytest.mark.parametrize("view", views(), ids=lambda view: view.name)
def test_a_view_explains_each_column(view: Source) -> None:
    tree = sqlglot.parse_one(view.sql, read="athena")
    assert isinstance(tree, exp.Query)
    assert list(view.column_meanings) == tree.named_selects
    for meaning in view.column_meanings.values():
        assert len(meaning) <= 255, "the longest comment that Glue accepts"
        assert meaning.endswith(".")


@pytest.mark.parametrize("view", views(), ids=lambda view: view.name)
def test_a_view_reads_day_windows_only(view: Source) -> None:
    tree = sqlglot.parse_one(view.sql, read="athena")
    reports = {report.slug for report in REPORTS}
    read = [table for table in tree.find_all(exp.Table) if table.name in reports]
    assert view.sql.count("granularity = 'day'") == len(read)


def test_a_name_is_not_lost_to_a_later_day_without_it() -> None:
    """Athena's max_by returns the NULL of the latest row, but DuckDB's ignores it."""
    (attendance,) = (view for view in views() if view.name == "attendance")
    tree = sqlglot.parse_one(attendance.sql, read="athena")
    joined = [each for each in tree.find_all(exp.ArgMax) if each.this.name == "entry_name"]
    assert [each.parent.sql() for each in joined if isinstance(each.parent, exp.Filter)] == [
        "ARG_MAX(entry_name, dt) FILTER(WHERE NOT entry_name IS NULL)"
    ]


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.slug)
def test_the_ddl_for_hive_parses_and_has_the_catalogues_columns(report: Report) -> None:
    ddl = create_table(report, "s3://bucket/somewhere/")
    tree = sqlglot.parse_one(ddl, read="athena", error_level=ErrorLevel.RAISE)
    columns = [column.name for column in tree.this.find_all(exp.ColumnDef)]
    assert columns[: len(report.columns)] == [column.name for column in report.columns]


def test_the_table_of_runs_has_types_that_parse() -> None:
    for field in RUNS:
        assert exp.DataType.build(field.type, dialect="hive")
