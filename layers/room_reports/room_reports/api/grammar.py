"""The grammar of request values. A value is used only after it has matched its grammar."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from room_reports.api.errors import BadParameterError
from room_reports.model.errors import WindowError
from room_reports.model.windows import Calendar, Granularity, Window

MOMENT = r"20[0-9]{2}-[0-9]{2}-[0-9]{2}(T[0-9]{2}(:[0-9]{2}(:[0-9]{2})?)?Z)?"
LABEL = r"20[0-9]{2}-[0-9]{2}-[0-9]{2}(T[0-9]{2}Z)?"
LATEST = "latest"
CURSOR = r"[A-Za-z0-9_-]{1,200}"
EXAMPLES = {Granularity.DAY: "2026-11-22", Granularity.HOUR: "2026-11-22T13Z"}

_SHOWN = 60
_T = TypeVar("_T")


def shown(text: str) -> str:
    """Return a value as an error message may quote it: in ASCII and not too long."""
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def single_values(query: Mapping[str, Sequence[str]], known: Sequence[str]) -> dict[str, str]:
    """Return the parameters of a query that have a value.

    Raises:
        BadParameterError: If a parameter is not ``known``, because ignoring a filter would return
            more than was asked for, or if it is given more than once.
    """
    values: dict[str, str] = {}
    for name, given in query.items():
        if name not in known:
            raise BadParameterError(
                shown(name), f"is not a parameter here; these are: {', '.join(known) or 'none'}"
            )
        if len(given) > 1:
            raise BadParameterError(name, "should be given once")
        if given and given[0]:
            values[name] = given[0]
    return values


def no_values(query: Mapping[str, Sequence[str]]) -> None:
    """Raise BadParameterError if the query has any parameter."""
    single_values(query, ())


def choice(parameter: str, text: str, choices: Mapping[str, _T]) -> _T:
    """Return the one of ``choices`` that ``text`` names.

    Raises:
        BadParameterError: If there is no such choice.
    """
    if text not in choices:
        raise BadParameterError(parameter, f"{shown(text)} should be one of: {', '.join(choices)}")
    return choices[text]


def number(parameter: str, text: str, low: int, high: int) -> int:
    """Return ``text`` as a whole number.

    Raises:
        BadParameterError: If it is not a whole number from ``low`` to ``high``.
    """
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise BadParameterError(
            parameter, f"{shown(text)} should be a whole number from {low} to {high}"
        )
    return int(text)


def moment(parameter: str, text: str, calendar: Calendar) -> datetime:
    """Return the point in time that ``text`` names; a date is the start of that day.

    Raises:
        BadParameterError: If it is neither a date nor a time in UTC.
    """
    if not re.fullmatch(MOMENT, text):
        raise BadParameterError(
            parameter,
            f"{shown(text)} should be a day like 2026-11-22 or a time like 2026-11-22T13:00:00Z",
        )
    try:
        return calendar.moment(text)
    except WindowError as error:
        raise BadParameterError(parameter, str(error)) from error


def window(parameter: str, text: str, calendar: Calendar) -> Window:
    """Return the window that ``text`` names.

    Raises:
        BadParameterError: If it is not the label of a window.
    """
    example = EXAMPLES[calendar.granularity]
    if not re.fullmatch(LABEL, text):
        raise BadParameterError(
            parameter,
            f"{shown(text)} should be the start of a window of one {calendar.granularity}, "
            f"like {example}, or {LATEST}",
        )
    try:
        return calendar.window(text)
    except WindowError as error:
        raise BadParameterError(parameter, str(error)) from error
