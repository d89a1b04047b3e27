"""What is wrong in a file, where, and what would be right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from room_reports_command.errors import InputError

_SHOWN = 20


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file, or that deserves a look."""

    file: str
    text: str
    """What is wrong, as a sentence."""
    cure: str = ""
    """What would be right, as a sentence; empty if the text says it."""
    line: int | None = None
    """The line that the row begins in; the header is line 1."""
    column: str = ""
    setting: str = ""
    """The setting of a policy, such as ``roles[2]``."""
    harmless: bool = False
    """Whether the views give right results in spite of it."""

    def __str__(self) -> str:
        place = self.file
        if self.line is not None:
            place += f", line {self.line}"
        if self.column:
            place += f", column {self.column}"
        if self.setting:
            place += f", setting {self.setting}"
        return f"{place}: {self.text} {self.cure}".rstrip()

    def to_dict(self) -> dict[str, Any]:
        """Return the problem as JSON holds it."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column or None,
            "setting": self.setting or None,
            "text": self.text,
            "cure": self.cure or None,
            "harmless": self.harmless,
        }


def refuse(problems: Sequence[Problem]) -> None:
    """Raise InputError with the problems, if there are any."""
    if not problems:
        return
    lines = [str(each) for each in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(f"and {len(problems) - _SHOWN:,} more")
    raise InputError("\n".join(lines), "Correct this, and run the command again.")


def quoted(value: str, most: int = 60) -> str:
    """Return a value of a file for a message: in quotation marks, and not longer than needed."""
    return repr(value if len(value) <= most else f"{value[:most]}…")
