"""The example queries over a term, compared with results computed in Python."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.day_index import write_index
from tests.support.term import ZONE
from tests.support.term_expected import (
    NOW,
    SESSION,
    TERM,
    Row,
    assert_same,
    day,
    expected_attendance,
    expected_breakouts,
    expected_sessions,
)
from tests.support.world import export_key
from tools.athena.duck_athena import DuckAthena
from tools.athena.sources import queries


@pytest.fixture(scope="module")
def athena(tmp_path_factory: pytest.TempPathFactory) -> DuckAthena:
    root: Path = tmp_path_factory.mktemp("bucket")
    TERM.publish(root)
    days = [window.label for window in TERM.days()]
    for region in TERM.regions:
        write_index(root, region, days, UNLIKE)
    return DuckAthena(root, ZONE.key, NOW, loaded=True)


OPEN, LOST = "2026-12-07", "2026-12-02"
UNLIKE = {
    ("attendees", OPEN): "settling",
    ("breakout_sessions", OPEN): "open",
    ("attendees", LOST): None,
    ("breakout_sessions", LOST): None,
}
"""Files of the last weeks that are not settled, or not in the index."""


def is_sure(row: Row) -> bool:
    """Return whether the files of all days of a session are there and settled."""
    last = day(row["end_time"]) if row["end_time"] else "9999"
    unsure = (OPEN, LOST, (TERM.last + timedelta(days=1)).isoformat())
    return not any(row["dt"] <= each <= last for each in unsure)


def since(rows: Iterable[Row], days: int) -> list[Row]:
    first = (NOW.date() - timedelta(days=days)).isoformat()
    return [row for row in rows if row["dt"] >= first]


def week(row: Row) -> str:
    local = datetime.fromtimestamp(row["start_time"], ZONE).date()
    return (local - timedelta(days=local.weekday())).isoformat()


def run(athena: DuckAthena, name: str) -> list[Row]:
    (query,) = (query for query in queries() if query.name == name)
    return athena.run(query)


def grouped(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(week(row) if name == "week" else row[name] for name in names)].append(row)
    return groups


def test_attendance_per_course_and_week(athena: DuckAthena) -> None:
    expected = [
        {
            "week": key[0],
            "entry_id": key[1],
            "course": rows[0]["entry_name"],
            "sessions": len({row["cue_point_id"] for row in rows}),
            "people": len({row["user_id"] for row in rows} - {None}),
            "attendances": len(rows),
            "hours": sum(row["view_minutes"] for row in rows) / 60,
        }
        for key, rows in grouped(since(expected_attendance(), 112), "week", "entry_id").items()
    ]
    assert_same(run(athena, "attendance-per-course-and-week"), expected, "week", "entry_id")


def test_engagement_over_time(athena: DuckAthena) -> None:
    expected = []
    for (region, monday), rows in grouped(
        since(expected_sessions(), 112), "region", "week"
    ).items():
        minutes = sum(row["view_minutes"] for row in rows)
        engaged = sum(row["view_minutes"] * row["engagement"] for row in rows)
        expected.append(
            {
                "region": region,
                "week": monday,
                "sessions": len(rows),
                "engagement": engaged / minutes,
            }
        )
    assert_same(run(athena, "engagement-over-time"), expected, "region", "week")


def test_no_shows(athena: DuckAthena) -> None:
    empty = [row for row in since(expected_breakouts(), 28) if not row["participants"]]
    expected = [row for row in empty if is_sure(row)]
    assert_same(run(athena, "no-shows"), expected, "region", "cue_point_id")


def test_first_time_attendees(athena: DuckAthena) -> None:
    firsts: dict[tuple[str, str], Row] = {}
    for row in since(expected_attendance(), 112):
        key = (row["region"], row["user_id"])
        if row["user_id"] and (key not in firsts or row["start_time"] < firsts[key]["start_time"]):
            firsts[key] = row
    expected = [
        {"region": region, "week": monday, "first_timers": len(rows)}
        for (region, monday), rows in grouped(firsts.values(), "region", "week").items()
    ]
    assert_same(run(athena, "first-time-attendees"), expected, "region", "week")


def test_peak_concurrency(athena: DuckAthena) -> None:
    peaks: dict[tuple[str, str], tuple[int, int]] = {}
    for (region,), rows in grouped(since(expected_sessions(), 28), "region").items():
        ended = [row for row in rows if row["end_time"]]
        for moment in {row[edge] for row in ended for edge in ("start_time", "end_time")}:
            at = [row for row in ended if row["start_time"] <= moment < row["end_time"]]
            key = (region, day(moment))
            most = peaks.get(key, (0, 0))
            users = sum(row["unique_users"] for row in at)
            peaks[key] = (max(most[0], len(at)), max(most[1], users))
    expected = [
        {"region": region, "day": local, "peak_sessions": most[0], "peak_users_at_most": most[1]}
        for (region, local), most in peaks.items()
    ]
    assert_same(run(athena, "peak-concurrency"), expected, "region", "day")


def test_late_joiners(athena: DuckAthena) -> None:
    sessions = {tuple(row[name] for name in SESSION): row for row in expected_sessions()}
    expected, unsure = [], 0
    for row in since(expected_attendance(), 28):
        session = sessions[tuple(row[name] for name in SESSION)]
        length = session["duration_minutes"]
        if row["user_id"] and length and length - row["view_minutes"] >= length / 3:
            if not is_sure(session):
                unsure += 1
                continue
            kept = ("region", "dt", "entry_name", "cue_point_id", "user_id", "user_name")
            missed = {"missed_minutes": length - row["view_minutes"]}
            expected.append({name: row[name] for name in kept} | missed)
    assert unsure
    assert_same(run(athena, "late-joiners"), expected, "region", "cue_point_id", "user_id")


def test_top_hosts(athena: DuckAthena) -> None:
    hosted = [row for row in since(expected_sessions(), 28) if row["host_user_id"]]
    expected = [
        {
            "region": region,
            "host_user_id": host,
            "sessions": len(rows),
            "attendances": sum(row["unique_users"] for row in rows),
            "hours": sum(row["view_minutes"] for row in rows) / 60,
        }
        for (region, host), rows in grouped(hosted, "region", "host_user_id").items()
    ]
    expected.sort(key=lambda row: -row["hours"])
    found = run(athena, "top-hosts")
    assert [row["hours"] for row in found] == sorted((row["hours"] for row in found), reverse=True)
    assert_same(found, expected[:25], "region", "host_user_id")


def test_retention_across_a_term(athena: DuckAthena) -> None:
    weeks: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in since(expected_attendance(), 112):
        if row["user_id"]:
            weeks[row["region"], row["entry_id"], row["user_id"]].add(week(row))
    people: Counter[tuple[Any, ...]] = Counter()
    for (region, room, _), came in weeks.items():
        for monday in came:
            later = (date.fromisoformat(monday) - date.fromisoformat(min(came))).days // 7
            people[region, room, min(came), later] += 1
    names = ("region", "entry_id", "first_week", "weeks_later")
    expected = [{**dict(zip(names, key, strict=True)), "people": n} for key, n in people.items()]
    assert_same(run(athena, "retention-across-a-term"), expected, *names)


@pytest.mark.parametrize(
    ("unlike", "found"),
    [(None, 0), ("settled", 1), ("settling", 0)],
    ids=["no file in the index", "settled", "settling"],
)
def test_no_shows_lists_a_final_breakout_without_participants(
    tmp_path: Path, unlike: str | None, found: int
) -> None:
    start = int(NOW.timestamp()) - 86400
    dt = datetime.fromtimestamp(start, UTC).date().isoformat()
    path = tmp_path / export_key("breakout_sessions", "us", dt)
    path.parent.mkdir(parents=True)
    lines = (
        "header",
        f"1_p,P,1_a,Empty,1_x,0,{start},{start + 60},60,0,0",
        f"1_p,P,1_b,Full,1_y,u,{start},{start + 60},60,3,0.5",
        f"1_p,P,1_c,Unknown,1_z,u,{start},{start + 60},60,,0.5\n",
    )
    path.write_text("\n".join(lines), encoding="utf-8")
    write_index(tmp_path, "us", [dt], {("breakout_sessions", dt): unlike})
    rows = run(DuckAthena(tmp_path, now=NOW), "no-shows")
    shown = [(row["breakout_entry_name"], row["initiator_user_id"]) for row in rows]
    assert shown == [("Empty", None)] * found
