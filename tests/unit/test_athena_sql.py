"""Two parsers accept every view and example query as Athena SQL, and each has a description."""

from collections import Counter

import pytest
import sqlglot
import trino_sql_validator
from sqlglot import ErrorLevel, exp

from room_reports.model.reports import REPORTS, Report
from tools.athena.sources import Source, deployed, queries, views
from tools.athena.tables import TEXT_TABLES, TextTable, create_table

SMALL = {
    "readers",
    *("policy", "policy_file", "rooms", "rosters", "day_files", "day_spans"),
    *("room_entries", "roster_entries", "settled_stretches"),
}
"""Tables and views of small files, whatever the days."""
EVERYTHING = pytest.mark.parametrize(
    "source", [*views(), *queries()], ids=lambda source: source.name
)


@EVERYTHING
def test_it_is_one_athena_statement(source: Source) -> None:
    (tree,) = sqlglot.parse(deployed(source.sql), read="athena", error_level=ErrorLevel.RAISE)
    assert isinstance(tree, exp.Query)


@EVERYTHING
def test_trino_accepts_it_and_knows_its_functions_and_types(source: Source) -> None:
    result = trino_sql_validator.validate(deployed(source.sql, "Asia/Kathmandu"))
    assert result.valid, result.error
    assert result.statement_count == 1
    assert not result.warnings


@EVERYTHING
def test_it_has_a_short_description(source: Source) -> None:
    assert 10 < len(source.description) < 1024
    assert source.sql.endswith("\n")
    assert "${" not in deployed(source.sql)


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.name)
def test_an_example_query_limits_what_is_scanned(query: Source) -> None:
    tree = sqlglot.parse_one(query.sql, read="athena")
    names = {view.name for view in views()} - SMALL
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
    tree = sqlglot.parse_one(deployed(view.sql), read="athena")
    assert isinstance(tree, exp.Query)
    assert list(view.column_meanings) == tree.named_selects
    for meaning in view.column_meanings.values():
        assert len(meaning) <= 255, "the longest comment that Glue accepts"
        assert meaning.endswith(".")


@pytest.mark.parametrize("view", views(), ids=lambda view: view.name)
def test_a_view_reads_day_windows_only(view: Source) -> None:
    tree = sqlglot.parse_one(deployed(view.sql), read="athena")
    reports = {report.slug for report in REPORTS}
    read = [table for table in tree.find_all(exp.Table) if table.name in reports]
    assert view.sql.count("granularity = 'day'") == len(read)


def test_a_name_is_not_lost_to_a_row_without_it() -> None:
    """Athena's max_by returns the NULL of the latest row, but DuckDB's ignores it."""
    (sql,) = (view.sql for view in views() if view.name == "attendance")
    tree = sqlglot.parse_one(deployed(sql), read="athena")
    (latest,) = (each for each in tree.find_all(exp.ArgMax) if each.this.name == "entry_name")
    assert latest.expression.sql() == "CASE WHEN is_session THEN day END"


def test_no_window_function_has_a_filter() -> None:
    """Trino rejects it when it plans the query, which no parser notices."""
    for view in views():
        tree = sqlglot.parse_one(deployed(view.sql), read="athena")
        for window in tree.find_all(exp.Window):
            assert not isinstance(window.this, exp.Filter), view.name


@pytest.mark.parametrize("view", views(), ids=lambda view: view.name)
def test_a_view_reads_each_table_and_view_once(view: Source) -> None:
    """Athena reads the files again for each use of a WITH clause."""
    tree = sqlglot.parse_one(deployed(view.sql), read="athena")
    clauses = {clause.alias: clause.this for clause in tree.find_all(exp.CTE)}
    branches = 15

    def uses(query: exp.Expr) -> Counter[str]:
        found: Counter[str] = Counter()
        for table in query.find_all(exp.Table):
            if table.find_ancestor(exp.CTE) and query is tree:
                continue
            inner = uses(clauses[table.name]) if table.name in clauses else {table.name: 1}
            found.update(inner)
        return found

    counted = {name: times for name, times in uses(tree).items() if name not in SMALL}
    if view.name in ("session_shares", "breakouts"):
        assert set(counted.values()) == {branches}
    elif view.name == "class_parts":
        # Once for sessions of a day, and once for those that continue a class of the day before.
        assert counted == {"session_shares": 2, "room_data": 2}
    else:
        assert set(counted.values()) <= {1}, counted


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.slug)
def test_the_ddl_for_hive_parses_and_has_the_catalogues_columns(report: Report) -> None:
    ddl = create_table(report, "s3://bucket/somewhere/")
    tree = sqlglot.parse_one(ddl, read="athena", error_level=ErrorLevel.RAISE)
    columns = [column.name for column in tree.this.find_all(exp.ColumnDef)]
    assert columns[: len(report.columns)] == [column.name for column in report.columns]


@pytest.mark.parametrize("table", TEXT_TABLES, ids=lambda table: table.name)
def test_the_other_tables_have_types_that_parse(table: TextTable) -> None:
    for field in (*table.fields, *table.partitions):
        assert exp.DataType.build(field.type, dialect="hive")
