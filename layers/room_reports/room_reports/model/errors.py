"""The errors of the model.

RoomReportsError
├── WindowError     the text names no window and no point in time
└── ReadersError    the text is not a list of readers
"""

from room_reports.errors import RoomReportsError


class WindowError(RoomReportsError, ValueError):
    """Raised for a text that names no window or point in time; the message says what would."""


class ReadersError(RoomReportsError):
    """Raised when a text is not a list of readers."""
