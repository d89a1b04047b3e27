"""The attendance policy: its settings, their defaults, and what is wrong with one."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from room_reports_command.errors import InputError
from room_reports_command.reference.problems import Problem, quoted, refuse
from room_reports_command.reference.tables import PREFIX

POLICY_PREFIX = f"{PREFIX}policy/"
POLICY_KEY = f"{POLICY_PREFIX}policy.json"
_DAY_MINUTES = 1440
_SPACES = "It has spaces around it: remove them."

Policy = Mapping[str, Any]
"""The settings that were made, by name; those that are left out have their defaults."""


@dataclass(frozen=True)
class PolicySetting:
    """A setting of the policy."""

    name: str
    default: Any
    meaning: str
    wrong: Callable[[Any], str | None]
    """Returns what would be right, for a wrong value."""
    wrong_element: Callable[[str], str | None] | None = None
    """Of a list, returns why an element is wrong."""


def _number(low: float, high: float) -> Callable[[Any], str | None]:
    def wrong(value: Any) -> str | None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and math.isfinite(value) and low <= value <= high:
            return None
        return f"It is a number from {low:g} to {high:g}."

    return wrong


def _count(value: Any) -> str | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10_000
    return None if is_count else "It is a whole number from 0 to 10000."


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "It is true or false."


def _list(value: Any) -> str | None:
    is_list = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return None if is_list else 'It is a list of texts, such as ["one", "two"].'


def _text(each: str) -> str | None:
    if not each:
        return "It is empty."
    return None if each.isprintable() else "It has a character that cannot be printed."


def _role(each: str) -> str | None:
    return _text(each) or (_SPACES if each != each.strip() else None)


def _domain(each: str) -> str | None:
    if "@" in each:
        return "It has an @: write a domain such as example.edu, or * for any domain."
    return _role(each)


_minutes = _number(0, _DAY_MINUTES)
SETTINGS = (
    PolicySetting("min_minutes", 0, "minutes that a person needs to be present", _minutes),
    PolicySetting("min_share", 0.75, "share of the class that a person needs", _number(0, 1)),
    PolicySetting("late_minutes", 0, "grace at the beginning of a class", _minutes),
    PolicySetting("early_minutes", 0, "grace at the end of a class", _minutes),
    PolicySetting(
        "gap_minutes", 30, "sessions of a room this close together are one class", _minutes
    ),
    PolicySetting(
        "roles",
        [],
        "roles of the roster that count; all if there are none",
        _list,
        _role,
    ),
    PolicySetting("min_class_minutes", 0, "shorter classes do not count", _minutes),
    PolicySetting("min_class_users", 1, "classes with fewer users do not count", _count),
    PolicySetting("ignore_case", True, "whether ids match without regard to case", _flag),
    PolicySetting(
        "drop_domains",
        [],
        "domains that are removed from the end of ids; * is any",
        _list,
        _domain,
    ),
    PolicySetting(
        "drop_prefixes",
        [],
        "texts that are removed from the beginning of ids",
        _list,
        _text,
    ),
)
DEFAULTS = {setting.name: setting.default for setting in SETTINGS}


def policy_problems(policy: Policy, file: str) -> Iterator[Problem]:
    """Yield what is wrong with the settings of a policy."""
    for name, value in policy.items():
        setting = next((each for each in SETTINGS if each.name == name), None)
        if setting is None:
            text, cure = "There is no such setting.", f"There are: {', '.join(DEFAULTS)}."
            yield Problem(file, text, cure, setting=name)
        elif right := setting.wrong(value):
            shown = quoted(json.dumps(value, ensure_ascii=False))
            yield Problem(file, f"{shown} is wrong.", right, setting=name)
        elif setting.wrong_element:
            yield from _element_problems(setting, value, file)


def _element_problems(setting: PolicySetting, value: list[str], file: str) -> Iterator[Problem]:
    """Yield what is wrong with the elements of a list, each with its place and the reason."""
    for place, each in enumerate(value):
        reason = setting.wrong_element(each) if setting.wrong_element else None
        if not reason and each in value[:place]:
            reason = f"It is {setting.name}[{value.index(each)}] as well: remove one."
        if reason:
            yield Problem(
                file, f"{quoted(each)} is wrong.", reason, setting=f"{setting.name}[{place}]"
            )


def parse_policy(text: str, file: str) -> Policy:
    """Return the policy in a JSON text.

    Raises:
        InputError: If it is none, or a setting is wrong; it names all that are.
    """
    policy = json_object(text)
    if isinstance(policy, str):
        raise InputError(str(Problem(file, policy, 'Write an object such as {"min_share": 0.75}.')))
    refuse(list(policy_problems(policy, file)))
    return policy


def json_object(text: str) -> dict[str, Any] | str:
    """Return the object in a JSON text, or what is wrong with the text."""
    try:
        found = json.loads(text, object_pairs_hook=_without_repetition)
    except json.JSONDecodeError as error:
        return f"It is not JSON: {error.msg}, in line {error.lineno}, column {error.colno}."
    except ValueError as error:
        return f"{error}"
    return found if isinstance(found, dict) else "It is JSON, and not an object."


def policy_line(policy: Policy) -> str:
    """Return a policy as the one line that its table needs, in the order of the settings."""
    ordered = {name: policy[name] for name in DEFAULTS if name in policy}
    return json.dumps(ordered, ensure_ascii=False) + "\n"


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("A setting occurs twice.")
    return found
