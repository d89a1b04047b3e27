"""A survey: which rooms, sessions and rows a report has, found by asking in shorter windows.

Their rows are not published: unique users and ratios do not add up over shorter windows.
"""

from dataclasses import dataclass, field, replace

from room_reports.export.completeness import is_suspect
from room_reports.export.receive import Receiver, spool
from room_reports.export.room_sessions import RoomSessions, room_sessions_in
from room_reports.kaltura.errors import TooHeavyError
from room_reports.kaltura.request import ReportRequest
from room_reports.storage.csv_file import row_keys

_SHORTEST_WINDOW = 60
"""Seconds. Rooms are not searched for in shorter windows than this."""
_ROW_WINDOWS = 32
"""The most windows that a window is divided into to find its rows."""


@dataclass(frozen=True)
class Survey:
    """Which rows a report has, as far as is known before its pieces are fetched."""

    room_sessions: RoomSessions = field(default_factory=RoomSessions)
    keys: frozenset[int] = frozenset()
    """A hash of each row's primary key."""
    complete: bool = True
    """Whether no row is missing."""

    def __or__(self, other: "Survey") -> "Survey":
        return Survey(
            self.room_sessions | other.room_sessions,
            self.keys | other.keys,
            self.complete and other.complete,
        )


@dataclass
class Surveyor:
    """Finds which rows a report has, by asking for it in shorter windows until none is suspect."""

    receiver: Receiver
    shortest: float
    """Seconds. A window of this length that is still suspect ends the survey."""
    given_up: bool = False

    def survey(self, request: ReportRequest) -> Survey:
        """Return which rows a report has; incomplete if a shortest window is still suspect.

        Raises:
            KalturaError: If Kaltura does not return the report of a window.
        """
        if self.given_up:
            return Survey(complete=False)
        length = request.end - request.start
        is_shortest = length <= max(self.shortest, 1)
        found = Survey(complete=False)
        try:
            found = _look(self.receiver, request, can_split=not is_shortest)
        except TooHeavyError:
            if is_shortest:
                raise
        if found.complete:
            return found
        if is_shortest:
            self.given_up = True
            return found
        first, second = self.receiver.concurrently(self.survey, _halves(request))
        both = first | second
        return Survey(
            both.room_sessions | found.room_sessions, both.keys | found.keys, both.complete
        )


def survey_rooms(receiver: Receiver, request: ReportRequest) -> Survey:
    """Return the rooms of a window, searched for in windows of a minute if need be.

    Raises:
        KalturaError: If Kaltura does not return the report of a window.
    """
    return Surveyor(receiver, _SHORTEST_WINDOW).survey(request)


def survey_rows(receiver: Receiver, request: ReportRequest) -> Survey:
    """Return the rows of a report as far as a few shorter windows show them.

    Where so many people are there at the same time that every window is cut off, it ends soon.

    Raises:
        KalturaError: If Kaltura does not return the report of a window.
    """
    return Surveyor(receiver, (request.end - request.start) / _ROW_WINDOWS).survey(request)


def survey_halves(receiver: Receiver, request: ReportRequest) -> Survey:
    """Return the rows of a report that is too heavy as a whole, if its halves by time are not.

    A report that works by room alone costs two more calls, made at the same time. The survey never
    counts as complete, because a half may have been cut off or too heavy.

    Raises:
        KalturaError: If Kaltura does not return the report of a half for another reason.
    """

    def survey(half: ReportRequest) -> Survey:
        try:
            return _look(receiver, half, can_split=True)
        except TooHeavyError:
            return Survey()

    first, second = receiver.concurrently(survey, _halves(request))
    return replace(first | second, complete=False)


def _look(receiver: Receiver, request: ReportRequest, *, can_split: bool) -> Survey:
    """Return which rows one call returns; complete unless their number may be a cap."""
    with spool() as scratch:
        received = receiver.receive(request, scratch, can_split=can_split)
        return Survey(
            room_sessions_in(scratch, request.report),
            frozenset(row_keys(scratch, request.report.primary_key)),
            complete=not is_suspect(received.summary.rows, receiver.settings),
        )


def _halves(request: ReportRequest) -> list[ReportRequest]:
    middle = (request.start + request.end) // 2
    return [replace(request, end=middle), replace(request, start=middle)]
