"""The tables of the template, in M: what power-query/parts has, and one for each report."""

from local.stack.servers import ROOT
from room_reports.model.reports import REPORTS, Kind, Report

FOLDER = ROOT / "power-query"
COVERAGE = "Coverage"
NAMES = (COVERAGE, *("".join(map(str.capitalize, report.slug.split("_"))) for report in REPORTS))
"""The names of the tables, such as ``RoomData``, in their order."""


def bindings() -> str:
    """Return the definitions of a ``let`` that end with one for each of ``NAMES``.

    They use ``Days``, a number, and ``Api``, a function of a path and a query.
    """
    members = {name: _part(name) for name in (COVERAGE, "ReportRows")}
    members |= {name: _rows_of(report) for name, report in zip(NAMES[1:], REPORTS, strict=True)}
    return ",\n".join(f"{name} =\n{indented(text)}" for name, text in members.items())


def indented(text: str, by: str = "    ") -> str:
    """Return a text with ``by`` before each of its lines that is not empty."""
    return "\n".join(f"{by}{line}" if line else line for line in text.split("\n"))


def _part(name: str) -> str:
    return (FOLDER / "parts" / f"{name}.pq").read_text(encoding="utf-8").strip()


def _rows_of(report: Report) -> str:
    numbers = [column.name for column in report.columns if column.kind is not Kind.TEXT]
    moments = [column.name for column in report.columns if column.kind is Kind.TIMESTAMP]
    lists = ([column.name for column in report.columns], numbers, moments)
    arguments = ",\n".join([f'"{report.slug}"', *map(_list, lists)])
    return f"ReportRows(\n{indented(arguments)}\n)"


def _list(names: list[str]) -> str:
    lines = ",\n".join(f'"{name}"' for name in names)
    return f"{{\n{indented(lines)}\n}}" if names else "{}"
