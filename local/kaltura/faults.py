"""Scheduled and random faults: which fault, if any, a call gets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import count
from random import Random
from threading import Lock

from local.kaltura.api import Call

REFUSALS = (
    *("INTERNAL_SERVERL_ERROR", "INTERNAL_SERVER_ERROR", "INTERNAL_DATABASE_ERROR"),
    *("DRUID_QUERY_TIMED_OUT", "LOCK_TIMED_OUT", "ACTION_BLOCKED", "SEARCH_TOO_GENERAL"),
    *("INVALID_KS", "SERVICE_FORBIDDEN", "MISSING_KS", "REPORT_NOT_FOUND", "USER_BLOCKED"),
    *("MISSING_MANDATORY_PARAMETER", "SERVICE_DOES_NOT_EXISTS", "ACTION_DOES_NOT_EXISTS"),
    *("SERVICE_ACCESS_CONTROL_RESTRICTED", "SERVICE_FORBIDDEN_CONTENT_BLOCKED"),
    *("INVALID_OBJECT_ID", "UNKNOWN_RESPONSE_FORMAT"),
)
"""Kaltura's errors that a report call can get; any other code works as well."""

KINDS: dict[str, str] = {
    "api_error": "an error of the API with `code`",
    "ks_expired": "INVALID_KS EXPIRED",
    "ks_revoked": "INVALID_KS LOGOUT, or the `text` given",
    "rate_limit": "ACTION_BLOCKED for calls beyond `amount` in each `seconds` of simulated time",
    "http_status": "an HTTP error `status` with an empty body; `seconds` > 0 sends Retry-After",
    "php_fatal": "HTTP 500 with an empty body, as Kaltura's own PHP dies",
    "proxy_html": "a page of HTML with `status` (200)",
    "empty": "HTTP 200 with an empty text/html body and no error header",
    "reset": "the connection is reset before any response",
    "reset_in_body": "the connection is reset after `at` of the body",
    "truncate_length": "the body ends after `at`, short of its Content-Length",
    "truncate_chunked": "a chunked body ends after `at`, without its last chunk",
    "truncate_close": "a body without length ends after `at`, by closing",
    "stall": "nothing for `seconds` of real time, before the response",
    "stall_in_body": "nothing for `seconds` of real time, after `at` of the body",
    "drip": "the body comes in `amount` pieces over `seconds` of real time",
    "garbage": "HTTP 200, text/csv, and random bytes",
    "garbage_text": "HTTP 200, text/csv and BOM, and lines that are no report",
    "invalid_utf8": "a byte that is not UTF-8 inside every `amount`-th line",
    "missing_column": "the column `text` (default: the second) is not there",
    "extra_column": "a column `text` (default: new_metric) that is unknown, before the last",
    "reordered_columns": "the columns between the first and the last in another order",
    "header_only": "the report's header and no row",
    "bom_only": "BOM and a line end",
    "row_cap": "only the first `amount` rows",
    "chunked": "no fault: the whole body, chunked",
    "close_delimited": "the whole body, without a length that would prove it",
}


_ROOM_FILTERS = {"entry_ids", "parentEntryIds"}


@dataclass(frozen=True)
class Fault:
    """One kind of fault, for the calls that it matches."""

    kind: str
    times: int | None = 1
    """How many calls get it; None for no limit."""
    service: str | None = "report"
    report: int | None = None
    unfiltered: bool = False
    """Whether only calls get it that ask for all rooms."""
    after: float | None = None
    until: float | None = None
    """The half-open interval of simulated time in which it is active, in Unix seconds."""
    moment: float | None = None
    """Only calls for a window that contains this moment, in Unix seconds."""
    whole: bool = False
    """Only calls for the rows of all rooms."""
    room: str = ""
    """Only calls whose rows include those of this room: for all rooms, or for it by name."""
    code: str = "INTERNAL_SERVERL_ERROR"
    status: int = 503
    at: float = 0.5
    """Where the body is cut: a share if below 1, otherwise a number of bytes."""
    seconds: float = 0.0
    amount: int = 1
    text: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind}")

    def matches(self, call: Call) -> bool:
        """Return whether this call can get the fault."""
        return (
            (self.service is None or self.service == call.service)
            and (self.report is None or self.report == call.report)
            and not (self.unfiltered and _ROOM_FILTERS & set(call.params))
            and (self.after is None or call.time >= self.after)
            and (self.until is None or call.time < self.until)
            and (self.moment is None or _contains(call, self.moment))
            and not (self.whole and _rooms(call))
            and (not self.room or not _rooms(call) or self.room in _rooms(call))
        )


