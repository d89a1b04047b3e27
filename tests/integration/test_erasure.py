"""room-reports forget on a small world: what is left, and that it ends the same after any stop."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from room_reports.errors import RoomReportsError
from room_reports.model.pseudonyms import Pseudonyms
from room_reports.model.reports import ATTENDEES
from room_reports.model.suppression import SUPPRESSION_KEY, Rows, ValueHash, parse_list
from room_reports.storage.bucket import Bucket
from room_reports_command.erasure.command import check_key, check_other_ids
from room_reports_command.erasure.copy import LEFT_OUT, copy_of, write_copy
from room_reports_command.erasure.elsewhere import look_elsewhere
from room_reports_command.erasure.limits import limits_document, limits_lines
from room_reports_command.erasure.places import Kind
from room_reports_command.erasure.reader_list import keys_of
from room_reports_command.erasure.record import record_json, record_of, record_text
from room_reports_command.erasure.subject import subject_of
from room_reports_command.errors import InputError, StackError
from tests.support.backfill import Backfill
from tests.support.erasure import (
    FORCED,
    KEY,
    TOKEN,
    ErasureWorld,
    expected_lines,
    latest,
    lines_of,
)
from tests.support.exporter import s3_client
from tests.support.extent import extent
from tests.support.privacy import found

PSEUDONYM_KEY = bytes(range(32))
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["none", "gzip"])
def made(request: pytest.FixtureRequest) -> Iterator[ErasureWorld]:
    with ErasureWorld({"COMPRESSION": request.param}) as world:
        yield world


@pytest.mark.parametrize("rows", list(Rows))
def test_the_person_is_nowhere_and_other_rows_stay_byte_for_byte(
    made: ErasureWorld, rows: Rows
) -> None:
    before = made.snapshot()
    assert found(made.victim.values, made.stored()) == made.victim.values
    outcome = made.forget(rows)
    after = made.snapshot()
    assert found(made.victim.values, made.stored()) == set()
    old, new = latest(before[0]), latest(after[0])
    assert old.keys() == new.keys()
    changed = 0
    for key, item in old.items():
        expected = expected_lines(key, lines_of(item), made.victim, rows)
        assert lines_of(new[key]) == expected, key
        changed += expected != lines_of(item)
        if expected == lines_of(item):
            assert new[key] == item
    reports = [each for each in outcome.survey.found if each.place.kind is Kind.REPORT]
    assert changed == sum(each.version.is_latest for each in reports) > 0
    assert outcome.verify_after is None
    assert [each.found for each in outcome.sweeps][-1] == 0
    assert set(after[1]) == {"c.csv"}
    assert "quarantine/dt=2026-09-19/run/attendees_us_x.json" in after[0]
    assert "pieces/attendees_us_2026-09-19/4567" in after[0]
    assert b"other" in after[0]["reference/rosters/a.csv"][-1].body
    assert parse_list(after[0][SUPPRESSION_KEY][-1].body).people == (outcome.person,)


@pytest.mark.parametrize("rows", list(Rows))
def test_the_exporter_publishes_the_same_from_then_on(made: ErasureWorld, rows: Rows) -> None:
    made.forget(rows)
    erased = latest(made.snapshot()[0])
    made.world.now += 10 * MINUTE
    result = made.world.run(FORCED)
    assert not result["failed"]
    exported = latest(made.snapshot()[0])
    for key, item in exported.items():
        assert lines_of(item) == lines_of(erased[key]), key
        left = {"exported-at", "run-id", "state"}
        assert {name: value for name, value in item.metadata.items() if name not in left} == {
            name: value for name, value in erased[key].metadata.items() if name not in left
        }, key
    for _ in range(3):
        made.world.now += timedelta(days=1)
        made.world.run_scheduled()
    assert found(made.victim.values, made.stored()) == set()
    assert made.procedure().find().found == []


@pytest.mark.parametrize(("rows", "compression"), [(Rows.KEEP, "gzip"), (Rows.REMOVE, "none")])
def test_after_days_of_runs_the_person_is_nowhere_and_others_are_untouched(
    rows: Rows, compression: str
) -> None:
    """Another world with the same days, and without the erasure, says what others must have."""
    variables = {"COMPRESSION": compression, "SAMPLE_DAYS": "2"}
    with ErasureWorld(variables) as made, ErasureWorld(variables) as other:
        made.forget(rows)
        other.world.now = made.world.now
        began = made.world.now
        days = extent(8, 30)
        since = {"from": f"{began:%Y-%m-%d}", "to": f"{began + timedelta(days=days):%Y-%m-%d}"}
        past = {"from": f"{began - timedelta(days=30):%Y-%m-%d}", "to": f"{began:%Y-%m-%d}"}
        for each in (made, other):
            for _ in range(days):
                each.world.now += timedelta(days=1)
                assert not each.world.run_scheduled()["failed"]
            each.world.run({**since, "force": True})
            assert Backfill(each.world).run(past)["failures"] == []
            each.world.run({**past, "force": True})
        assert found(made.victim.values, made.stored()) == set()
        assert made.procedure().find().found == []
        plain, erased = latest(other.snapshot()[0]), latest(made.snapshot()[0])
        assert plain.keys() == erased.keys()
        lines = {key: lines_of(item) for key, item in plain.items()}
        expected = {
            key: expected_lines(key, each, made.victim, rows) for key, each in lines.items()
        }
        assert {key: lines_of(item) for key, item in erased.items()} == expected
        assert sum(expected[key] != lines[key] for key in lines) > 10
        # The search finds people: it does where they were not erased.
        assert found(other.victim.values, other.stored()) == made.victim.values


def contents(world: ErasureWorld) -> list[dict[str, list[tuple[bytes, dict[str, str]]]]]:
    return [
        {key: [(item.body, dict(item.metadata)) for item in held] for key, held in versions.items()}
        for versions in world.snapshot()
    ]


@pytest.mark.parametrize("rows", list(Rows))
def test_stopped_at_any_write_it_ends_the_same(rows: Rows) -> None:
    with ErasureWorld() as made:
        start, now = made.snapshot(), made.world.now
        writes: list[str] = []
        servers = (made.world.s3, made.results)

        def stop_at(number: int, fault: str) -> None:
            writes.clear()

            def judge(method: str, key: str) -> str | None:
                if len(writes) > number:
                    return "AccessDenied"
                if method not in ("PUT", "DELETE"):
                    return None
                writes.append(key)
                return fault if len(writes) > number else None

            for server in servers:
                server.fault = judge

        def carry_out() -> None:
            made.forget(rows, made.procedure(attempts=1, threads=1))

        stop_at(10**6, "lost")
        carry_out()
        expected, total = contents(made), len(writes)
        assert total > 20
        # Which rows are left out changes nothing about the steps.
        for number in range(0, total, extent(3, 1) if rows is Rows.KEEP else extent(12, 4)):
            for fault in ("AccessDenied", "lost"):
                made.restore(start)
                made.world.now = now
                stop_at(number, fault)
                with pytest.raises((RoomReportsError, ClientError, BotoCoreError, StackError)):
                    carry_out()
                assert len(writes) == number + 1
                stop_at(10**6, fault)
                made.world.now = now
                carry_out()
                assert contents(made) == expected, (number, fault)


def test_a_run_that_began_before_is_waited_for(made: ErasureWorld) -> None:
    before = made.snapshot()[0]
    key, item = next(
        (key, item) for key, item in latest(before).items() if found({made.victim.id}, [item.body])
    )
    published: list[timedelta] = []
    began = made.world.now

    def sleep(seconds: float) -> None:
        made.sleep(seconds)
        if not published and made.world.now > began + 14 * MINUTE:
            published.append(made.world.now - began)
            made.world.s3.store.put(key, item.body, item.metadata, item.headers)

    outcome = made.forget(procedure=made.procedure(sleep))
    assert published
    assert [bool(each.found) for each in outcome.sweeps] == [True, False]
    assert outcome.sweeps[0].began >= outcome.person.since + 15 * MINUTE
    assert found(made.victim.values, made.stored()) == set()


def test_without_waiting_it_says_when_to_verify(made: ErasureWorld) -> None:
    outcome = made.forget(wait=False)
    assert outcome.verify_after == outcome.person.since + 15 * MINUTE
    record = record_of(outcome, made.subject(), "stack", "arn:operator")
    assert record["status"] == "to be verified"
    assert "forget --verify" in record_text(record)


def test_a_file_that_is_exported_meanwhile_is_read_again(made: ErasureWorld) -> None:
    store = made.world.s3.store
    raced: set[str] = set()

    def race(method: str, key: str) -> str | None:
        if method == "PUT" and "granularity" in key and key not in raced:
            raced.add(key)
            item = store.get(key)
            assert item
            store.put(key, item.body + b"", {**item.metadata, "run-id": "another"}, item.headers)
            if not key.endswith(".gz"):
                store.put(key, item.body + item.body.split(b"\n")[1] + b"\n", {}, {})
        return None

    made.world.s3.fault = race
    outcome = made.forget()
    assert raced
    assert len(outcome.erased.rewritten) >= len(raced)
    assert found(made.victim.values, made.stored()) == set()


@pytest.mark.parametrize("written", ["copy", "clean", "empty", "removed"])
def test_a_version_that_was_the_latest_when_it_was_found_is_deleted(
    made: ErasureWorld, written: str
) -> None:
    """Another program writes the key between the search and the rewriting, hours after the file."""
    store = made.world.s3.store
    made.world.now += timedelta(hours=3)
    steps, began = made.procedure(), made.world.now
    survey = steps.find()
    key, item = next(
        (key, item)
        for key, item in latest(made.snapshot()[0]).items()
        if key.startswith("attendees/") and found({made.victim.id}, [item.body])
    )
    made.world.now += MINUTE
    if written == "removed":
        store.add_marker(key)
    else:
        clean = "\n".join(expected_lines(key, lines_of(item), made.victim, Rows.REMOVE)).encode()
        bodies = {
            "copy": item.body,
            "empty": b"",
            "clean": gzip.compress(clean) if key.endswith(".gz") else clean,
        }
        store.put(key, bodies[written], item.metadata, item.headers)
    outcome = steps.erase(survey, began, ValueHash(KEY), Rows.KEEP, wait=True)
    assert found(made.victim.values, made.stored()) == set()
    assert record_of(outcome, made.subject(), "stack", "arn")["status"] == "done"
    assert made.procedure().find().found == []


@pytest.mark.parametrize("stopped", [False, True])
def test_a_file_that_was_due_is_exported_again_with_late_rows_of_others(
    made: ErasureWorld, *, stopped: bool
) -> None:
    """Files that were due settle all the same, also if the erasure is stopped after its writes."""
    key, late = settling_file_without_a_row_of_another(made)
    made.world.now += timedelta(days=2)
    made.may_invoke = not stopped
    outcome = made.forget(wait=False)
    if stopped:
        record = record_of(outcome, made.subject(), "stack", "arn")
        assert record["status"] == "incomplete"
        assert "room-reports backfill --from 2026-09-1" in record_text(record)
        assert lines_of(latest(made.snapshot()[0])[key]).count(late) == 0
        made.may_invoke = True
        made.world.now += MINUTE
        outcome = made.forget(wait=False)
    assert outcome.exported_again > 0
    assert outcome.to_export == []
    item = latest(made.snapshot()[0])[key]
    assert item.metadata["state"] == "settled"
    assert lines_of(item).count(late) == 1
    assert found(made.victim.values, made.stored()) == set()
    states = {item.metadata["state"] for item in latest(made.snapshot()[0]).values()}
    made.world.now += MINUTE
    made.world.run_scheduled()
    assert made.forget(wait=False).exported_again == 0
    assert "settled" in states


def settling_file_without_a_row_of_another(made: ErasureWorld) -> tuple[str, str]:
    """Take a row of another person out of a file that has still to settle, and return both."""
    key, item = next(
        (key, item)
        for key, item in latest(made.snapshot()[0]).items()
        if "attendees_us_2026-09-19" in key
    )
    assert item.metadata["state"] == "settling"
    lines = lines_of(item)
    kept = expected_lines(key, lines, made.victim, Rows.REMOVE)
    late = next(line for line in kept[1:] if line)
    body = "\n".join(line for line in lines if line != late).encode()
    metadata = {**item.metadata, "sha256": sha256(body).hexdigest()}
    body = gzip.compress(body) if key.endswith(".gz") else body
    made.world.s3.store.put(key, body, metadata, item.headers)
    return key, late


def test_another_id_with_the_address_is_named_before_anything_is_erased(
    made: ErasureWorld,
) -> None:
    """The id is learnt from the rows that have both, and these have neither afterwards."""
    steps = made.procedure()
    by_address = replace(steps, subject=subject_of((made.victim.email,), None))
    before = contents(made)
    survey = by_address.find()
    assert survey.other_ids == {made.victim.id}
    with pytest.raises(InputError, match=made.victim.id):
        check_other_ids(survey, ["another"])
    check_other_ids(survey, [made.victim.id.upper()])
    check_other_ids(steps.find(), [])
    assert contents(made) == before


def test_a_pseudonym_of_a_spelling_that_files_have_is_found() -> None:
    """Files of before have the address as Kaltura had it, and a later one its pseudonym."""
    with ErasureWorld() as made:
        made.pseudonyms = Pseudonyms(PSEUDONYM_KEY)
        local, _, domain = made.victim.email.partition("@")
        odd = f"{local[:1]}{local[1:].upper()}@{domain[:2].upper()}{domain[2:]}"
        header = ",".join(column.name for column in ATTENDEES.columns)
        put = made.world.s3.store.put
        for day, address in (("01", odd), ("02", made.pseudonyms.of(odd))):
            key = f"attendees/granularity=day/region=us/dt=2020-01-{day}/attendees_us_2020-01-{day}"
            put(f"{key}.csv", f"{header}\nr,c,0,,{address},host,1,1\n".encode(), {}, {})
        steps, survey = made.procedure().find_with(made.pseudonyms)
        made.forget(procedure=steps)
        assert found({odd, made.pseudonyms.of(odd)}, made.stored()) == set()
        assert sum("dt=2020-01-0" in each.version.key for each in survey.found) == 2


def test_pseudonyms_of_the_person_are_found() -> None:
    privacy = ",".join(
        f"attendees.{name}=pseudonym" for name in ("user_id", "user_name", "user_email")
    )
    with ErasureWorld({"PRIVACY_COLUMNS": privacy}, PSEUDONYM_KEY) as made:
        assert made.pseudonyms
        victim = made.victim
        values = {made.pseudonyms.of(value) for value in victim.values}
        before = latest(made.snapshot()[0])
        assert found(values, made.stored()) == values
        made.forget(Rows.REMOVE)
        assert found(values, made.stored()) == set()
        for key, item in latest(made.snapshot()[0]).items():
            lines = lines_of(before[key])
            assert lines_of(item) == expected_lines(key, lines, victim, Rows.REMOVE, values)
        erased = latest(made.snapshot()[0])
        made.world.run(FORCED)
        for key, item in latest(made.snapshot()[0]).items():
            assert lines_of(item) == lines_of(erased[key]), key


def test_pseudonyms_of_another_key_are_counted_as_left() -> None:
    privacy = ",".join(
        f"attendees.{name}=pseudonym" for name in ("user_id", "user_name", "user_email")
    )
    with ErasureWorld({"PRIVACY_COLUMNS": privacy}, PSEUDONYM_KEY) as made:
        files = sum(key.startswith("attendees/") for key in latest(made.snapshot()[0]))
        made.pseudonyms = Pseudonyms(bytes(range(1, 33)))
        record = record_of(made.forget(), made.subject(), "stack", "arn")
        assert record["status"] == "incomplete"
        assert record["other_keys"]["files"] == files > 0
        assert "other_privacy" in record_text(record)
    with pytest.raises(InputError, match="lost the key abc"):
        check_key(None, "abc")
    check_key(made.pseudonyms, "abc")
    check_key(None, None)


def test_a_roster_that_is_not_understood_is_left(made: ErasureWorld) -> None:
    put = made.world.s3.store.put
    put("reference/rosters/b.csv", f"student\n{made.victim.id}\n".encode(), {}, {})
    put("reference/rosters/c.csv", b"student\nanother\n", {}, {})
    record = record_of(made.forget(), made.subject(), "stack", "arn")
    assert record["status"] == "incomplete"
    assert record["left"] == ["reference/rosters/b.csv"]


def test_what_is_not_searched_is_said(made: ErasureWorld) -> None:
    put = made.world.s3.store.put
    put(f"{made.victim.email}/a.csv", b"x", {}, {})
    holder = f"key_id,name,created_at,expires_at,revoked_at\nabc,{made.victim.email},,,\n"
    put("readers/readers.csv", holder.encode(), {}, {})
    survey = made.procedure().find()
    assert survey.unsearched["other objects"] == 1
    assert survey.unsearched["list of readers"] == 1
    assert survey.unsearched["run records"] > 0
    survey.reader_keys = keys_of(Bucket(s3_client(made.world.s3.url, 5), "bucket"), made.subject())
    header = ",".join((made.victim.id, made.victim.name))
    put("runs/dt=2026-09-20/x.json", json.dumps({"error": header}).encode(), {}, {})
    put("backfill/x", b"PAR1", {}, {})
    before = made.snapshot()
    look_elsewhere(made.buckets()[0], made.subject(), survey, lambda *_: None)
    assert made.snapshot() == before
    assert survey.elsewhere == {"list of readers": 1, "run records": 1}
    assert survey.unsearched == {"documents of backfills": 1}
    text = "\n".join(limits_lines(limits_document(survey)))
    assert "1 API key" in text
    assert "run records: 1 version" in text
    assert found(made.victim.values, [text.encode()]) == set()


def test_the_report_has_no_name(made: ErasureWorld) -> None:
    outcome = made.forget()
    record = record_of(outcome, made.subject(), "stack", "arn:operator")
    texts = [record_json(record).encode(), record_text(record).encode()]
    assert found(made.victim.values, texts) == set()
    assert record["status"] == "done"
    assert record["token"] == TOKEN
    assert json.loads(texts[0])["done"]["files_rewritten"] > 2
    kinds = {each["kind"] for each in record["found"]}
    assert kinds == {"report", "piece", "quarantine", "roster", "query result"}


def test_forgetting_again_changes_nothing(made: ErasureWorld) -> None:
    first = made.forget()
    before = contents(made)
    made.world.now += timedelta(days=1)
    again = made.forget()
    assert again.was_listed
    assert (again.person, again.survey.found, again.sweeps) == (first.person, [], [])
    assert contents(made) == before


def test_a_list_of_another_key_is_refused(made: ErasureWorld) -> None:
    made.forget()
    with pytest.raises(StackError, match="was made with the key"):
        made.procedure().store.find(made.subject(), ValueHash(bytes(32)))


def test_a_copy_has_the_rows_of_the_person_alone(made: ErasureWorld, tmp_path: Path) -> None:
    copy = copy_of(made.buckets()[0], made.subject(), lambda *_: None)
    before = latest(made.snapshot()[0])
    expected = sum(
        len(lines_of(item)) - len(expected_lines(key, lines_of(item), made.victim, Rows.REMOVE))
        for key, item in before.items()
        if key.startswith("attendees/")
    )
    assert len(copy.tables["attendees"]) == expected > 1
    assert {row["user_id"] for row in copy.tables["attendees"]} == {made.victim.id}
    assert [row["course_id"] for row in copy.tables["rosters"]] == ["C"]
    paths = write_copy(copy, tmp_path)
    assert [path.name for path in paths][-1] == "README.txt"
    text = paths[-1].read_text(encoding="utf-8")
    assert "attendees.csv" in text
    assert all(each in text for each in LEFT_OUT)
