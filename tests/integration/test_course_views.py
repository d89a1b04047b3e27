"""The views over generated terms with courses, compared with a computation in Python."""

import json
from collections import Counter
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from room_reports.model.reports import ATTENDEES
from tests.support.course_status_expected import ExpectedStatuses
from tests.support.course_term import (
    AUTUMN,
    UNKNOWN,
    ZONE,
    CourseTerm,
    local_day,
)
from tests.support.course_term_expected import Row, later
from tests.support.course_term_files import publish
from tests.support.course_term_made import generate
from tests.support.course_truth import Truth
from tests.support.extent import extent
from tests.support.term_expected import assert_same
from tools.athena.duck_athena import DuckAthena
from tools.athena.sources import MOST_SESSION_DAYS, SESSION_DAYS

TERMS = range(30)
SEEDS = range(extent(5, 30))
"""The terms whose views are compared; ``make test-all`` compares those of all."""
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
    "last_attendance": ("course_id", "user_key", "user_id"),
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
    athena = DuckAthena(tmp_path, ZONE.key, term.now(), loaded=True, session_days=days)
    expected = ExpectedStatuses(term, days)
    for view, key in KEYS.items():
        assert_same(athena.query(f"SELECT * FROM {view}"), getattr(expected, view)(), *key)
    statuses = athena.query("SELECT * FROM attendance_status")
    truth = Truth(term, expected)
    truth.assert_rows(statuses)
    for row in statuses:
        truth.assert_status(row)
        assert_reason(row)
    for row in athena.query("SELECT * FROM last_attendance"):
        truth.assert_last_attendance(row)


def assert_reason(row: Row) -> None:
    starts = {
        "present": ("Seen for as long as the policy asks for",),
        "partial": ("Seen, but for less",),
        "not_seen": ("Not seen.", "Not seen. People in the class who match no roster"),
        "provisional": ("The data of the class are not final. So far: ",),
        "no_data": (
            "A file is missing ",
            "Kaltura lists people",
            "Not seen, but as many people",
            "The class is longer",
            "The files look",
            "Nothing is left",
            "The room has",
            "Kaltura lists the person",
            "Not seen in this class, but",
            "Not seen, but Kaltura has no end",
            "A day in the roster",
        ),
    }
    assert row["reason"].startswith(starts[row["status"]])


def test_the_terms_have_the_difficult_cases() -> None:
    statuses: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    spans: Counter[int] = Counter()
    for seed in TERMS:
        term = term_of(seed)
        expected = ExpectedStatuses(term, session_days(seed))
        sessions = list(expected.sessions())
        rows = list(expected.attendance_status())
        classes = list(expected.classes())
        statuses.update(row["status"] for row in rows)
        reasons["lost day"] += sum(row["missing_day"] for row in sessions)
        reasons["finding"] += sum(row["findings"] is not None for row in sessions)
        reasons["cut off"] += sum(row["cut_off"] for row in sessions)
        reasons["no end"] += sum(row["end_time"] is None for row in sessions)
        reasons["restart"] += sum(len(each.groups) > 1 for each in classes)
        reasons["restart after midnight"] += sum(
            each.groups[-1].dt > each.dt for each in classes if each.start
        )
        reasons["people without a session"] += sum(not each.start for each in classes)
        reasons["taught together"] += sum(len(each.courses) > 1 for each in term.meetings)
        reasons["soon after another course"] += sum(
            later.first.room == each.first.room
            and 0 <= later.start - each.busy <= expected.gap
            and each.dt == later.dt
            for each, later in pairwise(classes)
        )
        reasons["breakout room"] += sum(bool(each.parent) for each in classes)
        reasons["without an end, before another"] += sum(map(expected.may_go_on, classes))
        reasons["a session lost"] += sum(map(expected.lost_sessions, classes))
        reasons["no minutes"] += sum(0 in part.seconds.values() for part in term.parts)
        reasons["twice"] += sum(bool(part.twice) for part in term.parts)
        reasons["days not clear"] += sum(row["user_id"] == "odd" for row in rows)
        reasons["left open"] += sum(each.left < each.busy - 3600 for each in classes)
        reasons["attendees partly lost"] += len(term.partly_lost)
        reasons["other form of ids"] += len(
            {row["class_id"] for row in rows if term.changed(date.fromisoformat(row["dt"]))}
        )
        reasons["visit to another course"] += sum(
            stay.person[:-1] not in ("t", "gues", *map(str.lower, meeting.courses))
            for meeting in term.meetings
            for stay in meeting.stays
            if meeting.room.startswith("1_shared")
        )
        reasons["late data"] += sum(
            stay.end < term.files[meeting.region, ATTENDEES.slug, day].exported_at < stay.known_at
            for meeting in term.meetings
            for stay in meeting.stays
            if (meeting.region, ATTENDEES.slug, day := local_day(stay.start)) in term.files
        )
        day_of_change = term.first + timedelta(days=4)
        reasons[f"change of time in {day_of_change:%B}"] += sum(
            local_day(each.start) <= day_of_change.isoformat() <= local_day(each.end)
            for each in term.meetings
        )
        last = list(expected.last_attendance())
        reasons["last attendance final"] += sum(row["final"] for row in last)
        reasons["last attendance not final"] += sum(not row["final"] for row in last)
        reasons["last attendance known until"] += sum(
            row["known_until"] is not None for row in last
        )
        reasons["unmatched"] += len(list(expected.unmatched_users()))
        reasons["unidentified"] += sum(row["user_id"] is None for row in expected.attendance())
        spans.update(len({part.day for part in group.parts}) for group in expected.groups.values())
    assert min(statuses[name] for name in ("present", "partial", "not_seen")) > 100
    assert min(statuses["provisional"], statuses["no_data"]) > 100
    assert min(reasons.values()) > 20, reasons
    assert spans[2] > 50
    assert sum(count for days, count in spans.items() if days > 3) > 20


