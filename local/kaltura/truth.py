"""The exact rows of a report for any window: aggregates over the events inside it."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from threading import Lock
from typing import Protocol

from local.kaltura.campus import Attendance, Presence, Session
from local.kaltura.csv_format import php_number
from local.kaltura.university import TICK, University
from room_reports.model.reports import REPORTS

Row = tuple[str, ...]
Filters = Mapping[str, Collection[str]]

HEADERS: dict[int, Row] = {report.id: tuple(c.name for c in report.columns) for report in REPORTS}
FILTERS: dict[int, tuple[str, ...]] = {
    6000: ("entry_ids", "virtual_event_ids"),
    6001: ("entry_ids", "virtual_event_ids", "user_ids", "cue_point_ids"),
    6002: ("parentEntryIds", "virtual_event_ids"),
}
KEPT_ROWS, KEPT_RESULTS = 700_000, 4_000


class Truth(Protocol):
    """A source of the true rows of the reports."""

    def rows(
        self,
        report: int,
        start: int,
        end: int,
        *,
        filters: Filters | None = None,
        as_of: float | None = None,
    ) -> list[Row]:
        """Return the rows in ``[start, end)`` visible at ``as_of``, highest metric first."""


class UniversityTruth:
    """The truth about a generated university; safe to share between threads."""

    def __init__(self, university: University) -> None:
        self.university = university
        self._cached: OrderedDict[tuple[int, int, int], list[Row]] = OrderedDict()
        self._kept = 0
        self._lock = Lock()
        self._makers: dict[int, Callable[[Session, int, int, float | None], Iterator[Ranked]]] = {
            6000: self._room_data,
            6001: self._attendees,
            6002: self._breakouts,
        }

    def rows(
        self,
        report: int,
        start: int,
        end: int,
        *,
        filters: Filters | None = None,
        as_of: float | None = None,
    ) -> list[Row]:
        """Return the rows of a report in ``[start, end)``: raw values in the catalogue's order.

        Ordered by the report's metric, largest first, as Kaltura does. ``as_of`` is the simulated
        time of the question: later events, and those not processed yet, are left out; None: all.
        """
        filters = filters or {}
        key = (report, start, end)
        sessions = list(self.university.sessions(start, end))
        if as_of is not None and as_of >= max(map(_complete_at, sessions), default=0):
            as_of = None
        if filters or as_of is not None:
            found = self._make(report, _selected(sessions, filters), start, end, as_of)
            users = filters.get("user_ids")
            return [row for row in found if row[2] in users] if users else found
        with self._lock:
            if key in self._cached:
                self._cached.move_to_end(key)
                return self._cached[key]
        made = self._make(report, sessions, start, end, None)
        self._keep(key, made)
        return made

    def _keep(self, key: tuple[int, int, int], rows: list[Row]) -> None:
        with self._lock:
            if key not in self._cached:
                self._cached[key] = rows
                self._kept += len(rows)
            while self._cached and (self._kept > KEPT_ROWS or len(self._cached) > KEPT_RESULTS):
                self._kept -= len(self._cached.popitem(last=False)[1])

    def _make(
        self,
        report: int,
        sessions: Iterable[Session],
        start: int,
        end: int,
        as_of: float | None,
    ) -> list[Row]:
        make = self._makers[report]
        ranked = [found for session in sessions for found in make(session, start, end, as_of)]
        ranked.sort(key=lambda found: -found[0])
        return [row for _, row in ranked]

    def _room_data(
        self, session: Session, start: int, end: int, as_of: float | None
    ) -> Iterator["Ranked"]:
        end = _visible_end(session, end, as_of)
        users, ticks, engaged = _share(self.university.attendances(session), start, end)
        if users:
            room = session.room
            yield (
                users,
                (
                    *(room.entry_id, room.name, room.parent_entry_id, session.cue_point_id),
                    *(str(session.start), _printed_end(session, session.end, as_of)),
                    *(session.host, str(users), php_number(engaged / ticks)),
                ),
            )

    def _attendees(
        self, session: Session, start: int, end: int, as_of: float | None
    ) -> Iterator["Ranked"]:
        end = _visible_end(session, end, as_of)
        entry_id, cue_point_id = session.room.entry_id, session.cue_point_id
        for index, kind, presences in self.university.attendances(session):
            ticks, engaged = _ticks(presences, start, end)
            if ticks:
                user = self.university.user(index)
                minutes, ratio = php_number(ticks * TICK / 60), php_number(engaged / ticks)
                yield (
                    ticks,
                    (entry_id, cue_point_id, user.id, user.name, user.email, kind, minutes, ratio),
                )

    def _breakouts(
        self, session: Session, start: int, end: int, as_of: float | None
    ) -> Iterator["Ranked"]:
        end = _visible_end(session, end, as_of)
        room = session.room
        for breakout in session.breakouts:
            members = self.university.attendances(session)[breakout.group :: breakout.groups]
            first, last = max(start, breakout.start), min(end, breakout.end)
            users, ticks, engaged = _share(members, first, last)
            if users:
                printed_end = _printed_end(session, breakout.end, as_of)
                duration = breakout.end - breakout.start if printed_end != "0" else 0
                yield (
                    users,
                    (
                        *(room.entry_id, room.name, breakout.entry_id, breakout.name),
                        *(breakout.cue_point_id, breakout.initiator, str(breakout.start)),
                        *(printed_end, str(duration), str(users), php_number(engaged / ticks)),
                    ),
                )


Ranked = tuple[int, Row]
"""A row, with the metric that Kaltura orders by."""


def _ticks(presences: tuple[Presence, ...], start: int, end: int) -> tuple[int, int]:
    """Count the view events of presences inside ``[start, end)``: all, and the engaged ones."""
    ticks = engaged = 0
    for begin, count, attentive in presences:
        first = max(0, -((begin - start) // TICK))
        after = -((begin - end) // TICK)
        if after > first:
            ticks += max(0, min(count, after) - first)
            engaged += max(0, min(attentive, after) - first)
    return ticks, engaged


def _share(attendances: Iterable[Attendance], start: int, end: int) -> tuple[int, int, int]:
    """Count users, view events and engaged view events inside ``[start, end)``."""
    users = ticks = engaged = 0
    for _, _, presences in attendances:
        seen, attentive = _ticks(presences, start, end)
        users += seen > 0
        ticks += seen
        engaged += attentive
    return users, ticks, engaged


def _complete_at(session: Session) -> int:
    """Return the time at which all events of a session are visible."""
    return session.end + session.lag


def _visible_end(session: Session, end: int, as_of: float | None) -> int:
    """Return the end of the visible events: the window's, or that of the processed events."""
    return end if as_of is None else min(end, int(as_of) - session.lag)


def _printed_end(session: Session, end: int, as_of: float | None) -> str:
    """Return the end of a session as Kaltura prints it: 0 while it runs, or if it was not ended."""
    running = as_of is not None and as_of < end
    return "0" if running or session.never_ended else str(end)


def _selected(sessions: Iterable[Session], filters: Filters) -> Iterator[Session]:
    rooms = filters.get("entry_ids") or filters.get("parentEntryIds")
    events, cues = filters.get("virtual_event_ids"), filters.get("cue_point_ids")
    for session in sessions:
        room = session.room
        if (
            (not rooms or room.entry_id in rooms)
            and (not events or room.virtual_event_id in events)
            and (not cues or session.cue_point_id in cues)
        ):
            yield session
