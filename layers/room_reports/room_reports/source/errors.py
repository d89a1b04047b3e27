"""What Kaltura's answers can mean when they are not reports, named by what to do about them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class AnswerSample:
    """The head of an answer that nobody could make sense of, without any credential."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class KalturaError(Exception):
    """Base of all that can go wrong between here and Kaltura.

    The message never contains a credential; ``code`` is Kaltura's own, or one of ours in the same
    style where Kaltura gave none.
    """

    retryable = False
    """Whether a later run may succeed with nothing changed by the operator."""
    regional = False
    """Whether it is likely to befall every other call to the region, too."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.reason = message
        self.answer: AnswerSample | None = None
        """What Kaltura answered, where that could not be made sense of."""
        super().__init__(f"{code}: {message}")


class TransientError(KalturaError):
    """Raised when the same call may well succeed soon."""

    retryable = True
    regional = True

    def __init__(self, code: str, message: str, wait: float = 0.0) -> None:
        self.wait = wait
        """Seconds to wait at least before the next try."""
        super().__init__(code, message)


class TooHeavyError(TransientError):
    """Raised when the call asks for too much at a time, and smaller ones may succeed."""

    regional = False


class SessionExpiredError(KalturaError):
    """Raised when a new session may do what this one no longer can."""


class TaskError(KalturaError):
    """Raised when this report cannot be had, whoever asks again; others may."""


class UnrecognisedAnswerError(TransientError):
    """Raised for an answer that is neither a report nor an error that is known."""

    def __init__(self, message: str) -> None:
        super().__init__("UNRECOGNISED_ANSWER", message)


class RegionError(KalturaError):
    """Raised when nothing can be had from this region until the operator has done something."""

    regional = True
