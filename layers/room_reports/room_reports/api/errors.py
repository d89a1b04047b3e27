"""The errors of a request to the downloads API.

ApiError
├── BadParameterError       a value of the request does not match its grammar
├── NoSuchRouteError        there is nothing under a path, or not for this method
├── UnknownNameError        a path names a report, region or granularity that does not exist
├── ExportNotFoundError     there is no such export
├── KeyRefusedError         the API key has expired, or was revoked
├── ReadersUnknownError     the list of readers cannot be understood
└── PresignError            the presigner role cannot be assumed
"""

from collections.abc import Sequence

from room_reports.errors import RoomReportsError


class ApiError(RoomReportsError):
    """Base class of the errors of a request to the downloads API."""


class BadParameterError(ApiError):
    """Raised when a value does not match its grammar; names the parameter and what would match."""

    def __init__(self, parameter: str, problem: str) -> None:
        self.parameter = parameter
        super().__init__(f"{parameter}: {problem}")


class NoSuchRouteError(ApiError):
    """Raised when there is nothing under a path, or not for the request's method."""


class UnknownNameError(ApiError):
    """Raised when a path names a report, region or granularity that does not exist.

    Attributes:
        what: ``report``, ``region`` or ``granularity``.
    """

    def __init__(self, what: str, shown: str, known: Sequence[str]) -> None:
        self.what = what
        super().__init__(f"There is no {what} {shown}; there is {', '.join(known)}.")


class ExportNotFoundError(ApiError):
    """Raised when there is no such export.

    Attributes:
        code: ``not_exported``, or ``no_such_window_yet`` for a window that has not ended,
            or ``expired`` for one whose file is not kept any more.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class KeyRefusedError(ApiError):
    """Raised when the API key of a request has expired, or was revoked."""

    def __init__(self) -> None:
        super().__init__("This API key has expired or was revoked. Ask for a new one.")


class ReadersUnknownError(ApiError):
    """Raised when the list of readers cannot be understood, so that no key can be accepted."""


class PresignError(ApiError):
    """Raised when the presigner role cannot be assumed."""

    retryable = True
