"""Personal data: which columns of the reports are dropped or replaced by pseudonyms."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from room_reports.model.pseudonyms import Pseudonyms
from room_reports.model.reports import REPORTS, Report

_COLUMN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_EXAMPLE = "write it like attendees.user_email=drop,attendees.user_id=pseudonym"
NONE = "none"
"""The digest of a report whose columns are published as Kaltura sends them."""


class Action(StrEnum):
    """What is done to the values of a column."""

    DROP = "drop"
    """Kaltura is asked not to send them, and the published column is empty."""
    PSEUDONYM = "pseudonym"
    """Each is replaced by a keyed hash."""


@dataclass(frozen=True)
class Privacy:
    """What is done to the columns that identify people. Without any, nothing is."""

    actions: Mapping[str, Mapping[str, Action]] = field(default_factory=dict)
    """By the report's slug and the column's name."""
    pseudonyms: Pseudonyms | None = None
    """None until the key was read from the secret."""

    @property
    def is_set(self) -> bool:
        """Whether any column is dropped or replaced."""
        return bool(self.actions)

    @property
    def needs_key(self) -> bool:
        """Whether any column is replaced by pseudonyms."""
        return any(Action.PSEUDONYM in columns.values() for columns in self.actions.values())

    def with_key(self, key: bytes) -> "Privacy":
        """Return the same, with the key of the pseudonyms."""
        return replace(self, pseudonyms=Pseudonyms(key))

    def of(self, report: Report) -> Mapping[str, Action]:
        """Return what is done to the columns of a report, by their names."""
        return self.actions.get(report.slug, {})

    def dropped(self, report: Report) -> tuple[str, ...]:
        """Return the names of the columns of a report that Kaltura is asked not to send."""
        return tuple(name for name, action in self.of(report).items() if action is Action.DROP)

    def digest(self, slug: str) -> str | None:
        """Return a short digest of what is done to a report, and of the key that it depends on.

        ``none`` when nothing is done; None when it depends on a key that was not read.
        """
        columns = self.actions.get(slug)
        if not columns:
            return NONE
        key_id = ""
        if Action.PSEUDONYM in columns.values():
            if self.pseudonyms is None:
                return None
            key_id = self.pseudonyms.key_id
        text = json.dumps([sorted(columns.items()), key_id])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse_privacy(text: str, reports: tuple[Report, ...]) -> Privacy:
    """Return what a text such as ``attendees.user_email=drop`` says about some columns.

    Args:
        text: ``report.column=action``, separated by commas.
        reports: The reports that are exported. Those of the catalogue are known as well.

    Raises:
        ValueError: If a column cannot be treated so. The message names all mistakes.
    """
    by_slug = {report.slug: report for report in (*REPORTS, *reports)}
    problems: list[str] = []
    actions: dict[str, dict[str, Action]] = {}
    for item in filter(None, (item.strip() for item in text.split(","))):
        path, _, wanted = (part.strip() for part in item.partition("="))
        slug, _, name = path.partition(".")
        report = by_slug.get(slug)
        problem = _action_problem(wanted)
        if not name:
            problem = f"does not name a column of a report; {_EXAMPLE}"
        elif report is None:
            problem = f"unknown report {slug!r}; known are {', '.join(sorted(by_slug))}"
        elif name in actions.get(slug, {}):
            problem = "is there twice"
        else:
            problem = problem or _column_problem(report, name, Action(wanted))
        if problem:
            problems.append(f"{path}: {problem}")
        else:
            actions.setdefault(slug, {})[name] = Action(wanted)
    if problems:
        raise ValueError("; ".join(problems))
    return Privacy(actions)


def _action_problem(wanted: str) -> str | None:
    if wanted in tuple(Action):
        return None
    return f"{wanted!r} should be drop or pseudonym"


def _column_problem(report: Report, name: str, action: Action) -> str | None:
    if not report.columns:  # its own header names them
        well_named = _COLUMN_NAME.fullmatch(name)
        return None if well_named else "a column's name has letters, digits and underscores"
    personal = [column.name for column in report.columns if column.personal]
    if name not in personal:
        known = name in {column.name for column in report.columns}
        problem = "does not identify a person" if known else "is not a column of this report"
        return f"{problem}; the columns that do are: {', '.join(personal)}"
    if action is Action.DROP and name in report.primary_key:
        return "cannot be dropped, because rows are told apart by it; write pseudonym"
    return None
