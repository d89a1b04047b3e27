"""The views over a term, compared with expected rows that are computed in Python."""

import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from local.kaltura.campus import Size
from tests.support.term import ZONE, Term
from tests.support.term_expected import (
    NOW,
    SESSION,
    TERM,
    assert_same,
    day,
    expected_attendance,
    expected_breakouts,
    expected_sessions,
)
from tests.support.world import export_key
from tools.athena.duck_athena import DuckAthena


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tmp_path_factory.mktemp("bucket")
    TERM.publish(root)
    return root


@pytest.fixture(scope="module")
def athena(bucket: Path) -> DuckAthena:
    return DuckAthena(bucket, ZONE.key, NOW, loaded=True)


def test_the_term_has_the_difficult_cases() -> None:
    sessions = list(expected_sessions())
    crossing = [row for row in sessions if row["end_time"] and day(row["end_time"]) != row["dt"]]
    assert {row["region"] for row in crossing} == {"us", "ca"}
    assert len(crossing) > 50
    assert {row["dt"] for row in sessions} >= {"2026-10-31", "2026-11-01"}
    assert any(row["end_time"] is None for row in sessions)
    assert any(row["host_user_id"] is None for row in sessions)
    names = {row["user_name"] or "" for row in expected_attendance()}
    assert {name[:1] for name in names} >= set("=+-@\t'\"\\")


def test_sessions_view_has_each_session_once(athena: DuckAthena) -> None:
    assert_same(athena.query("SELECT * FROM sessions"), expected_sessions(), *SESSION)


def test_attendance_view_has_each_user_of_a_session_once(athena: DuckAthena) -> None:
    found = athena.query("SELECT * FROM attendance")
    assert_same(found, expected_attendance(), *SESSION, "user_id")


def test_breakouts_view_has_each_breakout_once_with_bounded_participants(
    athena: DuckAthena,
) -> None:
    key = ("region", "breakout_entry_id", "cue_point_id")
    expected = {tuple(row[name] for name in key): row for row in expected_breakouts()}
    found = athena.query("SELECT * FROM breakouts")
    crossing = 0
    for row in found:
        wanted = expected[tuple(row[name] for name in key)]
        assert row["participants"] <= wanted["participants"] <= row["participants_at_most"]
        assert row["estimated"] == (row["first_day"] != row["last_day"])
        if row["estimated"]:
            crossing += 1
            wanted["participants"], wanted["engagement"] = row["participants"], row["engagement"]
    assert crossing > 5
    assert_same(found, expected.values(), *key)


def test_views_are_correct_on_a_day_of_23_hours(tmp_path: Path) -> None:
    term = Term(date(2026, 3, 6), date(2026, 3, 9), Size(rooms=12, attendees=5))
    term.publish(tmp_path)
    athena = DuckAthena(tmp_path, ZONE.key)
    sessions = list(expected_sessions(term))
    assert any(day(row["end_time"]) != row["dt"] for row in sessions if row["end_time"])
    assert any(row["dt"] == "2026-03-08" for row in sessions)
    assert_same(athena.query("SELECT * FROM sessions"), sessions, *SESSION)
    found = athena.query("SELECT * FROM attendance")
    assert_same(found, expected_attendance(term), *SESSION, "user_id")


@pytest.mark.parametrize(
    ("view", "key"),
    [
        ("sessions", SESSION),
        ("attendance", (*SESSION, "user_id")),
        ("breakouts", ("region", "breakout_entry_id", "cue_point_id")),
    ],
)
def test_one_day_has_the_same_rows_as_in_the_whole_view(
    athena: DuckAthena, view: str, key: tuple[str, ...]
) -> None:
    everything = athena.query(f"SELECT * FROM {view}")
    crossing = sorted(row["dt"] for row in everything if row["first_day"] != row["last_day"])
    for chosen in {everything[0]["dt"], crossing[0], crossing[-1]}:
        alone = athena.query(f"SELECT * FROM {view} WHERE dt = '{chosen}'")
        assert_same(alone, [row for row in everything if row["dt"] == chosen], *key)


@pytest.mark.parametrize("view", ["sessions", "attendance", "breakouts"])
def test_a_condition_on_dt_limits_the_files_read(bucket: Path, view: str) -> None:
    athena = DuckAthena(bucket, ZONE.key, NOW)
    everything = athena.scan(f"SELECT * FROM {view}")
    one = athena.scan(f"SELECT * FROM {view} WHERE dt = '2026-11-01'")
    days = len(list(TERM.days()))
    assert one.files * days == everything.files
    assert one.bytes * 20 < everything.bytes
    one_region = athena.scan(f"SELECT * FROM {view} WHERE dt = '2026-11-01' AND region = 'us'")
    assert one_region.files * 2 == one.files


def write(root: Path, slug: str, dt: str, *lines: str) -> None:
    path = root / export_key(slug, "us", dt)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("header", *lines, "")), encoding="utf-8")


def start_of(hour: int) -> int:
    return int(datetime(2026, 3, 1, hour, tzinfo=UTC).timestamp())


def test_sessions_without_attendees_are_marked_as_estimated(tmp_path: Path) -> None:
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
    none, half = DuckAthena(tmp_path).query("SELECT * FROM sessions ORDER BY start_time")
    assert (none["estimated"], none["unique_users"], none["engagement"]) == (True, 7, 0.25)
    assert (none["end_time"], none["duration_minutes"], none["view_minutes"]) == (None,) * 3
    assert (none["host_user_id"], none["parent_entry_id"]) == (None, None)
    assert (half["estimated"], half["unique_users"], half["kaltura_unique_users"]) == (True, 5, 9)
    assert (half["entry_name"], half["host_user_id"]) == ("New name", "=cmd")
    assert (half["dt"], half["first_day"], half["last_day"]) == (
        *("2026-03-01", "2026-03-01", "2026-03-02"),
    )


