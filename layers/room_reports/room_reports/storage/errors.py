"""The errors of reading and writing the bucket.

RoomReportsError
├── StorageError            S3 refused or failed, after boto3's own retries
├── ConflictError           the object changed between reading and writing it
├── UnreadableCsvError      the file is not strict CSV
└── HeaderError             a report's header does not fit the catalogue
"""

from collections.abc import Collection, Sequence

from room_reports.errors import RoomReportsError

_PERMANENT = ("403", "AccessDenied", "NoSuchBucket", "InvalidAccessKeyId")


class StorageError(RoomReportsError):
    """Raised when S3 refuses or fails, after the retries that boto3 makes by itself.

    Attributes:
        code: S3's error code, or the name of botocore's exception.
        retryable: False when the bucket or the role must be fixed first.
    """

    def __init__(self, doing: str, key: str, code: str, message: str) -> None:
        self.code = code
        self.retryable = code not in _PERMANENT
        super().__init__(f"S3 {code} while {doing} {key}: {message}")


class ConflictError(RoomReportsError):
    """Raised when an object changed between reading and writing it. Nothing was written."""

    retryable = True

    def __init__(self, key: str, code: str) -> None:
        self.code = code
        super().__init__(f"S3 {code}: {key} was changed by another run; the next run tries again")


class UnreadableCsvError(RoomReportsError):
    """Raised for a file that is not strict CSV."""


class HeaderError(RoomReportsError):
    """Raised when a report's header does not fit the catalogue.

    The message has the names of the columns only if most of them are in the catalogue: with a
    header missing, a row of data is in its place.
    """

    def __init__(
        self, problem: str, names: Sequence[str] = (), known: Collection[str] = ()
    ) -> None:
        is_header = 2 * sum(name in known for name in names) > len(names)
        super().__init__(f"{problem}; its header was: {', '.join(names)}" if is_header else problem)
