"""The days whose files are not all there and settled, from the index of day files.

A class of such a day can be missing in the views altogether, so that no row of it says so.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import groupby

from room_reports.model.retention import EXPIRED
from room_reports_command.athena import QueryResult, literal

_REPORTS = ("room_data", "attendees")
_BEFORE = ""
"""Stands for all days before those that were asked for."""


@dataclass(frozen=True)
class OpenDay:
    """A day of which a file is missing, expired or not settled."""

    dt: str
    region: str
    """Empty if the index has no region at all."""
    why: str

    def to_dict(self) -> dict[str, str]:
        """Return it as JSON holds it."""
        return asdict(self)


def day_files_sql(first: str, last: str) -> str:
    """Return the query for the files from the day ``first`` to the day before ``last``."""
    names = ", ".join(map(literal, _REPORTS))
    return (
        f"SELECT region, CASE WHEN dt >= {literal(first)} THEN dt ELSE '' END AS day, report, "  # noqa: S608 - literals
        f"max(state) AS state FROM day_files WHERE report IN ({names}) AND dt < {literal(last)} "
        f"GROUP BY region, CASE WHEN dt >= {literal(first)} THEN dt ELSE '' END, report"
    )


def open_days(result: QueryResult, first: str, last: str, today: str) -> list[OpenDay]:
    """Return the open days in a result of ``day_files_sql``, by day and region.

    Days before the first file of a region are not open.

    Args:
        first: The first day.
        last: The day after the last one.
        today: The day that is not over.
    """
    states: defaultdict[str, dict[tuple[str, str], str]] = defaultdict(dict)
    for region, day, report, state in result.rows:
        states[region or ""][day or _BEFORE, report or ""] = state or ""
    found = []
    for region, files in (states or {"": {("", ""): ""}}).items():
        earliest = min(day for day, _ in files)
        for day in days_between(max(first, earliest), last):
            why = _why({report: files.get((day, report)) for report in _REPORTS})
            if why:
                found.append(OpenDay(day, region, "The day is not over." if day >= today else why))
    return sorted(found, key=lambda each: (each.dt, each.region))


def _why(states: dict[str, str | None]) -> str:
    if EXPIRED in states.values():
        return "Expired: its files are no longer kept."
    missing = [report for report, state in states.items() if state is None]
    if missing:
        return f"There is no file of {' and '.join(missing)}."
    open_ = [report for report, state in states.items() if state != "settled"]
    return f"Not settled: {' and '.join(open_)}." if open_ else ""


def stretches(days: Sequence[OpenDay]) -> list[tuple[OpenDay, str]]:
    """Return open days that follow each other as the first of them, and the last day."""
    found = []
    by_region = sorted(days, key=lambda each: (each.region, each.why, each.dt))
    numbered = enumerate(by_region)
    for _, several in groupby(
        numbered, key=lambda each: (each[1].region, each[1].why, _number(each[1].dt) - each[0])
    ):
        together = [each for _, each in several]
        found.append((together[0], together[-1].dt))
    return sorted(found, key=lambda each: (each[0].dt, each[0].region))


def days_between(first: str, last: str) -> Iterable[str]:
    """Yield the days from ``first`` to the day before ``last``."""
    day = date.fromisoformat(first)
    while (text := day.isoformat()) < last:
        yield text
        day += timedelta(days=1)


def day_before(day: str) -> str:
    """Return the day before a day."""
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


def _number(day: str) -> int:
    return date.fromisoformat(day).toordinal()
