"""The quality checks over real runs: a history, and then a day from which something is missing."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from local.kaltura.campus import Size
from local.kaltura.faults import Fault
from local.kaltura.truth import Filters, Row, Truth
from room_reports.model.day_files import DayFile, finding_codes, format_rows, parse_rows
from room_reports.model.findings import CODES
from room_reports.storage.keys import day_index_key
from room_reports.telemetry import metrics
from tests.support.emf import emf_metrics
from tests.support.world import SLUGS, Result, World

DAY = "2026-09-16"
EVENT = {"from": DAY, "to": "2026-09-17", "force": True}
ACKNOWLEDGED = "reference/acknowledged/closures.csv"
ROOMS, USERS, BREAKOUTS = 6000, 6001, 6002
Damage = Callable[[int, list[Row]], list[Row]]


@dataclass(frozen=True)
class DamagedTruth:
    """The truth about a university, from which something is missing."""

    truth: Truth
    damage: Damage

    def rows(
        self,
        report: int,
        start: int,
        end: int,
        *,
        filters: Filters | None = None,
        as_of: float | None = None,
    ) -> list[Row]:
        """Return the rows that are left."""
        rows = self.truth.rows(report, start, end, filters=filters, as_of=as_of)
        return self.damage(report, rows)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Return a world with seven weeks of exports before the day."""
    with World(size=Size(rooms=90, attendees=6)) as world:
        result = world.run({"from": "2026-07-29", "to": DAY})
        assert world.latest_run_record()["quality"] == []
        assert len(result["exported"]) == 3 * 49
        yield world


def export_damaged(world: World, damage: Damage) -> Result:
    """Export the day with some damage; return the run record."""
    server = world.regions["us"]
    api = server.api
    server.api = replace(api, truth=DamagedTruth(server.truth, damage))
    try:
        world.now += timedelta(minutes=10)
        world.run(EVENT)
    finally:
        server.api = api
    return world.latest_run_record()


def rows_in_the_index(world: World, dt: str = DAY) -> dict[str, DayFile]:
    text = world.item(day_index_key("us", dt[:7])).body.decode()
    return {row.report: row for row in parse_rows(text).values() if row.dt == dt}


def codes_in_the_index(world: World, dt: str = DAY) -> dict[str, set[str]]:
    return {
        report: finding_codes(row.findings) | finding_codes(row.other_findings)
        for report, row in rows_in_the_index(world, dt).items()
    }


def test_what_a_run_without_time_for_the_index_exports_is_told_by_the_next() -> None:
    with World(size=Size(rooms=90, attendees=6)) as world:
        world.run({"from": "2026-08-12", "to": DAY})
        server = world.regions["us"]
        server.api = replace(server.api, truth=DamagedTruth(server.truth, few_attendees))
        event = {"from": DAY, "to": "2026-09-17"}
        world.run(event, world.deadline(29))
        assert world.latest_run_record()["exported"]
        told = [world.latest_run_record()["quality"]]
        for _ in range(2):
            world.now += timedelta(hours=1)
            world.run(event)
            told.append(world.latest_run_record()["quality"])
    codes = [{each["code"] for each in quality} for quality in told]
    assert codes == [set(), {"FEW_ATTENDEES", "UNKNOWN_USERS"}, set()]


def nothing(_report: int, rows: list[Row]) -> list[Row]:
    return rows


def lost_day(_report: int, _rows: list[Row]) -> list[Row]:
    return []


def without_attendees_of_a_session(report: int, rows: list[Row]) -> list[Row]:
    return [row for row in rows if report != USERS or row[1] != rows[0][1]]


def without_a_session(report: int, rows: list[Row]) -> list[Row]:
    return rows[1:] if report == ROOMS else rows


def not_the_same_sessions(report: int, rows: list[Row]) -> list[Row]:
    """Lose a session of each report: the numbers stay equal."""
    if report == ROOMS:
        return rows[1:]
    return [row for row in rows if report != USERS or row[1] != rows[-1][1]]


def few_attendees(report: int, rows: list[Row]) -> list[Row]:
    first = {row[1]: row for row in reversed(rows)}
    return list(first.values()) if report == USERS else rows


def few_minutes(report: int, rows: list[Row]) -> list[Row]:
    if report != USERS:
        return rows
    return [(*row[:6], str(float(row[6]) / 4), *row[7:]) for row in rows]


def unknown_users(report: int, rows: list[Row]) -> list[Row]:
    """Forget every other user: all unknown users of a session are one row."""
    if report != USERS:
        return rows
    known = {tuple(row[:3]): row for row in rows[::2]}
    unknown = {tuple(row[:2]): (*row[:2], "Unknown", *row[3:]) for row in rows[1::2]}
    left = {key: row for key, row in known.items() if row[2] != "Unknown"}
    return [*left.values(), *unknown.values()]


def other_form(report: int, rows: list[Row]) -> list[Row]:
    if report != USERS:
        return rows
    return [(*row[:2], str(uuid.uuid5(uuid.NAMESPACE_DNS, row[2])), *row[3:]) for row in rows]


