"""The errors of the model.

RoomReportsError
└── WindowError     the text names no window and no point in time
"""

from room_reports.errors import RoomReportsError


class WindowError(RoomReportsError, ValueError):
    """Raised for a text that names no window or point in time; the message says what would."""