def _contains(call: Call, moment: float) -> bool:
    """Return whether a call is for a window that contains this moment."""
    edges = [
        int(call.params.get(name) or call.params.get(other) or 0)
        for name, other in (("from_date", "fromDate"), ("to_date", "toDate"))
    ]
    return edges[0] <= moment < edges[1]


def _rooms(call: Call) -> list[str]:
    """Return the ids of the rooms that a call asks for; none when it asks for all."""
    named = call.params.get("entry_ids") or call.params.get("parentEntryIds")
    return named.split(",") if named else []


@dataclass(frozen=True)
class RandomFaults:
    """Random faults from a seed: the same call gets the same faults in any order of threads."""

    seed: int
    rate: float
    """The share of calls that get a fault."""
    faults: Sequence[Fault]
    after: float | None = None
    until: float | None = None

    def draw(self, call: Call, attempt: int) -> Fault | None:
        """Return the fault of the ``attempt``-th such call, if any."""
        told = (self.seed, call.service, call.action, sorted(call.params.items()), attempt)
        rng = Random(sha256(repr(told).encode()).digest())
        if rng.random() >= self.rate:
            return None
        chosen = rng.choice(self.faults)
        return replace(chosen, at=rng.random()) if chosen.at == Fault.at else chosen


class Faults:
    """The faults of one region; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._numbers = count()
        self._scheduled: dict[int, tuple[Fault, int | None]] = {}
        self._random: RandomFaults | None = None
        self._attempts: dict[str, int] = {}
        self._windows: dict[tuple[int, int], int] = {}

    def push(self, *faults: Fault) -> None:
        """Add faults; a call gets the earliest added of those that match it."""
        with self._lock:
            self._scheduled.update((next(self._numbers), (fault, fault.times)) for fault in faults)

    def at_random(self, source: RandomFaults | None) -> None:
        """Draw random faults for the calls that get no scheduled one."""
        with self._lock:
            self._random = source
            self._attempts.clear()

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._scheduled.clear()
            self._windows.clear()
            self._attempts.clear()
            self._random = None

    def pending(self) -> list[Fault]:
        """Return the scheduled faults that are left, with how many calls each has left."""
        with self._lock:
            return [replace(fault, times=left) for fault, left in self._scheduled.values()]

    def take(self, call: Call) -> Fault | None:
        """Return the fault that a call gets, and count it."""
        with self._lock:
            for number, (fault, left) in list(self._scheduled.items()):
                if not fault.matches(call) or not self._strikes(number, fault, call.time):
                    continue
                if left is not None:
                    self._scheduled[number] = (fault, left - 1)
                    if left <= 1:
                        del self._scheduled[number]
                return fault
            return self._draw(call)

    def _strikes(self, number: int, fault: Fault, now: float) -> bool:
        """Return whether a rate limit is exceeded; True for any other fault."""
        if fault.kind != "rate_limit":
            return True
        window = (number, int(now // (fault.seconds or 10)))
        self._windows[window] = self._windows.get(window, 0) + 1
        return self._windows[window] > fault.amount

    def _draw(self, call: Call) -> Fault | None:
        source = self._random
        if source is None:
            return None
        if (source.after or 0) > call.time or call.time >= (source.until or float("inf")):
            return None
        key = repr((call.service, call.action, sorted(call.params.items())))
        self._attempts[key] = self._attempts.get(key, 0) + 1
        fault = source.draw(call, self._attempts[key])
        return fault if fault is not None and fault.matches(call) else None
