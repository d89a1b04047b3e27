"""The views over generated terms with courses, compared with a computation in Python."""

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.course_term import (
    ATTENDEES,
    ROOM_DATA,
    UNKNOWN,
    ZONE,
    CourseTerm,
    generate,
    local_day,
    publish,
)
from tests.support.course_term_expected import Expected, Row, later, user_key
from tests.support.term_expected import assert_same
from tools.athena.duck_athena import DuckAthena

SEEDS = range(30)
KEYS = {
    "sessions": ("region", "dt", "entry_id", "cue_point_id"),
    "attendance": ("region", "dt", "entry_id", "cue_point_id", "user_id"),
    "breakouts": ("region", "dt", "breakout_entry_id", "cue_point_id"),
    "attendance_by_course": (
        *("region", "dt", "entry_id", "cue_point_id", "user_id", "course_id"),
    ),
    "unmatched_users": ("region", "dt", "entry_id", "user_id"),
    "unmatched_rooms": ("region", "dt", "entry_id"),
    "match_rate": ("region", "dt"),
    "attendance_status": ("class_id", "dt", "course_id", "user_id"),
    "last_attendance": ("course_id", "user_id"),
}


def session_days(seed: int) -> int:
    return (5, 5, 2, 1, 7)[seed % 5]


@cache
def term_of(seed: int) -> CourseTerm:
    return generate(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_view_equals_the_computation(seed: int, tmp_path: Path) -> None:
    term, days = term_of(seed), session_days(seed)
    publish(term, tmp_path)
    athena = DuckAthena(tmp_path, ZONE.key, loaded=True, session_days=days)
    expected = Expected(term, days)
    for view, key in KEYS.items():
        assert_same(athena.query(f"SELECT * FROM {view}"), getattr(expected, view)(), *key)  # noqa: S608
    statuses = athena.query("SELECT * FROM attendance_status")
    assert_nobody_is_not_seen_wrongly(term, statuses, expected.policy)
    for row in statuses:
        assert_reason(row)


def assert_nobody_is_not_seen_wrongly(term: CourseTerm, rows: list[Row], policy: Row) -> None:
    """Assert against what really happened, not against the files."""
    of_room: dict[str, list[Any]] = {}
    for meeting in term.meetings:
        of_room.setdefault(meeting.room, []).append(meeting)
    for row in rows:
        if row["status"] not in ("not_seen", "partial", "present"):
            continue
        first = row["class_id"].rpartition("/")[2]
        meetings = [
            each
            for each in of_room[row["entry_id"]]
            if local_day(each.start) == row["dt"]
            and row["class_start"] <= each.start
            and (row["class_end"] is None or each.start < row["class_end"])
        ]
        assert first in {each.cue for each in meetings}
        for meeting in meetings:
            day = local_day(meeting.start)
            while day <= local_day(meeting.end):
                for report in (ROOM_DATA.slug, ATTENDEES.slug):
                    file = term.files[meeting.region, report, day]
                    assert file.state == "settled"
                    assert not file.findings
                day = later(day, 1)
        true = sum(
            min(stay.end, 2**40) - stay.start
            for meeting in meetings
            for stay in meeting.stays
            if stay.user_id not in UNKNOWN and user_key(stay.user_id, policy) == row["user_key"]
        )
        assert (row["status"] == "not_seen") == (true == 0)
        if row["class_end"] is not None:
            assert row["minutes"] == pytest.approx(true / 60)


def assert_reason(row: Row) -> None:
    starts = {
        "present": ("Seen for as long as the policy asks for",),
        "partial": ("Seen, but for less",),
        "not_seen": ("Not seen.",),
        "provisional": ("The data of the class are not final. So far: ",),
        "no_data": ("A file or ", "The class is longer", "The files look", "Nothing is left", "The room has"),
    }
    assert row["reason"].startswith(starts[row["status"]])


def test_the_terms_have_the_difficult_cases() -> None:
    statuses: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    spans: Counter[int] = Counter()
    for seed in SEEDS:
        expected = Expected(term_of(seed), session_days(seed))
        sessions = list(expected.sessions())
        statuses.update(row["status"] for row in expected.attendance_status())
        reasons["lost day"] += sum(row["missing_day"] for row in sessions)
        reasons["finding"] += sum(row["findings"] is not None for row in sessions)
        reasons["cut off"] += sum(row["cut_off"] for row in sessions)
        reasons["no end"] += sum(row["end_time"] is None for row in sessions)
        reasons["restart"] += sum(len(each.groups) > 1 for each in expected.classes())
        reasons["unmatched"] += len(list(expected.unmatched_users()))
        reasons["unidentified"] += sum(row["user_id"] is None for row in expected.attendance())
        spans.update(len({part.day for part in group.parts}) for group in expected.groups.values())
    assert min(statuses[name] for name in ("present", "partial", "not_seen")) > 100
    assert min(statuses["provisional"], statuses["no_data"]) > 100
    assert min(reasons.values()) > 20, reasons
    assert spans[2] > 50
    assert sum(count for days, count in spans.items() if days > 3) > 20
