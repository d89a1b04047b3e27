"""The views, and the example queries over them, against what is true about a term.

The oracle asks the university for the whole term as one window, so that each session is whole
there, and counts in Python; it shares nothing with the views.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.athena.duck import DuckLake
from local.athena.sources import queries
from local.kaltura.campus import Size
from local.kaltura.dialect import surviving
from room_reports.catalogue import ATTENDEES, BREAKOUT_SESSIONS, ROOM_DATA
from tests.integration.term import ZONE, Term, shown

Row = dict[str, Any]

TERM = Term(
    date(2026, 8, 24),
    date(2026, 12, 13),
    Size(rooms=12, attendees=7, nasty=0.6),
    hours_of=(date(2026, 11, 1),),
)
NOW = datetime(2026, 12, 14, 9, tzinfo=ZONE)
NOBODY = ("", "0", "Unknown", "Error")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tmp_path_factory.mktemp("bucket")
    TERM.publish(root)
    return root


@pytest.fixture(scope="module")
def lake(bucket: Path) -> DuckLake:
    return DuckLake(bucket, ZONE.key, NOW, loaded=True)


def text(value: str, nothing: Iterable[str] = ("",)) -> str | None:
    return None if value in nothing else shown(surviving(value))


def seconds(value: str) -> float | None:
    return float(value) or None


def day(start: str) -> str:
    return datetime.fromtimestamp(int(start), ZONE).date().isoformat()


def true_attendance(term: Term = TERM) -> Iterator[Row]:
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
                "user_id": text(row["user_id"], NOBODY),
                "user_name": text(row["user_name"]),
                "user_email": text(row["user_email"], ("", "0")),
                "user_type": row["user_type"],
                "view_minutes": float(row["meeting_view_time"]),
                "engagement": float(row["meeting_engaged_play_time_ratio"]),
            }


def true_sessions(term: Term = TERM) -> Iterator[Row]:
    for region in term.regions:
        minutes: defaultdict[tuple[str, str], float] = defaultdict(float)
        for row in term.rows(ATTENDEES, region):
            minutes[row["entry_id"], row["cue_point_id"]] += float(row["meeting_view_time"])
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
                "host_user_id": text(row["session_host_user_id"], NOBODY),
                "unique_users": int(row["meeting_view_period_unique_users"]),
                "engagement": float(row["meeting_engaged_play_time_ratio"]),
                "view_minutes": minutes[row["entry_id"], row["cue_point_id"]],
                "estimated": False,
            }


def true_breakouts() -> Iterator[Row]:
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
                "initiator_user_id": text(row["session_initiator"], NOBODY),
                "start_time": seconds(row["session_start_time"]),
                "end_time": seconds(row["session_end_time"]),
                "duration_minutes": (seconds(row["duration"]) or math.nan) / 60,
                "participants": int(row["participant_count"]),
                "engagement": float(row["engagement_rate"]),
            }


def assert_same(found: Iterable[Row], true: Iterable[Row], *key: str) -> None:
    """Both have the same rows, told apart by ``key``, as far as the true ones have columns."""
    by_key = {tuple(str(row[name]) for name in key): row for row in true}
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


SESSION = ("region", "entry_id", "cue_point_id")


def test_the_term_has_what_is_difficult() -> None:
    sessions = list(true_sessions())
    crossing = [row for row in sessions if row["end_time"] and day(row["end_time"]) != row["dt"]]
    assert {row["region"] for row in crossing} == {"us", "ca"}
    assert len(crossing) > 50
    assert {row["dt"] for row in sessions} >= {"2026-10-31", "2026-11-01"}
    assert any(row["end_time"] is None for row in sessions)
    assert any(row["host_user_id"] is None for row in sessions)
    names = {row["user_name"] or "" for row in true_attendance()}
    assert {name[:1] for name in names} >= set("=+-@\t'\"\\")


def test_each_session_is_there_once_and_whole(lake: DuckLake) -> None:
    assert_same(lake.query("SELECT * FROM sessions"), true_sessions(), *SESSION)


def test_each_user_in_a_session_is_there_once_and_whole(lake: DuckLake) -> None:
    found = lake.query("SELECT * FROM attendance")
    assert_same(found, true_attendance(), *SESSION, "user_id")


def test_each_breakout_is_there_once_and_its_users_are_bounded(lake: DuckLake) -> None:
    key = ("region", "breakout_entry_id", "cue_point_id")
    true = {tuple(row[name] for name in key): row for row in true_breakouts()}
    found = lake.query("SELECT * FROM breakouts")
    crossing = 0
    for row in found:
        wanted = true[tuple(row[name] for name in key)]
        assert row["participants"] <= wanted["participants"] <= row["participants_at_most"]
        assert row["estimated"] == (row["first_day"] != row["last_day"])
        if row["estimated"]:
            crossing += 1
            wanted["participants"], wanted["engagement"] = row["participants"], row["engagement"]
    assert crossing > 5
    assert_same(found, true.values(), *key)


def test_the_day_of_23_hours_is_as_right(tmp_path: Path) -> None:
    term = Term(date(2026, 3, 6), date(2026, 3, 9), Size(rooms=12, attendees=5))
    term.publish(tmp_path)
    lake = DuckLake(tmp_path, ZONE.key)
    sessions = list(true_sessions(term))
    assert any(day(row["end_time"]) != row["dt"] for row in sessions if row["end_time"])
    assert any(row["dt"] == "2026-03-08" for row in sessions)
    assert_same(lake.query("SELECT * FROM sessions"), sessions, *SESSION)
    found = lake.query("SELECT * FROM attendance")
    assert_same(found, true_attendance(term), *SESSION, "user_id")


@pytest.mark.parametrize("view", ["sessions", "attendance", "breakouts"])
def test_a_day_is_the_same_alone_as_in_the_whole(lake: DuckLake, view: str) -> None:
    everything = lake.query(f"SELECT * FROM {view}")
    crossing = sorted(row["dt"] for row in everything if row["first_day"] != row["last_day"])
    for chosen in {everything[0]["dt"], crossing[0], crossing[-1]}:
        alone = lake.query(f"SELECT * FROM {view} WHERE dt = '{chosen}'")
        wanted = [row for row in everything if row["dt"] == chosen]
        assert sorted(map(repr, alone)) == sorted(map(repr, wanted))


@pytest.mark.parametrize("view", ["sessions", "attendance", "breakouts"])
def test_a_condition_on_dt_reads_that_day_and_the_next(bucket: Path, view: str) -> None:
    lake = DuckLake(bucket, ZONE.key, NOW)
    everything = lake.scan(f"SELECT * FROM {view}")
    one = lake.scan(f"SELECT * FROM {view} WHERE dt = '2026-11-01'")
    days = len(list(TERM.days()))
    assert one.files * days == everything.files
    assert one.bytes * 20 < everything.bytes
    one_region = lake.scan(f"SELECT * FROM {view} WHERE dt = '2026-11-01' AND region = 'us'")
    assert one_region.files * 2 == one.files


# ---- example queries


def since(rows: Iterable[Row], days: int) -> list[Row]:
    first = (NOW.date() - timedelta(days=days)).isoformat()
    return [row for row in rows if row["dt"] >= first]


def week(row: Row) -> str:
    local = datetime.fromtimestamp(row["start_time"], ZONE).date()
    return (local - timedelta(days=local.weekday())).isoformat()


def run(lake: DuckLake, name: str) -> list[Row]:
    (query,) = (query for query in queries() if query.name == name)
    return lake.run(query)


def grouped(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(week(row) if name == "week" else row[name] for name in names)].append(row)
    return groups


def test_attendance_per_course_and_week(lake: DuckLake) -> None:
    true = [
        {
            "week": key[0],
            "entry_id": key[1],
            "course": rows[0]["entry_name"],
            "sessions": len({row["cue_point_id"] for row in rows}),
            "people": len({row["user_id"] for row in rows} - {None}),
            "attendances": len(rows),
            "hours": sum(row["view_minutes"] for row in rows) / 60,
        }
        for key, rows in grouped(since(true_attendance(), 112), "week", "entry_id").items()
    ]
    assert_same(run(lake, "attendance-per-course-and-week"), true, "week", "entry_id")


def test_engagement_over_time(lake: DuckLake) -> None:
    true = []
    for (region, monday), rows in grouped(since(true_sessions(), 112), "region", "week").items():
        minutes = sum(row["view_minutes"] for row in rows)
        engaged = sum(row["view_minutes"] * row["engagement"] for row in rows)
        true.append(
            {
                "region": region,
                "week": monday,
                "sessions": len(rows),
                "engagement": engaged / minutes,
            }
        )
    assert_same(run(lake, "engagement-over-time"), true, "region", "week")


def test_no_shows(lake: DuckLake) -> None:
    true = [row for row in since(true_breakouts(), 28) if not row["participants"]]
    assert_same(run(lake, "no-shows"), true, "region", "cue_point_id")


def test_first_time_attendees(lake: DuckLake) -> None:
    firsts: dict[tuple[str, str], Row] = {}
    for row in since(true_attendance(), 112):
        key = (row["region"], row["user_id"])
        if row["user_id"] and (key not in firsts or row["start_time"] < firsts[key]["start_time"]):
            firsts[key] = row
    true = [
        {"region": region, "week": monday, "first_timers": len(rows)}
        for (region, monday), rows in grouped(firsts.values(), "region", "week").items()
    ]
    assert_same(run(lake, "first-time-attendees"), true, "region", "week")


def test_peak_concurrency(lake: DuckLake) -> None:
    peaks: dict[tuple[str, str], tuple[int, int]] = {}
    for (region,), rows in grouped(since(true_sessions(), 28), "region").items():
        ended = [row for row in rows if row["end_time"]]
        for moment in {row[edge] for row in ended for edge in ("start_time", "end_time")}:
            at = [row for row in ended if row["start_time"] <= moment < row["end_time"]]
            key = (region, day(moment))
            most = peaks.get(key, (0, 0))
            users = sum(row["unique_users"] for row in at)
            peaks[key] = (max(most[0], len(at)), max(most[1], users))
    true = [
        {"region": region, "day": local, "peak_sessions": most[0], "peak_users_at_most": most[1]}
        for (region, local), most in peaks.items()
    ]
    assert_same(run(lake, "peak-concurrency"), true, "region", "day")


def test_late_joiners(lake: DuckLake) -> None:
    sessions = {tuple(row[name] for name in SESSION): row for row in true_sessions()}
    true = []
    for row in since(true_attendance(), 28):
        length = sessions[tuple(row[name] for name in SESSION)]["duration_minutes"]
        if row["user_id"] and length and length - row["view_minutes"] >= length / 3:
            kept = ("region", "dt", "entry_name", "cue_point_id", "user_id", "user_name")
            missed = {"missed_minutes": length - row["view_minutes"]}
            true.append({name: row[name] for name in kept} | missed)
    assert_same(run(lake, "late-joiners"), true, "region", "cue_point_id", "user_id")


def test_top_hosts(lake: DuckLake) -> None:
    hosted = [row for row in since(true_sessions(), 28) if row["host_user_id"]]
    true = [
        {
            "region": region,
            "host_user_id": host,
            "sessions": len(rows),
            "attendances": sum(row["unique_users"] for row in rows),
            "hours": sum(row["view_minutes"] for row in rows) / 60,
        }
        for (region, host), rows in grouped(hosted, "region", "host_user_id").items()
    ]
    true.sort(key=lambda row: -row["hours"])
    found = run(lake, "top-hosts")
    assert [row["hours"] for row in found] == sorted((row["hours"] for row in found), reverse=True)
    assert_same(found, true[:25], "region", "host_user_id")


def test_retention_across_a_term(lake: DuckLake) -> None:
    weeks: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in since(true_attendance(), 112):
        if row["user_id"]:
            weeks[row["region"], row["entry_id"], row["user_id"]].add(week(row))
    people: Counter[tuple[Any, ...]] = Counter()
    for (region, room, _), came in weeks.items():
        for monday in came:
            later = (date.fromisoformat(monday) - date.fromisoformat(min(came))).days // 7
            people[region, room, min(came), later] += 1
    names = ("region", "entry_id", "first_week", "weeks_later")
    true = [{**dict(zip(names, key, strict=True)), "people": n} for key, n in people.items()]
    assert_same(run(lake, "retention-across-a-term"), true, *names)


# ---- figures that are Kaltura's own


def write(root: Path, slug: str, dt: str, *lines: str) -> None:
    folder = root / slug / "granularity=day" / "region=us" / f"dt={dt}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{slug}_us_{dt}.csv"
    path.write_text("\n".join(("header", *lines, "")), encoding="utf-8")


def start_of(hour: int) -> int:
    return int(datetime(2026, 3, 1, hour, tzinfo=UTC).timestamp())


def test_where_attendees_are_missing_kalturas_figures_stand_in_and_say_so(tmp_path: Path) -> None:
    late = f"{start_of(23)},{start_of(23) + 7200}"
    write(
        tmp_path,
        "room_data",
        "2026-03-01",
        f"1_r,Room,,1_none,{start_of(9)},0,0,7,0.25",
        f"1_r,Room,0,1_half,{late},'=cmd,5,0.5",
    )
    write(tmp_path, "room_data", "2026-03-02", f"1_r,New name,0,1_half,{late},'=cmd,4,0.8")
    write(tmp_path, "attendees", "2026-03-01", "1_r,1_half,u1,Ann,0,host,30,0.5")
    none, half = DuckLake(tmp_path).query("SELECT * FROM sessions ORDER BY start_time")
    assert (none["estimated"], none["unique_users"], none["engagement"]) == (True, 7, 0.25)
    assert (none["end_time"], none["duration_minutes"], none["view_minutes"]) == (None,) * 3
    assert (none["host_user_id"], none["parent_entry_id"]) == (None, None)
    assert (half["estimated"], half["unique_users"], half["kaltura_unique_users"]) == (True, 5, 9)
    assert (half["entry_name"], half["host_user_id"]) == ("New name", "=cmd")
    assert (half["dt"], half["first_day"], half["last_day"]) == (
        *("2026-03-01", "2026-03-01", "2026-03-02"),
    )


def test_attendees_without_their_session_are_there_on_their_own_day(tmp_path: Path) -> None:
    write(tmp_path, "attendees", "2026-03-01", "1_r,1_c,Unknown,,,0,30,0.5", "1_r,1_c,u,'-5,,x,,")
    unknown, known = DuckLake(tmp_path).query(
        "SELECT * FROM attendance ORDER BY user_id NULLS FIRST"
    )
    assert (unknown["dt"], unknown["start_time"], unknown["entry_name"]) == (
        *("2026-03-01", None, None),
    )
    assert (unknown["user_id"], unknown["user_name"], unknown["user_type"]) == (None,) * 3
    assert (known["user_name"], known["view_minutes"], known["engagement"]) == ("-5", None, None)


def test_breakouts_that_nobody_joined_are_found(tmp_path: Path) -> None:
    start = int(NOW.timestamp()) - 86400
    dt = datetime.fromtimestamp(start, UTC).date().isoformat()
    write(
        tmp_path,
        "breakout_sessions",
        dt,
        f"1_p,P,1_a,Empty,1_x,0,{start},{start + 60},60,0,0",
        f"1_p,P,1_b,Full,1_y,u,{start},{start + 60},60,3,0.5",
    )
    (empty,) = run(DuckLake(tmp_path, now=NOW), "no-shows")
    assert (empty["breakout_entry_name"], empty["initiator_user_id"]) == ("Empty", None)
