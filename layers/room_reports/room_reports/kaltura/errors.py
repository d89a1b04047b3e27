"""The errors of a call to Kaltura, named by what to do about them.

    KalturaError
    ├── TransientError                  the same call may succeed soon
    │   ├── UnreachableError            no connection, or a refusal of every call
    │   ├── RateLimitError              too many calls to the region
    │   ├── DeadlineError               the time for this call is up
    │   ├── IncompleteResponseError     the response stopped, or cannot be proven complete
    │   ├── UnrecognisedResponseError   neither a report nor a known error
    │   ├── MalformedReportError        a row or a header that cannot be read
    │   └── CutReportError              the report ends in the middle of a row
    ├── TooHeavyError                   ask for less at a time
    │   └── TimedOutError               nothing came within the read timeout
    ├── KalturaSessionExpiredError      start a new Kaltura session
    ├── ReportError                     retrying this report does not help
    │   └── ForbiddenError              the Kaltura session may not read this report
    └── RegionError                     nothing can be fetched from the region until it is fixed
    ConfigurationError
    └── SecretError                     the secret is not in one of its three forms

A message contains only text of this project and Kaltura's error code. Kaltura's own messages can
repeat the Kaltura session (KS), which is a credential.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from room_reports.errors import ConfigurationError, RoomReportsError


class Fault(Enum):
    """Where a fault lies, and so which circuit breaker counts it."""

    REPORT = "report"
    """Other reports of the region may work."""
    REGION = "region"
    """Every call to the region is likely to fail in the same way."""


@dataclass(frozen=True)
class ResponseSample:
    """Part of an unrecognised response, with every credential removed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class KalturaError(RoomReportsError):
    """Base class of everything that can go wrong between the exporter and Kaltura.

    Attributes:
        code: Kaltura's error code, or a code of ours in the same style where Kaltura gives none.
        reason: The message without the code.
        fault: Where the fault lies.
        response_sample: What Kaltura sent, when it could not be read.
    """

    fault = Fault.REPORT

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.reason = message
        self.response_sample: ResponseSample | None = None
        super().__init__(f"{code}: {message}")


class TransientError(KalturaError):
    """Raised when the same call may succeed soon.

    Attributes:
        wait: The least number of seconds to wait before the next attempt.
    """

    retryable = True

    def __init__(self, code: str, message: str, wait: float = 0.0) -> None:
        self.wait = wait
        super().__init__(code, message)


class UnreachableError(TransientError):
    """Raised when the region cannot be reached or refuses every call, retries included."""

    fault = Fault.REGION


class RateLimitError(TransientError):
    """Raised when Kaltura blocks calls for a while because there were too many."""

    fault = Fault.REGION


class DeadlineError(TransientError):
    """Raised when the time for a call is up."""

    def __init__(self) -> None:
        super().__init__("OUT_OF_TIME", "the time was up before the response was complete")


class IncompleteResponseError(TransientError):
    """Raised when a response stops short, or cannot be proven complete."""

    def __init__(self, message: str) -> None:
        super().__init__("INCOMPLETE_RESPONSE", message)


class UnrecognisedResponseError(TransientError):
    """Raised for a response that is neither a report nor a known error."""

    def __init__(self, message: str) -> None:
        super().__init__("UNRECOGNISED_RESPONSE", message)


class MalformedReportError(TransientError):
    """Raised for a report with a row or a header that cannot be read.

    Attributes:
        excerpt: The bytes around what could not be read, if they are known. They may contain a
            credential: only ``transport`` reads them, redacts them and removes them from here.
    """

    def __init__(self, message: str, excerpt: bytes = b"") -> None:
        self.excerpt = excerpt
        super().__init__("MALFORMED_REPORT", message)


class CutReportError(TransientError):
    """Raised for a report that ends in the middle of a row."""

    def __init__(self, message: str) -> None:
        super().__init__("CUT_REPORT", message)


class TooHeavyError(KalturaError):
    """Raised when the call asks for too much at a time, and smaller calls may succeed.

    Attributes:
        wait: The least number of seconds to wait before the next attempt.
    """

    retryable = True

    def __init__(self, code: str, message: str, wait: float = 0.0) -> None:
        self.wait = wait
        super().__init__(code, message)


class TimedOutError(TooHeavyError):
    """Raised when nothing came within the read timeout, or within a call's share of the time."""

    def __init__(self) -> None:
        super().__init__("READ_TIMEOUT", "nothing came within the read timeout")


class KalturaSessionExpiredError(KalturaError):
    """Raised when the Kaltura session has expired and a new one may succeed."""

    fault = Fault.REGION


class ReportError(KalturaError):
    """Raised when retrying this report does not help; other reports may succeed."""


class ForbiddenError(ReportError):
    """Raised when the Kaltura session may not read this report; it may read others."""


class RegionError(KalturaError):
    """Raised when nothing can be fetched from the region until the operator has fixed it."""

    fault = Fault.REGION


class SecretError(ConfigurationError):
    """Raised when the secret is not in one of its three forms; never quotes the secret."""
