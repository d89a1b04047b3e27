"""A check of a deployed stack: data and its functions."""

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from botocore.exceptions import BotoCoreError, ClientError

from room_reports.errors import RoomReportsError
from room_reports_command.errors import CommandError

if TYPE_CHECKING:
    from room_reports_command.doctor.examination import Examination

Part = Callable[["Examination"], Iterable["Outcome"]]
"""A function that looks at something and yields what it found."""


class Area(StrEnum):
    """What a check looks at."""

    STACK = "stack"
    KALTURA = "kaltura"
    AWS = "aws"
    """What no local AWS can tell."""


class State(StrEnum):
    """The result of a check."""

    OK = "ok"
    FINDING = "finding"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Outcome:
    """What a check found about one subject."""

    state: State
    found: str
    """What was found, or why it was not checked."""
    subject: str = ""
    """The region, report or table; empty if there is only one subject."""
    cure: str = ""
    """Replaces the cure of the check, where it depends on what was found."""


@dataclass(frozen=True)
class Check:
    """One check."""

    name: str
    area: Area
    question: str
    """What it checks, as a sentence; docs/first-deployment.md has the same one."""
    meaning: str
    """What a finding means."""
    cure: str
    """One command, or the page to read. ``<bucket>`` and other names are replaced."""
    run: Part
    not_local: str = ""
    """Why a local AWS cannot tell; empty if it can."""
    also: tuple[Part, ...] = ()
    """Other parts of the check, which are carried out even if one before them could not be."""


@dataclass(frozen=True)
class Result:
    """An outcome of a check, with all that is shown of it."""

    check: str
    area: Area
    state: State
    subject: str
    found: str
    meaning: str
    cure: str

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON holds it."""
        return {
            "check": self.check,
            "area": self.area,
            "state": self.state,
            "subject": self.subject,
            "found": self.found,
            "meaning": self.meaning,
            "cure": self.cure,
        }


def ok(found: str, subject: str = "") -> Outcome:
    """Return that nothing is wrong."""
    return Outcome(State.OK, found, subject)


def finding(found: str, subject: str = "", cure: str = "") -> Outcome:
    """Return that something is wrong."""
    return Outcome(State.FINDING, found, subject, cure)


def not_checked(reason: str, subject: str = "") -> Outcome:
    """Return that a check could not be made, which is no reason to believe that all is well."""
    return Outcome(State.NOT_CHECKED, reason, subject)


def carry_out(check: Check, examination: "Examination") -> list[Result]:
    """Return the results of a check; whatever happens becomes one of them."""
    if check.not_local and examination.local:
        outcomes = [not_checked(f"this is a local stack: {check.not_local}")]
    else:
        outcomes = [
            outcome for part in (check.run, *check.also) for outcome in _outcomes(part, examination)
        ]
    return [
        Result(
            check=check.name,
            area=check.area,
            state=outcome.state,
            subject=outcome.subject,
            found=outcome.found,
            meaning=check.meaning if outcome.state is State.FINDING else "",
            cure=examination.named(outcome.cure or check.cure)
            if outcome.state is State.FINDING
            else "",
        )
        for outcome in outcomes
    ]


def _outcomes(part: Part, examination: "Examination") -> list[Outcome]:
    """Return what a part of a check found, also what it found before an error ended it."""
    outcomes: list[Outcome] = []
    try:
        # One by one, because a list() would lose them.
        for outcome in part(examination):
            outcomes.append(outcome)  # noqa: PERF402
    except Exception as error:  # noqa: BLE001 - a defect in one check must not hide the others
        outcomes.append(_of_error(error))
    return outcomes


def _of_error(error: Exception) -> Outcome:
    match error:
        case ClientError():
            return not_checked(_refusal(error))
        case BotoCoreError():
            return not_checked(f"AWS did not respond: {type(error).__name__}")
        case requests.JSONDecodeError():
            return finding("the HTTP response is not JSON")
        case requests.RequestException():
            # Only the type: the text can contain a presigned link.
            return finding(f"no HTTP response: {type(error).__name__}")
        case CommandError() | RoomReportsError():
            return not_checked(str(error))
    place = traceback.extract_tb(error.__traceback__)[-1]
    return not_checked(
        # Without the text, which can contain anything.
        f"the check has a defect: {type(error).__name__} in {Path(place.filename).name}, "
        f"line {place.lineno}; report it with the output of room-reports doctor --json"
    )


def _refusal(error: ClientError) -> str:
    detail = error.response.get("Error", {})
    code = str(detail.get("Code", ""))
    if "AccessDenied" in code or "Unauthorized" in code:
        return f"your AWS role may not call {error.operation_name}"
    return f"AWS refused {error.operation_name}: {code}: {detail.get('Message')}"
