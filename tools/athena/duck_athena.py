"""Runs Athena's SQL with DuckDB over the files of a folder: tables, views and queries."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from room_reports.model.reports import REPORTS
from tools.athena.sources import MOST_SESSION_DAYS, SESSION_DAYS, Source, deployed, views
from tools.athena.tables import (
    JSON_SERDE,
    PARTITIONS,
    REGEX_SERDE,
    TEXT_TABLES,
    Field,
    TextTable,
)

_DAYS_BEFORE = re.compile(
    r"date_format\(date_add\('day', -(\d+), CAST\(dt AS date\)\), '%Y-%m-%d'\)"
)
_NEXT_DAY = "date_format(date_add('day', 1, CAST(dt AS date)), '%Y-%m-%d')"
_BRANCH = re.compile(r"\n  UNION ALL\n  SELECT [^\n]* AND (\d+) <= (\d+)(?=\n)")
_MAP_AGG = (
    "CREATE MACRO map_agg(k, v) AS "
    "map_from_entries(list(struct_pack(k := k, v := v)) FILTER (WHERE k IS NOT NULL))"
)
_WEEK_OF = "date_format(date_trunc('week', CAST(dt AS date)), '%Y-%m-%d')"


@dataclass(frozen=True)
class OutputColumn:
    """A column of a query's result, with DuckDB's type."""

    name: str
    type: str


@dataclass(frozen=True)
class Scan:
    """What a query read."""

    files: int
    """Opened files; a file that was opened twice counts twice."""
    bytes: int


class DuckAthena:
    """The tables over the files under ``root`` (a copy of the bucket), and the views.

    Args:
        root: a folder with the objects under their keys; None for empty tables.
        zone: the deployment's time zone.
        now: the current time of the queries; must be timezone-aware.
        loaded: read the files once instead of for each query.
        session_days: the deployment's SessionDays.
    """

    def __init__(
        self,
        root: Path | None,
        zone: str = "UTC",
        now: datetime | None = None,
        *,
        loaded: bool = False,
        session_days: int = SESSION_DAYS,
    ) -> None:
        self._kind = "TABLE" if loaded else "VIEW"
        self._zone = zone
        self._session_days = session_days
        self._now = now
        self._days: set[str] = set()
        self._connection = duckdb.connect()
        self._connection.execute(f"SET TimeZone = '{zone}'")
        for report in REPORTS:
            fields = [Field(column.name, "string") for column in report.columns]
            self._create_table(report.slug, fields, PARTITIONS, root and root / report.slug)
        for table in TEXT_TABLES:
            folder = root and root / table.prefix
            if table.serde == REGEX_SERDE:
                self._create_log_table(table, folder)
                continue
            kind = "json" if table.serde == JSON_SERDE else "csv"
            self._create_table(table.name, table.fields, table.partitions, folder, kind)
        self._create_macros()
        for view in views():
            self._connection.execute(f"CREATE VIEW {view.name} AS {self.transpile(view.sql)}")

    def _create_table(
        self,
        name: str,
        fields: Iterable[Field],
        partitions: Iterable[Field],
        folder: Path | None,
        kind: str = "csv",
    ) -> None:
        in_file = {field.name: _duck_type(field.type) for field in fields}
        in_path = {field.name: "VARCHAR" for field in partitions}
        found = sorted(folder.rglob(f"*.{kind}*")) if folder else []
        # Trino reads no rows from an empty file, whatever its name; DuckDB refuses an empty .gz.
        files = [str(file) for file in found if file.stat().st_size or file.suffix != ".gz"]
        if "dt" in in_path:
            self._days.update(Path(file).parent.name.removeprefix("dt=") for file in files)
        if not files:
            columns = ", ".join(
                f'"{column}" {type_}' for column, type_ in (in_file | in_path).items()
            )
            self._connection.execute(f"CREATE TABLE {name} ({columns})")
            return
        types = ", ".join(f"'{column}': {type_}" for column, type_ in in_path.items())
        options = "header = true, quote = '\"', escape = '\"', delim = ',', auto_detect = false, "
        if name == "day_files":
            # As Hive's reader does: an index of an earlier version has fewer columns.
            options += "null_padding = true, "
        folders = f"hive_partitioning = true, hive_types = {{{types}}}" if in_path else ""
        self._connection.execute(
            f"CREATE {self._kind} {name} AS FROM read_{kind}({files!r}, columns = {in_file!r}, "
            f"{options if kind == 'csv' else ''}{folders or 'hive_partitioning = false'})"
        )

    def _create_log_table(self, table: TextTable, folder: Path | None) -> None:
        """Create a table of lines that match an expression; another line is a row of NULL."""
        names = [field.name for field in table.fields]
        (partition,) = table.partitions
        files = sorted(str(file) for file in folder.rglob("*") if file.is_file()) if folder else []
        if not files:
            columns = ", ".join(f'"{name}" VARCHAR' for name in (*names, partition.name))
            self._connection.execute(f"CREATE TABLE {table.name} ({columns})")
            return
        line = table.line.replace("'", "''")
        self._connection.execute(
            f"CREATE {self._kind} {table.name} AS "
            f"SELECT unnest(CASE WHEN regexp_full_match(line, '{line}') "
            f"THEN regexp_extract(line, '{line}', {names!r}) END), {partition.name} FROM ("
            "SELECT unnest(string_split(rtrim(content, chr(10)), chr(10))) AS line, "
            f"regexp_extract(filename, '/(\\d+/\\d+/\\d+)/[^/]*$', 1) AS {partition.name} "
            f"FROM read_text({files!r}))"
        )

    def _create_macros(self) -> None:
        """Create functions of days that DuckDB can evaluate per folder.

        Trino evaluates every condition on partition columns before it opens a file. DuckDB skips
        conditions that might raise, such as a cast to a date.
        """
        for back in range(MOST_SESSION_DAYS + 1):
            self._create_macro(f"day_before_{back}", partial(_days_before, back))
        self._create_macro("day_after", partial(_days_before, -1))
        self._connection.execute(_MAP_AGG)
        self._create_macro("week_of", lambda day: day - timedelta(days=day.weekday()))

    def _create_macro(self, name: str, function: Callable[[date], date]) -> None:
        first = {date.fromisoformat(day) for day in self._days}
        days = {
            day - timedelta(days=back) for day in first for back in range(MOST_SESSION_DAYS + 1)
        }
        cases = " ".join(f"WHEN '{day}' THEN '{function(day)}'" for day in sorted(days))
        body = f"CASE dt {cases} END" if cases else "CAST(NULL AS VARCHAR)"
        self._connection.execute(f"CREATE MACRO {name}(dt) AS {body}")

    def transpile(self, sql: str) -> str:
        """Translate Athena's SQL to DuckDB's, for the given parameters and current time."""
        now = self._now if "current_" in sql else None
        return _transpiled(deployed(sql, self._zone, self._session_days), now)

    def fill(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Replace the rows of a table that has no files; columns that a row lacks are NULL."""
        self._connection.execute(f"DELETE FROM {table}")
        for row in rows:
            names = ", ".join(f'"{name}"' for name in row)
            places = ", ".join("?" * len(row))
            sql = f"INSERT INTO {table} ({names}) VALUES ({places})"
            self._connection.execute(sql, list(row.values()))

    def run(self, source: Source) -> list[dict[str, Any]]:
        """Return the rows of a stored query."""
        return self.query(source.sql)

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query in Athena's SQL; timestamps are Unix seconds."""
        translated = self.transpile(sql)
        columns = self._describe(translated)
        chosen = ", ".join(
            f'epoch("{c.name}") AS "{c.name}"' if "TIME ZONE" in c.type else f'"{c.name}"'
            for c in columns
        )
        rows = self._connection.execute(f"SELECT {chosen} FROM ({translated})").fetchall()
        return [dict(zip((c.name for c in columns), row, strict=True)) for row in rows]

    def scan(self, sql: str) -> Scan:
        """Return what a query in Athena's SQL reads."""
        explain = f"EXPLAIN (ANALYZE, FORMAT json) {self.transpile(sql)}"
        text = self._connection.execute(explain).fetchall()[0][1]
        read = re.findall(r'"Total Files Read": "(\d+)"', text)
        return Scan(sum(map(int, read)), json.loads(text)["io"]["total_bytes_read"])

    def columns(self, table: str) -> list[OutputColumn]:
        """Return the columns of a table or view."""
        return self._describe(f"FROM {table}")

    def _describe(self, sql: str) -> list[OutputColumn]:
        rows = self._connection.execute(f"DESCRIBE {sql}").fetchall()
        return [OutputColumn(name, type_) for name, type_, *_ in rows]


