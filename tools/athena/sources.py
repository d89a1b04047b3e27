"""Read the SQL files in athena/: names, descriptions, column meanings and SQL."""

import re
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path

import sqlglot
from sqlglot import exp

from local.stack.servers import ROOT

SESSION_DAYS = 5
"""The default of the parameter SessionDays."""
MOST_SESSION_DAYS = 14
_FOLDER = ROOT / "athena"
_OUTPUT_COLUMN = re.compile(r"\bAS (\w+),? -- (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """One SQL file."""

    name: str
    """The view's name, or the query's with hyphens."""
    sql: str

    @property
    def description(self) -> str:
        """The comment at the top of the file, as one line."""
        comment = takewhile(lambda line: line.startswith("--"), self.sql.split("\n"))
        return " ".join(filter(None, (line.removeprefix("--").strip() for line in comment)))

    @property
    def column_meanings(self) -> dict[str, str]:
        """The comment after each output column of a view, by column and in their order."""
        outermost = re.split(r"^SELECT$", self.sql, flags=re.MULTILINE)[-1]
        return {match[1]: match[2] for match in _OUTPUT_COLUMN.finditer(outermost)}


@cache
def views() -> tuple[Source, ...]:
    """Return the views, each after the views that it reads, and otherwise ordered by name."""
    left = {view.name: view for view in _read(_FOLDER / "views")}
    reads = {name: tables_of(view.sql) & (set(left) - {name}) for name, view in left.items()}
    ordered: list[Source] = []
    while left:
        done = {view.name for view in ordered}
        name = next(name for name in left if reads[name] <= done)
        ordered.append(left.pop(name))
    return tuple(ordered)


def tables_of(sql: str) -> set[str]:
    """Return the names of the tables and views that a query reads itself."""
    tree = sqlglot.parse_one(deployed(sql), read="athena")
    clauses = {clause.alias for clause in tree.find_all(exp.CTE)}
    return {table.name for table in tree.find_all(exp.Table)} - clauses


def deployed(sql: str, zone: str = "UTC", session_days: int = SESSION_DAYS) -> str:
    """Return SQL with the parameters of a stack in the place of its placeholders."""
    return sql.replace("${TimeZone}", zone).replace("${SessionDays}", str(session_days))


def queries() -> tuple[Source, ...]:
    """Return the example queries, ordered by name."""
    return _read(_FOLDER / "queries")


def _read(folder: Path) -> tuple[Source, ...]:
    return tuple(
        Source(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql"))
    )
