"""Findings: what the quality checks can find about a file, and what each means for its readers."""

from dataclasses import dataclass
from typing import Any

SESSIONS_WITHOUT_ATTENDEES = "SESSIONS_WITHOUT_ATTENDEES"
ATTENDEES_WITHOUT_SESSION = "ATTENDEES_WITHOUT_SESSION"
FEW_SESSIONS = "FEW_SESSIONS"
FEW_ATTENDEES = "FEW_ATTENDEES"
FEW_MINUTES = "FEW_MINUTES"
DUPLICATE_KEYS = "DUPLICATE_KEYS"
UNKNOWN_USERS = "UNKNOWN_USERS"
USER_ID_FORM = "USER_ID_FORM"
FEWER_ROWS = "FEWER_ROWS"
CODES = (
    *(SESSIONS_WITHOUT_ATTENDEES, ATTENDEES_WITHOUT_SESSION, FEW_SESSIONS, FEW_ATTENDEES),
    *(FEW_MINUTES, DUPLICATE_KEYS, UNKNOWN_USERS, USER_ID_FORM, FEWER_ROWS),
)
INCOMPLETE = frozenset(
    (
        *(SESSIONS_WITHOUT_ATTENDEES, ATTENDEES_WITHOUT_SESSION, FEW_ATTENDEES, FEW_MINUTES),
        *(UNKNOWN_USERS, USER_ID_FORM),
    )
)
"""The codes by which people, or some of their minutes, are missing in the sessions that are there.

With one of these, no user is known to have been absent. The others say nothing of that kind: a
holiday has few sessions, and its few classes are as complete as any.
"""


@dataclass(frozen=True)
class Finding:
    """Something about a file that looks wrong."""

    code: str
    report: str
    region: str
    granularity: str
    start: str
    """The label of the file's window."""
    text: str
    """One sentence: what was found, and what is usual."""
    value: float
    expected: float
    """What ``value`` is compared with."""
    continues: bool = False
    """Whether it goes on from the day before, so that it is no news."""
    acknowledged: str | None = None
    """Why the operator has acknowledged it, if so."""

    @property
    def is_news(self) -> bool:
        """Whether it raises the alarm."""
        return not self.continues and self.acknowledged is None

    def to_dict(self) -> dict[str, Any]:
        """Return it as the run record holds it."""
        return {
            "code": self.code,
            "report": self.report,
            "region": self.region,
            "granularity": self.granularity,
            "start": self.start,
            "text": with_reason(self.text, self.acknowledged),
            "value": round(self.value, 4),
            "expected": round(self.expected, 4),
            "acknowledged": self.acknowledged,
        }


Where = tuple[str, str, str, str]
"""Report, region, granularity and label of a file."""
_ACKNOWLEDGED = "; acknowledged: "


def duplicates_of(duplicates: int, rows: float, where: Where) -> Finding:
    """Return the finding that rows of a file have the primary key of others."""
    text = f"{counted(duplicates, 'row')} of {rows:.0f} have the primary key of another row"
    return Finding(DUPLICATE_KEYS, *where, text, duplicates, 0)


def with_reason(text: str, reason: str | None) -> str:
    """Return the sentence of a finding with the reason for which it was acknowledged, if it was."""
    return text if reason is None else f"{text}{_ACKNOWLEDGED}{reason}"


def without_reason(text: str) -> str:
    """Return the sentence of a finding as it is without such a reason."""
    return text.partition(_ACKNOWLEDGED)[0]


def counted(number: float, what: str) -> str:
    """Return a number of things, such as ``3 rows``."""
    return f"{number:.0f} {what}{'' if number == 1 else 's'}"