def _days_before(count: int, day: date) -> date:
    return day - timedelta(days=count)


@cache
def _transpiled(sql: str, now: datetime | None) -> str:
    # Neither engine reads anything for a branch that is constantly false. Translating takes long.
    sql = _BRANCH.sub(lambda match: match[0] if int(match[1]) <= int(match[2]) else "", sql)
    sql = _DAYS_BEFORE.sub(r"day_before_\1(dt)", sql)
    sql = sql.replace(_NEXT_DAY, "day_after(dt)").replace(_WEEK_OF, "week_of(dt)")
    tree = sqlglot.parse_one(sql, read="athena")
    translated = tree.transform(partial(_translate, now=now))
    return _inlined(translated).sql("duckdb", comments=False)


def _translate(node: exp.Expression, now: datetime | None) -> exp.Expression:
    if isinstance(node, exp.CurrentDate | exp.CurrentTimestamp) and now:
        kind = "DATE" if isinstance(node, exp.CurrentDate) else "TIMESTAMPTZ"
        return exp.cast(exp.Literal.string(now.isoformat()), kind)
    if isinstance(node, exp.Join) and isinstance(node.this, exp.Unnest):
        return _unnested(node)
    return node


def _duck_type(hive_type: str) -> str:
    return exp.DataType.build(hive_type, dialect="hive").sql("duckdb")


def _unnested(join: exp.Join) -> exp.Expression:
    """Unnest an array of rows to their fields, as Athena does; DuckDB unnests it to rows."""
    unnest = join.this
    alias = unnest.args["alias"]
    if len(alias.columns) < 2:
        return join
    (array,) = unnest.expressions
    rows = f"(SELECT unnest({array.sql('duckdb')}, max_depth := 2)) AS {alias.sql('duckdb')}"
    return exp.Join(this=exp.maybe_parse(f"LATERAL {rows}", into=exp.Lateral, dialect="duckdb"))


def _inlined(tree: exp.Expression) -> exp.Expression:
    """Return the query with its WITH clauses inlined, as Athena runs it.

    Each use of a clause then has its own conditions and reads its own files.
    """
    clause = tree.args.pop("with_", None)
    for cte in clause.expressions if clause else ():
        for later in (tree, *clause.expressions):
            for table in list(later.find_all(exp.Table)):
                if table.name == cte.alias and not table.db:
                    alias = table.alias or table.name
                    table.replace(
                        exp.Subquery(this=cte.this.copy(), alias=exp.to_identifier(alias))
                    )
    return tree