def test_attendees_without_a_session_are_listed_on_their_day(tmp_path: Path) -> None:
    write(tmp_path, "attendees", "2026-03-01", "1_r,1_c,Unknown,,,0,30,0.5", "1_r,1_c,u,'-5,,x,,")
    unknown, known = DuckAthena(tmp_path).query(
        "SELECT * FROM attendance ORDER BY user_id NULLS FIRST"
    )
    assert (unknown["dt"], unknown["start_time"], unknown["entry_name"]) == (
        *("2026-03-01", None, None),
    )
    assert (unknown["user_id"], unknown["user_name"], unknown["user_type"]) == (None,) * 3
    assert (known["user_name"], known["view_minutes"], known["engagement"]) == ("-5", None, None)


def test_unknown_users_share_one_row(tmp_path: Path) -> None:
    start = start_of(9)
    write(tmp_path, "room_data", "2026-03-01", f"1_r,Room,0,1_c,{start},{start + 3600},h,2,0.5")
    unknown = [f"1_r,1_c,{name},,,0,10,0.5" for name in ("Unknown", "Error", "0", "")]
    write(tmp_path, "attendees", "2026-03-01", *unknown, "1_r,1_c,u1,Ann,0,host,30,0.5")
    athena = DuckAthena(tmp_path)
    rows = athena.query("SELECT user_id, view_minutes FROM attendance ORDER BY view_minutes")
    assert rows == [
        {"user_id": "u1", "view_minutes": 30},
        {"user_id": None, "view_minutes": 40},
    ]
    (session,) = athena.query("SELECT * FROM sessions")
    assert (session["unique_users"], session["estimated"]) == (2, True)


def test_kalturas_count_of_users_is_shown_if_it_is_larger(tmp_path: Path) -> None:
    start = start_of(9)
    write(
        tmp_path,
        "room_data",
        "2026-03-01",
        f"1_r,Guests,0,1_c,{start},{start + 3600},h,9,0.5",
        f"1_r,Known,0,1_d,{start + 3600},{start + 7200},h,1,0.5",
        f"1_r,More,0,1_e,{start + 7200},{start + 9000},h,3,0.5",
    )
    write(
        tmp_path,
        "attendees",
        "2026-03-01",
        "1_r,1_c,Unknown,,,0,80,0.25",
        "1_r,1_c,u1,Ann,0,host,30,0.25",
        *(f"1_r,{session},{user},,,,5,0.25" for session in ("1_d", "1_e") for user in ("u", "v")),
    )
    found = DuckAthena(tmp_path).query(
        "SELECT unique_users, estimated, engagement FROM sessions ORDER BY start_time"
    )
    assert [tuple(row.values()) for row in found] == [
        *((9, True, 0.25), (2, False, 0.25), (3, True, 0.25)),
    ]


def test_a_user_with_and_without_the_apostrophe_is_one(tmp_path: Path) -> None:
    late = f"{start_of(23)},{start_of(23) + 7200}"
    for dt, user in (("2026-03-01", "=x"), ("2026-03-02", "'=x")):
        write(tmp_path, "room_data", dt, f"1_r,Room,0,1_c,{late},h,1,0.5")
        write(tmp_path, "attendees", dt, f"1_r,1_c,{user},Ann,0,host,30,0.5")
    athena = DuckAthena(tmp_path)
    assert athena.query("SELECT user_id, view_minutes FROM attendance") == [
        {"user_id": "=x", "view_minutes": 60}
    ]
    (session,) = athena.query("SELECT unique_users, estimated FROM sessions")
    assert session == {"unique_users": 1, "estimated": False}


@pytest.mark.parametrize("retired", [".csv", ".csv.gz"])
def test_a_retired_object_adds_no_rows(tmp_path: Path, retired: str) -> None:
    start = start_of(9)
    write(tmp_path, "room_data", "2026-03-01", f"1_r,Room,0,1_c,{start},{start + 3600},h,1,0.5")
    write(tmp_path, "attendees", "2026-03-01", "1_r,1_c,u1,Ann,0,host,30,0.5")
    for slug in ("room_data", "attendees"):
        key = tmp_path / export_key(slug, "us", "2026-03-01")
        if retired == ".csv":
            key.with_suffix(".csv.gz").write_bytes(gzip.compress(key.read_bytes()))
            key.write_bytes(b"")
        else:
            key.with_suffix(".csv.gz").write_bytes(b"")
    athena = DuckAthena(tmp_path)
    assert len(athena.query("SELECT * FROM attendance")) == 1
    assert len(athena.query("SELECT * FROM sessions")) == 1


def test_minutes_without_engagement_have_no_weight(tmp_path: Path) -> None:
    start = start_of(9)
    write(tmp_path, "room_data", "2026-03-01", f"1_r,Room,0,1_c,{start},{start + 3600},h,2,0.5")
    write(
        tmp_path,
        "attendees",
        "2026-03-01",
        "1_r,1_c,u1,Ann,0,host,30,0.5",
        "1_r,1_c,u2,Bob,0,attendee,30,",
    )
    (session,) = DuckAthena(tmp_path).query("SELECT * FROM sessions")
    assert (session["engagement"], session["view_minutes"]) == (0.5, 60)
