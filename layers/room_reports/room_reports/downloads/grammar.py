"""The grammar that every value of a request passes before it is used."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from room_reports.windows import Calendar, Granularity, Window, WindowError

MOMENT = r"20[0-9]{2}-[0-9]{2}-[0-9]{2}(T[0-9]{2}(:[0-9]{2}(:[0-9]{2})?)?Z)?"
LABEL = r"20[0-9]{2}-[0-9]{2}-[0-9]{2}(T[0-9]{2}Z)?"
LATEST = "latest"
CURSOR = r"[A-Za-z0-9_-]{1,200}"
EXAMPLES = {Granularity.DAY: "2026-11-22", Granularity.HOUR: "2026-11-22T13Z"}

_SHOWN = 60
_T = TypeVar("_T")


class BadParameterError(Exception):
    """Raised when a value does not pass the grammar; says which and what would be right."""

    def __init__(self, parameter: str, problem: str) -> None:
        self.parameter = parameter
        super().__init__(f"{parameter}: {problem}")


def shown(text: str) -> str:
    """A value of the request as a message may repeat it: quoted, in ASCII, not too long."""
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def single_values(query: Mapping[str, Sequence[str]], known: Sequence[str]) -> dict[str, str]:
    """The parameters of a query that have a value, each given once.

    Raises:
        BadParameterError: for one that is not ``known``, since to ignore it could answer more
            than was asked for, and for one that is given twice.
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
    """Raises BadParameterError when the query has any parameter."""
    single_values(query, ())


def choice(parameter: str, text: str, choices: Mapping[str, _T]) -> _T:
    """The one of ``choices`` that ``text`` names."""
    if text not in choices:
        raise BadParameterError(parameter, f"{shown(text)} should be one of: {', '.join(choices)}")
    return choices[text]


def number(parameter: str, text: str, low: int, high: int) -> int:
    """The whole number that ``text`` is."""
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise BadParameterError(
            parameter, f"{shown(text)} should be a whole number from {low} to {high}"
        )
    return int(text)


def moment(parameter: str, text: str, calendar: Calendar) -> datetime:
    """The point in time that ``text`` names; a date is the start of that day on ``calendar``."""
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
    """The window that ``text`` names."""
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
