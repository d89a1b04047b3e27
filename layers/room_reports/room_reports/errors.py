"""The root of the library's errors.

    RoomReportsError                    retryable: may a later attempt succeed?
    ├── ConfigurationError              settings, secret or event are wrong
    ├── kaltura.errors.KalturaError     Kaltura refused, failed, or did not respond
    ├── storage.errors.StorageError     S3 refused or failed
    ├── export.errors.ExportError       a task or a run did not succeed
    └── api.errors.ApiError             a request to the downloads API cannot be served

Each package draws its own part of the tree at the top of its ``errors`` module.
"""

from collections.abc import Sequence


class RoomReportsError(Exception):
    """Base class of every error that this library raises on purpose."""

    retryable = False
    """Whether a later attempt may succeed although the operator changes nothing."""


class ConfigurationError(RoomReportsError):
    """Raised before anything is exported when settings, secret or event are wrong.

    Attributes:
        problems: One message for each mistake.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))
