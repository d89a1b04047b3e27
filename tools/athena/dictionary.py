"""docs/data-dictionary.md: every column of every view and table, made from their definitions."""

from collections.abc import Iterable

from room_reports.model.reports import REPORTS, Column, Kind, Report
from tools.athena.origins import origins_of
from tools.athena.sources import views
from tools.athena.tables import PARTITIONS, RUN_PARTITIONS, RUNS
from tools.athena.template import view_columns

_UNITS = {
    Kind.TEXT: ("text", ""),
    Kind.INTEGER: ("integer", "number"),
    Kind.TIMESTAMP: ("integer", "Unix time, seconds"),
    Kind.SECONDS: ("integer", "seconds"),
    Kind.MINUTES: ("decimal", "minutes"),
    Kind.RATIO: ("decimal", "ratio"),
}
_VIEW_UNITS = {"minutes": "minutes", "time": "point in time", "engagement": "ratio"}
_INTRODUCTION = """\
# Data dictionary

Made by `make athena` from the catalogue of reports and from the SQL under `athena/`; the tests fail
when it is stale. How to use all this is in [querying.md](querying.md).

**Views** have one right row per thing, with types. **Tables** hold the files as they are: one row
per thing *and window*, every column a text.

Names and e-mail addresses are those at the time of the export, not of the session. Kaltura's own
counts of users are estimates. What happened in a window is known for certain once its export is
`settled`; until then figures may grow.
"""


def dictionary() -> str:
    """The whole document."""
    parts = [_INTRODUCTION]
    columns = view_columns()
    for view in views():
        origins = origins_of(view)
        rows = (
            (f.name, presto, _view_unit(f.name, presto), f.meaning, ", ".join(origins[f.name]))
            for f, presto in columns[view.name]
        )
        parts.append(f"## View `{view.name}`\n\n{view.description}\n")
        parts.append(_table(("Column", "Type", "Unit", "Meaning", "From"), rows))
    parts += [part for report in REPORTS for part in _report(report)]
    parts.append("## Table `runs`\n\nOne row per run of the exporter, from its run records.\n")
    fields = (*RUNS, *RUN_PARTITIONS)
    types = ((f.name, f.type.replace(",", ", "), f.meaning) for f in fields)
    parts.append(_table(("Column", "Type", "Meaning"), types))
    return "\n".join(parts)


def _report(report: Report) -> Iterable[str]:
    key = ", ".join(f"`{name}`" for name in report.primary_key)
    yield (
        f"## Table `{report.slug}`\n\n"
        f"Kaltura's report {report.id}, one row per window and {key}. Every column is a text.\n"
    )
    rows = [_column(column) for column in report.columns]
    partitions = [(f.name, "text", "", f"Partition. {f.meaning}", "") for f in PARTITIONS]
    yield _table(("Column", "Holds", "Unit", "Meaning", "Mind"), (*rows, *partitions))


def _column(column: Column) -> tuple[str, ...]:
    holds, unit = _UNITS[column.kind]
    return (column.name, holds, unit, column.meaning, column.caveat)


def _view_unit(name: str, presto: str) -> str:
    if presto in {"varchar", "boolean"}:
        return ""
    return _VIEW_UNITS.get(name.rpartition("_")[2], "bytes" if "bytes" in name else "number")


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    lines += [f"| `{name}` | {' | '.join(rest)} |" for name, *rest in rows]
    return "\n".join(lines) + "\n"
