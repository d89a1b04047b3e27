"""Runs Athena's SQL with DuckDB over the files of a folder: tables, views and queries."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from room_reports.model.reports import REPORTS
from tools.athena.sources import Source, views
from tools.athena.tables import PARTITIONS, RUN_PARTITIONS, RUNS, Field

_ZONE = "${TimeZone}"
_DAY_BEFORE = "date_format(date_add('day', -1, CAST(dt AS date)), '%Y-%m-%d')"


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
    """

    def __init__(
        self,
        root: Path | None,
        zone: str = "UTC",
        now: datetime | None = None,
        *,
        loaded: bool = False,
    ) -> None:
        self._kind = "TABLE" if loaded else "VIEW"
        self._zone = zone
        self._now = now
        self._days: set[str] = set()
        self._connection = duckdb.connect()
        self._connection.execute(f"SET TimeZone = '{zone}'")
        for report in REPORTS:
            fields = [Field(column.name, "string") for column in report.columns]
            self._create_table(report.slug, (*fields, *PARTITIONS), root, "csv")
        self._create_table("runs", (*RUNS, *RUN_PARTITIONS), root, "json")
        for view in views():
            self._connection.execute(f"CREATE VIEW {view.name} AS {self.transpile(view.sql)}")

    def _create_table(
        self, name: str, fields: Iterable[Field], root: Path | None, kind: str
    ) -> None:
        types = {field.name: _duck_type(field.type) for field in fields}
        found = sorted((root / name).rglob(f"*.{kind}*")) if root else []
        # Trino reads no rows from an empty file, whatever its name; DuckDB refuses an empty .gz.
        files = [str(file) for file in found if file.stat().st_size or file.suffix != ".gz"]
        self._days.update(Path(file).parent.name.removeprefix("dt=") for file in files)
        if not files:
            columns = ", ".join(f'"{column}" {type_}' for column, type_ in types.items())
            self._connection.execute(f"CREATE TABLE {name} ({columns})")
            return
        partitions = {field.name for field in (*PARTITIONS, *RUN_PARTITIONS)}
        in_file = {k: v for k, v in types.items() if k not in partitions}
        in_path = ", ".join(f"'{k}': VARCHAR" for k in types if k in partitions)
        options = "header = true, quote = '\"', escape = '\"', delim = ',', auto_detect = false, "
        self._connection.execute(
            f"CREATE {self._kind} {name} AS FROM read_{kind}({files!r}, columns = {in_file!r}, "
            f"{options if kind == 'csv' else ''}"
            f"hive_partitioning = true, hive_types = {{{in_path}}})"
        )

    def transpile(self, sql: str) -> str:
        """Translate Athena's SQL to DuckDB's, for the given time zone and current time."""
        sql = sql.replace(_ZONE, self._zone).replace(_DAY_BEFORE, self._day_before())
        tree = sqlglot.parse_one(sql, read="athena")
        return _inlined(tree.transform(self._translate)).sql("duckdb", comments=False)

    def _day_before(self) -> str:
        """Return SQL for the day before ``dt`` that DuckDB can evaluate per folder.

        Trino evaluates every condition on partition columns before it opens a file. DuckDB skips
        conditions that might raise, such as a cast to a date.
        """
        if not self._days:
            return _DAY_BEFORE
        cases = (
            f"WHEN '{day}' THEN '{date.fromisoformat(day) - timedelta(days=1)}'"
            for day in sorted(self._days)
        )
        return f"CASE dt {' '.join(cases)} END"

    def _translate(self, node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.CurrentDate | exp.CurrentTimestamp) and self._now:
            kind = "DATE" if isinstance(node, exp.CurrentDate) else "TIMESTAMPTZ"
            return exp.cast(exp.Literal.string(self._now.isoformat()), kind)
        if isinstance(node, exp.Join) and isinstance(node.this, exp.Unnest):
            return _unnested(node)
        return node

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
