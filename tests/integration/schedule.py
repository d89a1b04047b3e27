"""Checks schedule expressions as EventBridge does; cfn-lint and SAM accept anything."""

import re

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 1, 7, _DAYS),
    ("year", 1970, 2199, ()),
)


def schedule_problem(expression: str) -> str | None:
    """Return what is wrong with an expression, or None.

    Source: Amazon EventBridge User Guide, "Setting a schedule pattern for scheduled rules".
    """
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", expression)
    if rate:
        number, plural = int(rate[1]), bool(rate[3])
        return None if number > 0 and plural == (number > 1) else "wrong number or plural"
    cron = re.fullmatch(r"cron\((.+)\)", expression)
    fields = cron[1].split(" ") if cron else []
    if len(fields) != len(_FIELDS):
        return "neither rate(n unit) nor cron with six fields"
    if (fields[2] == "?") == (fields[4] == "?"):
        return "exactly one of day of month and day of week must be ?"
    for text, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        if not all(_fits(part, name, low, high, words) for part in text.split(",")):
            return f"{name} cannot be {text}"
    return None


def _fits(part: str, name: str, low: int, high: int, words: tuple[str, ...]) -> bool:
    if part == "?" or (name == "day of month" and part in {"L", "LW"}):
        return name.startswith("day of")
    if name == "day of month" and re.fullmatch(r"\d+W", part):
        part = part[:-1]
    if name == "day of week" and re.fullmatch(r"([1-7]L|[1-7]#[1-5]|L)", part):
        return True
    span, slash, step = part.partition("/")
    if slash and not (step.isdigit() and int(step) > 0):
        return False
    if span == "*":
        return True
    values = [words.index(v) + low if v in words else v for v in span.split("-")]
    numbers = [int(v) for v in values if isinstance(v, int) or v.isdigit()]
    return (
        len(numbers) == len(values) <= 2
        and all(low <= n <= high for n in numbers)
        and numbers == sorted(numbers)
    )
