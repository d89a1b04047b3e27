"""The filters on reports that the operator chooses."""

import json
import re
from collections.abc import Mapping

from room_reports.model.reports import PERSONAL_FILTERS, REPORTS, Report

Filters = Mapping[str, Mapping[str, tuple[str, ...]]]
"""The values by the report's slug and the filter's name in Kaltura's spelling."""

_FILTER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)


def parse_filters(text: str, reports: tuple[Report, ...]) -> Filters:
    """Return the filters that a JSON text chooses.

    Args:
        text: A JSON object such as ``{"attendees": {"entry_ids": ["1_abc"]}}``.
        reports: The reports that are exported. Those of the catalogue are known as well.

    Raises:
        ValueError: If Kaltura would ignore or misread a filter. The message names all mistakes.
    """
    try:
        chosen = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON ({error})") from error
    example = 'write it like {"attendees": {"entry_ids": ["1_abc", "1_def"]}}'
    if not isinstance(chosen, dict) or not all(isinstance(v, dict) for v in chosen.values()):
        raise ValueError(f"should hold filters by report; {example}")
    by_slug = {report.slug: report for report in (*REPORTS, *reports)}
    problems: list[str] = []
    filters: dict[str, dict[str, tuple[str, ...]]] = {}
    for slug, names in chosen.items():
        report = by_slug.get(slug)
        if report is None:
            problems.append(f"unknown report {slug!r}; known are {', '.join(sorted(by_slug))}")
            continue
        for name, values in names.items():
            problem = _filter_problem(report, name, values)
            if problem:
                problems.append(f"{slug}.{name}: {problem}")
            else:
                filters.setdefault(slug, {})[name] = tuple(values)
    if problems:
        raise ValueError("; ".join(problems))
    return filters


def _filter_problem(report: Report, name: str, values: object) -> str | None:
    if not report.accepts(name) or not _FILTER_NAME.fullmatch(name):
        known = ", ".join(report.filters or ()) or "letters, digits and underscores"
        return f"is not a filter of this report, whose filters are: {known}"
    if not isinstance(values, list) or not values:
        return "should be a list of at least one value, because Kaltura ignores an empty filter"
    for number, value in enumerate(values, 1):
        shown = f"value {number}" if name in PERSONAL_FILTERS else repr(value)
        if not isinstance(value, str) or not value.strip():
            return f"{shown} should be a non-empty text, because Kaltura ignores an empty filter"
        if value != value.strip():
            return f"{shown} should have no spaces around it, because Kaltura would not match them"
        if ";" in value or "," in value or not value.isprintable():
            return (
                f"{shown} contains a ';', a ',' or a control character, "
                "which Kaltura does not support in a filter's value"
            )
    return None