def repeated(report: int, rows: list[Row]) -> list[Row]:
    known = next(row for row in rows if row[2] not in ("0", "Unknown"))
    return [*rows, known] if report == USERS else rows


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (nothing, {}),
        (
            lost_day,
            {slug: {"FEW_SESSIONS"} for slug in SLUGS},
        ),
        (without_attendees_of_a_session, {"attendees": {"SESSIONS_WITHOUT_ATTENDEES"}}),
        (without_a_session, {"room_data": {"ATTENDEES_WITHOUT_SESSION"}}),
        (
            not_the_same_sessions,
            {
                "attendees": {"SESSIONS_WITHOUT_ATTENDEES"},
                "room_data": {"ATTENDEES_WITHOUT_SESSION"},
            },
        ),
        # Kaltura counted the others.
        (few_attendees, {"attendees": {"FEW_ATTENDEES", "UNKNOWN_USERS"}}),
        (few_minutes, {"attendees": {"FEW_MINUTES"}}),
        (unknown_users, {"attendees": {"UNKNOWN_USERS"}}),
        (other_form, {"attendees": {"USER_ID_FORM"}}),
        (repeated, {"attendees": {"DUPLICATE_KEYS"}}),
    ],
)
def test_what_is_missing_is_found(
    world: World, damage: Damage, expected: dict[str, set[str]]
) -> None:
    record = export_damaged(world, damage)
    found: dict[str, set[str]] = {}
    for finding in record["quality"]:
        assert (finding["region"], finding["granularity"]) == ("us", "day")
        assert finding["start"] == DAY
        assert finding["code"] in CODES
        assert finding["text"]
        assert "|" not in finding["text"]
        found.setdefault(finding["report"], set()).add(finding["code"])
    assert found == expected
    in_index = {report: codes for report, codes in codes_in_the_index(world).items() if codes}
    assert in_index == expected


