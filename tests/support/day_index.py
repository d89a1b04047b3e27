"""Writes the index of day files for days that are all exported."""

from collections.abc import Iterable
from pathlib import Path

from room_reports.model.reports import REPORTS


def write_index(
    root: Path, region: str, days: Iterable[str], unlike: dict[tuple[str, str], str | None]
) -> None:
    """Write the index of a region under ``root``, with settled files but for some.

    Args:
        unlike: The state of a file that has another one, by report and day; None for no file.
    """
    by_month: dict[str, list[str]] = {}
    for day in days:
        for report in REPORTS:
            state = unlike.get((report.slug, day), "settled")
            if state:
                line = f"{report.slug},{day},{state},{day}T00:00:00Z,,,,,,,,{day}T00:00:00Z"
                by_month.setdefault(day[:7], []).append(line)
    for month, lines in by_month.items():
        name = f"index/day_files/region={region}/month={month}/day_files_{region}_{month}.csv"
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(("header", *lines, "")), encoding="utf-8")
