"""The views over generated terms with courses, compared with a computation in Python."""

import json
import os
from collections import Counter
from functools import cache
from pathlib import Path

import duckdb
import pytest

from room_reports.model.reports import ATTENDEES, ROOM_DATA
from tests.support.course_term import (
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

TERMS = range(30)
SEEDS = range(int(os.environ.get("TERMS", "8")))
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
        assert_same(athena.query(f"SELECT * FROM {view}"), getattr(expected, view)(), *key)
    statuses = athena.query("SELECT * FROM attendance_status")
    assert_not_seen_is_true(term, statuses, expected)
    for row in statuses:
        assert_reason(row)


def assert_not_seen_is_true(term: CourseTerm, rows: list[Row], expected: Expected) -> None:
    """Assert against what really happened, not against the files."""
    cues = {
        (f"{each.first.region}/{each.first.room}/{each.first.cue}", each.first.dt): {
            group.cue for group in each.groups
        }
        for each in expected.classes()
    }
    for row in rows:
        if row["status"] not in ("not_seen", "partial", "present"):
            continue
        sessions = cues[row["class_id"], row["dt"]]
        meetings = [each for each in term.meetings if each.cue in sessions]
        for meeting in meetings:
            assert local_day(meeting.start) == row["dt"]
            day = local_day(meeting.start)
            while day <= local_day(meeting.end):
                for report in (ROOM_DATA.slug, ATTENDEES.slug):
                    file = term.files[meeting.region, report, day]
                    assert file.state == "settled"
                    assert not file.findings
                day = later(day, 1)
        true = sum(
            stay.end - stay.start
            for meeting in meetings
            for stay in meeting.stays
            if stay.user_id not in UNKNOWN
            and user_key(stay.user_id, expected.policy) == row["user_key"]
        )
        assert (row["status"] == "not_seen") == (true == 0)
        assert row["minutes"] == pytest.approx(true / 60)


def assert_reason(row: Row) -> None:
    starts = {
        "present": ("Seen for as long as the policy asks for",),
        "partial": ("Seen, but for less",),
        "not_seen": ("Not seen.",),
        "provisional": ("The data of the class are not final. So far: ",),
        "no_data": (
            "A file or ",
            "The class is longer",
            "The files look",
            "Nothing is left",
            "The room has",
        ),
    }
    assert row["reason"].startswith(starts[row["status"]])


def test_the_terms_have_the_difficult_cases() -> None:
    statuses: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    spans: Counter[int] = Counter()
    for seed in TERMS:
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


@pytest.mark.parametrize("days", [1, 5, 14])
def test_a_condition_on_dt_reads_the_days_asked_for_and_those_after_them(
    days: int, tmp_path: Path
) -> None:
    """Every other file is unreadable, so that reading it fails."""
    publish(term_of(0), tmp_path)
    whole = DuckAthena(tmp_path, ZONE.key, loaded=True, session_days=days)
    views = [*KEYS, "session_shares"]
    views.remove("last_attendance")
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
        broken = 0
        for path, text in texts.items():
            day, region = path.parent.name.removeprefix("dt="), path.parent.parent.name
            readable = first <= day <= last and region == "region=us"
            broken += not readable
            path.write_text(text if readable else UNREADABLE, encoding="utf-8")
        assert broken > len(texts) / 4
        sql = f"SELECT * FROM {view} WHERE dt = '{first}' AND {where}"
        assert rounded(athena.query(sql)) == rounded(whole.query(sql)), view
    with pytest.raises(duckdb.Error):
        athena.query("SELECT * FROM sessions")