def test_a_finding_is_counted_once(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    export_damaged(world, nothing)
    counted = []
    for _ in range(3):
        capsys.readouterr()
        metrics.clear_metrics()
        assert len(export_damaged(world, repeated)["quality"]) == 1
        metrics.flush_metrics()
        counted.append(findings_counted(capsys.readouterr().out))
    assert counted == [1, 0, 0]


def findings_counted(out: str) -> float:
    name = "QualityFindings"
    assert any(name in names for names in emf_metrics(out).values())
    value = out.partition(f'"{name}":[')[2].partition("]")[0]
    return float(value)


def test_files_that_are_not_final_and_filters_that_differ_are_not_compared() -> None:
    with World(size=Size(rooms=20, attendees=3)) as world:
        # The day before has ended and not settled: attendees may come later.
        world.regions["us"].faults.push(Fault("header_only", times=1, report=USERS))
        world.run_scheduled()
        assert world.latest_run_record()["quality"] == []
        world.environment["REPORT_FILTERS"] = '{"attendees": {"user_ids": ["no-such-user"]}}'
        world.now += timedelta(days=5)
        world.run({"from": "2026-09-14", "to": "2026-09-16", "force": True})
        assert world.latest_run_record()["quality"] == []
        world.environment["REPORT_FILTERS"] = "{}"
        world.regions["us"].faults.push(Fault("header_only", times=1, report=USERS))
        world.run({"from": "2026-09-15", "to": "2026-09-16", "force": True})
        (finding,) = world.latest_run_record()["quality"]
        assert finding["code"] == "SESSIONS_WITHOUT_ATTENDEES"


def test_hours_are_checked_for_duplicate_keys_only() -> None:
    with World(size=Size(rooms=20, attendees=3), variables={"GRANULARITIES": "hour"}) as world:
        server = world.regions["us"]
        server.api = replace(
            server.api,
            truth=DamagedTruth(
                server.truth, lambda report, rows: rows + rows if report == ROOMS else rows
            ),
        )
        world.run({"from": DAY, "to": "2026-09-17"})
        found = world.latest_run_record()["quality"]
        assert found
        assert {(each["code"], each["report"], each["granularity"]) for each in found} == {
            ("DUPLICATE_KEYS", "room_data", "hour")
        }


def acknowledge(world: World, *lines: str) -> None:
    body = "".join(f"{line}\n" for line in ("code,region,from,to,reason", *lines))
    world.s3.store.put(ACKNOWLEDGED, body.encode(), {}, {})


@pytest.fixture
def acknowledging(world: World) -> Iterator[World]:
    """Yield the world, and leave the day as it is without damage, and nothing acknowledged."""
    export_damaged(world, nothing)
    yield world
    acknowledge(world)
    export_damaged(world, nothing)


def test_a_closure_that_was_acknowledged_before_raises_no_alarm(
    acknowledging: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world = acknowledging
    acknowledge(world, f"FEW_SESSIONS,,{DAY},2026-09-17,Yom Kippur")
    capsys.readouterr()
    metrics.clear_metrics()
    record = export_damaged(world, lost_day)
    metrics.flush_metrics()
    assert findings_counted(capsys.readouterr().out) == 0
    assert {each["code"] for each in record["quality"]} == {"FEW_SESSIONS"}
    for finding in record["quality"]:
        assert finding["acknowledged"] == "Yom Kippur"
        assert finding["text"].endswith("; acknowledged: Yom Kippur")
    for row in rows_in_the_index(world).values():
        assert (row.findings, row.other_findings) == ("", "")
        assert finding_codes(row.acknowledged) == {"FEW_SESSIONS"}


def test_what_is_acknowledged_later_leaves_the_findings_and_comes_back(
    acknowledging: World,
) -> None:
    world = acknowledging
    export_damaged(world, other_form)
    before = rows_in_the_index(world)["attendees"]
    assert finding_codes(before.findings) == {"USER_ID_FORM"}
    requests = [
        f"USER_ID_FORM,us,{DAY},2026-09-17,LTI 1.3",
        f"USER_ID_FORM,eu,{DAY},2026-09-17,another region",
        f"FEW_MINUTES,,{DAY},2026-09-17,another code",
        "USER_ID_FORM,us,2026-09-17,2026-09-18,another day",
        f"USER_ID_FORM,us,{DAY},,without an end",
        "nonsense",
    ]
    for lines, reason in ((requests[:1], "LTI 1.3"), (requests[1:], None), ([], None)):
        acknowledge(world, *lines)
        result = world.run({"from": DAY, "to": "2026-09-17"})
        assert result["exported"] == []
        row = rows_in_the_index(world)["attendees"]
        if reason:
            assert row.findings == ""
            assert row.acknowledged == f"{before.findings}; acknowledged: {reason}"
            assert row.last_modified == before.last_modified
        else:
            assert row == before


def test_a_few_sessions_do_not_make_attendance_undecided(acknowledging: World) -> None:
    export_damaged(acknowledging, lost_day)
    assert {row.findings for row in rows_in_the_index(acknowledging).values()} == {""}


def test_acknowledgements_that_cannot_be_read_change_nothing(acknowledging: World) -> None:
    world = acknowledging
    acknowledge(world, f"USER_ID_FORM,us,{DAY},2026-09-17,LTI 1.3")
    export_damaged(world, other_form)
    acknowledged = rows_in_the_index(world)["attendees"]
    assert acknowledged.acknowledged
    world.s3.fault = lambda _, key: "AccessDenied" if key.startswith("reference/") else None
    try:
        world.run({"from": DAY, "to": "2026-09-17"})
    finally:
        world.s3.fault = lambda _method, _key: None
    assert rows_in_the_index(world)["attendees"] == acknowledged


def test_a_change_that_lasts_is_found_on_each_day_and_is_no_usual() -> None:
    """Eight days after it, all of them exported in one run."""
    with World(size=Size(rooms=90, attendees=6)) as world:
        world.run({"from": "2026-08-20", "to": "2026-09-08"})
        server = world.regions["us"]
        server.api = replace(server.api, truth=DamagedTruth(server.truth, other_form))
        world.run({"from": "2026-09-08", "to": "2026-09-16"})
        found = world.latest_run_record()["quality"]
        days = {f"2026-09-{day:02}" for day in range(8, 16)}
        with_users = {dt for dt in days if int(rows_in_the_index(world, dt)["attendees"].rows) > 60}
        assert len(with_users) >= 5
        assert {each["start"] for each in found if each["code"] == "USER_ID_FORM"} >= with_users


def test_reports_that_were_not_compared_are_compared_later() -> None:
    """As when two runs at once have written one of them each."""
    with World(size=Size(rooms=20, attendees=3)) as world:
        world.run({"from": DAY, "to": "2026-09-17"})
        key = day_index_key("us", DAY[:7])
        rows = {k: replace(row, unpaired="") for k, row in parse_rows(text_of(world, key)).items()}
        world.s3.store.put(key, format_rows(rows), {}, {})
        world.s3.requests.clear()
        heads = []
        for _ in range(3):
            world.s3.requests.clear()
            world.run({"from": DAY, "to": "2026-09-17"})
            heads.append(sum(method == "HEAD" for method, _ in world.s3.requests))
        assert (heads[0] - heads[1], heads[1] - heads[2]) == (2, 0)
        unpaired = {row.report: row.unpaired for row in parse_rows(text_of(world, key)).values()}
        assert unpaired == {"attendees": "0", "room_data": "0", "breakout_sessions": ""}


def text_of(world: World, key: str) -> str:
    return world.item(key).body.decode()


def test_a_file_that_is_mended_clears_the_finding_of_the_other() -> None:
    with World(size=Size(rooms=20, attendees=3)) as world:
        world.regions["us"].faults.push(Fault("header_only", times=1, report=USERS))
        world.run({"from": DAY, "to": "2026-09-17"})
        assert codes_in_the_index(world)["attendees"] == {"SESSIONS_WITHOUT_ATTENDEES"}
        assert rows_in_the_index(world)["room_data"].unpaired != "0"
        world.run({**EVENT, "reports": ["attendees"]})
        assert codes_in_the_index(world)["attendees"] == set()
        assert rows_in_the_index(world)["room_data"].unpaired == "0"
