"""What calls to a region cost and how they failed, for the metrics of a run."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,63}", re.ASCII)
_OTHER = "OTHER"
_MOST_CODES = 20
"""Each code is a metric of its own, and Kaltura could send any number of them."""


@dataclass(frozen=True)
class Calls:
    """The calls for reports that a region got."""

    seconds: tuple[float, ...]
    """How long each that succeeded took, from the request to the end of the report."""
    errors: Mapping[str, int]
    """The number of those that failed, by error code."""


class CallLog:
    """Collects calls until they are taken; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seconds: list[float] = []
        self._errors: Counter[str] = Counter()

    def succeeded(self, seconds: float) -> None:
        """Add a call that returned a report."""
        with self._lock:
            self._seconds.append(seconds)

    def failed(self, code: str) -> None:
        """Add a call that failed, also if it is tried again."""
        with self._lock:
            known = code in self._errors or len(self._errors) < _MOST_CODES
            self._errors[code if known and _CODE.fullmatch(code) else _OTHER] += 1

    def take(self) -> Calls:
        """Return the calls since the last time, and forget them."""
        with self._lock:
            calls = Calls(tuple(self._seconds), dict(self._errors))
            self._seconds, self._errors = [], Counter()
        return calls
