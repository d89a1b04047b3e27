"""The rows that the views must show for a term: sessions, attendance and breakouts.

They are computed from the term as one window, in which every session is complete, and share no
code with the views.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

import pytest

from local.kaltura.campus import Size
from local.kaltura.csv_format import surviving
from room_reports.model.reports import ATTENDEES, BREAKOUT_SESSIONS, ROOM_DATA
from tests.support.term import ZONE, Term, shown

Row = dict[str, Any]

TERM = Term(
    date(2026, 8, 24),
    date(2026, 12, 13),
    Size(rooms=12, attendees=7, special_names=0.6),
    hours_of=(date(2026, 11, 1),),
)
NOW = datetime(2026, 12, 14, 9, tzinfo=ZONE)
UNKNOWN_USERS = ("", "0", "Unknown", "Error")
SESSION = ("region", "entry_id", "cue_point_id")


def text(value: str, nothing: Iterable[str] = ("",)) -> str | None:
    return None if value in nothing else shown(surviving(value))


def seconds(value: str) -> float | None:
    return float(value) or None


def day(start: str) -> str:
    return datetime.fromtimestamp(int(start), ZONE).date().isoformat()


def expected_attendance(term: Term = TERM) -> Iterator[Row]:
    for region in term.regions:
        rooms = {
            (row["entry_id"], row["cue_point_id"]): row for row in term.rows(ROOM_DATA, region)
        }
        for row in term.rows(ATTENDEES, region):
            room = rooms[row["entry_id"], row["cue_point_id"]]
            yield {
                "region": region,
                "dt": day(room["session_start_time"]),
                "entry_id": row["entry_id"],
                "entry_name": text(room["entry_name"]),
                "cue_point_id": row["cue_point_id"],
                "start_time": seconds(room["session_start_time"]),
                "user_id": text(row["user_id"], UNKNOWN_USERS),
                "user_name": text(row["user_name"]),
                "user_email": text(row["user_email"], ("", "0")),
                "user_type": row["user_type"],
                "view_minutes": float(row["meeting_view_time"]),
                "engagement": float(row["meeting_engaged_play_time_ratio"]),
            }


def expected_sessions(term: Term = TERM) -> Iterator[Row]:
    for region in term.regions:
        minutes: defaultdict[tuple[str, str], float] = defaultdict(float)
        unknown = set()
        for row in term.rows(ATTENDEES, region):
            session = row["entry_id"], row["cue_point_id"]
            minutes[session] += float(row["meeting_view_time"])
            if row["user_id"] in UNKNOWN_USERS:
                unknown.add(session)
        for row in term.rows(ROOM_DATA, region):
            start, end = seconds(row["session_start_time"]), seconds(row["session_end_time"])
            assert start
            yield {
                "region": region,
                "dt": day(row["session_start_time"]),
                "entry_id": row["entry_id"],
                "entry_name": text(row["entry_name"]),
                "parent_entry_id": text(row["parent_entry_id"]),
                "cue_point_id": row["cue_point_id"],
                "start_time": start,
                "end_time": end,
                "duration_minutes": end and (end - start) / 60,
                "host_user_id": text(row["session_host_user_id"], UNKNOWN_USERS),
                "unique_users": int(row["meeting_view_period_unique_users"]),
                "engagement": float(row["meeting_engaged_play_time_ratio"]),
                "view_minutes": minutes[row["entry_id"], row["cue_point_id"]],
                "estimated": (row["entry_id"], row["cue_point_id"]) in unknown,
            }


def expected_breakouts() -> Iterator[Row]:
    for region in TERM.regions:
        for row in TERM.rows(BREAKOUT_SESSIONS, region):
            yield {
                "region": region,
                "dt": day(row["session_start_time"]),
                "parent_entry_id": row["parent_entry_id"],
                "parent_entry_name": text(row["parent_entry_name"]),
                "breakout_entry_id": row["breakout_entry_id"],
                "breakout_entry_name": text(row["breakout_entry_name"]),
                "cue_point_id": row["cue_point_id"],
                "initiator_user_id": text(row["session_initiator"], UNKNOWN_USERS),
                "start_time": seconds(row["session_start_time"]),
                "end_time": seconds(row["session_end_time"]),
                "duration_minutes": (seconds(row["duration"]) or math.nan) / 60,
                "participants": int(row["participant_count"]),
                "engagement": float(row["engagement_rate"]),
            }


def assert_same(found: Iterable[Row], expected: Iterable[Row], *key: str) -> None:
    """Assert equal rows, identified by ``key``, in the columns that ``expected`` has."""
    by_key = {tuple(str(row[name]) for name in key): row for row in expected}
    rows = list(found)
    assert Counter(tuple(str(row[name]) for name in key) for row in rows) == Counter(list(by_key))
    for row in rows:
        wanted = by_key[tuple(str(row[name]) for name in key)]
        for name, value in wanted.items():
            if isinstance(value, float):
                none = math.isnan(value)
                assert (row[name] is None) if none else row[name] == pytest.approx(value, rel=1e-9)
            else:
                assert row[name] == value, (name, row, wanted)
