"""The statuses of a person in a class, and how they are shown and explained."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """A status that the view ``attendance_status`` gives."""

    name: str
    """As the view has it."""
    word: str
    """As a person reads it."""
    meaning: str
    colour: str
    """The background in the workbook, as RRGGBB; the word says the same."""
    decided: bool
    """Whether it says something about the person, and not about the data."""


STATUSES = (
    Status("present", "Present", "The policy's minutes and share were reached.", "C6EFCE", True),
    Status("partial", "Partly", "Seen, for less than the policy asks.", "FFEB9C", True),
    Status(
        "not_seen",
        "Not seen",
        "Kaltura has no minutes of the person, and all data of the class are there and final. "
        "This does not prove an absence.",
        "FFC7CE",
        True,
    ),
    Status(
        "provisional",
        "Provisional",
        "The data of the class are not final yet. Conclude nothing from it.",
        "DDEBF7",
        False,
    ),
    Status(
        "no_data",
        "No data",
        "The data of the class are missing, look incomplete or do not tell who was there. "
        "Conclude nothing from it.",
        "D9D9D9",
        False,
    ),
)
BY_NAME = {status.name: status for status in STATUSES}
UNKNOWN = Status("", "Unknown", "A status that this version does not know.", "D9D9D9", False)


def status_of(name: str) -> Status:
    """Return the status with a name of the view."""
    return BY_NAME.get(name, UNKNOWN)