UNREADABLE = f"header\n{'x,' * 40}x\n"
RULES = json.loads((Path(__file__).parents[1] / "support" / "id_rules.json").read_text("utf-8"))


def test_ids_are_compared_by_the_shared_rules() -> None:
    """The cases are those of the command, which applies the same rules in Python."""
    athena = DuckAthena(None)
    by_rules: dict[str, list[Row]] = {}
    for case in RULES:
        by_rules.setdefault(json.dumps(case["rules"], ensure_ascii=False), []).append(case)
    where = {"granularity": "day", "region": "us", "dt": "2026-10-28"}
    for rules, cases in by_rules.items():
        keys = {case["id"]: case["normalised"] or None for case in cases}
        # The apostrophe before a formula is the exporter's, which the views remove.
        seen = [user for user in keys if user not in UNKNOWN and user != "'=1+1"]
        athena.fill("policy_file", [json.loads(rules)] if json.loads(rules) else [])
        athena.fill("rosters", [{"course_id": "C", "user_id": user} for user in keys if user])
        rows = [{"user_id": f"'{user}" if user[0] in "-@\t " else user} | where for user in seen]
        athena.fill("attendees", [{"entry_id": "1_r", "cue_point_id": "1_c"} | r for r in rows])
        for view, users in (
            ("roster_entries", [u for u in keys if u]),
            ("attendance_by_course", seen),
        ):
            found = athena.query(f"SELECT user_id, user_key FROM {view}")
            assert {row["user_id"]: row["user_key"] for row in found} == {u: keys[u] for u in users}


def rounded(rows: list[Row]) -> list[str]:
    """Return rows in an order of their own; sums of floats depend on the order of the rows."""
    return sorted(
        repr({k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()})
        for row in rows
    )


@pytest.mark.parametrize("days", [1, extent(SESSION_DAYS, MOST_SESSION_DAYS)])
def test_a_condition_on_dt_reads_the_days_asked_for_and_those_after_them(
    days: int, tmp_path: Path
) -> None:
    """Every other file is unreadable, so that reading it fails."""
    publish(term_of(0), tmp_path)
    assert term_of(0).first == AUTUMN
    whole = DuckAthena(tmp_path, ZONE.key, loaded=True, session_days=days)
    views = [*KEYS, "session_shares"]
    views.remove("last_attendance")
    if days != SESSION_DAYS:  # The other views are made of these.
        views = ["session_shares", "breakouts", "attendance_status"]
    whole_week = {"match_rate": 7}
    athena = DuckAthena(tmp_path, ZONE.key, session_days=days)
    texts = {
        path: path.read_text(encoding="utf-8")
        for path in tmp_path.rglob("*.csv")
        if "granularity=day" in str(path)
    }
    for view in views:
        where = "region = 'us'"
        all_days = whole.query(f"SELECT DISTINCT dt FROM {view} WHERE {where} ORDER BY dt")
        first = all_days[len(all_days) // 2]["dt"]
        last = later(first, whole_week.get(view, 1) - 1 + days)
        before, regions = first, {"region=us"}
        if view == "attendance_status":
            # A class may begin before midnight and end after it, and people be in another region.
            before, last = later(first, -1), later(last, 1)
            regions.add("region=eu")
        broken = 0
        for path, text in texts.items():
            day, region = path.parent.name.removeprefix("dt="), path.parent.parent.name
            readable = before <= day <= last and region in regions
            broken += not readable
            path.write_text(text if readable else UNREADABLE, encoding="utf-8")
        assert broken > len(texts) / 4
        sql = f"SELECT * FROM {view} WHERE dt = '{first}' AND {where}"
        assert rounded(athena.query(sql)) == rounded(whole.query(sql)), view
    with pytest.raises(duckdb.Error):
        athena.query("SELECT * FROM sessions")
