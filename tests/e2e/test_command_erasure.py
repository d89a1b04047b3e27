"""room-reports forget and export-person on a deployed stack, with the role that erases."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from local.kaltura.truth import UniversityTruth
from local.kaltura.university import University
from local.stack.stack import Stack
from room_reports_command.erasure.role import eraser_client
from room_reports_command.erasure.suppressed import ListStore, make_key
from room_reports_command.erasure.versions import VersionedBucket
from tests.e2e.deployed import watched_stack
from tests.e2e.operator import Operator, Ran
from tests.support.privacy import found

pytestmark = pytest.mark.e2e

EVENT = {"from": "2026-03-03", "to": "2026-03-05"}


@dataclass(frozen=True)
class Person:
    """A user of the simulated university, and what must be found nowhere."""

    id: str
    email: str
    values: frozenset[str]


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """Return the operator of a stack that has exported two days twice."""
    with watched_stack() as deployed:
        assert deployed.invoke(EVENT).error is None
        assert deployed.invoke({**EVENT, "force": True}).error is None
        yield Operator(deployed, tmp_path_factory.mktemp("operator"))


@pytest.fixture(scope="module")
def person(operator: Operator) -> Person:
    """Return the user with the most rows among those whose values no one else has."""
    university = UniversityTruth(University(7, "us")).university
    users = [university.user(index) for index in range(1, university.population)]
    names = Counter(user.name for user in users)
    rooms = "".join(room.name for room in university.rooms)
    text = b"".join(bodies(operator.stack)).decode(errors="replace")
    rows = {
        user: text.count(f",{user.id},")
        for user in users
        if names[user.name] == 1 and len(user.name.strip()) > 4 and user.name not in rooms
    }
    best = max(rows, key=lambda user: rows[user])
    assert rows[best] > 3
    return Person(best.id, best.email, frozenset((best.id, best.email, best.name)))


def bodies(stack: Stack, bucket: str = "") -> Iterator[bytes]:
    """Yield all versions of all objects in a bucket, uncompressed."""
    name = bucket or stack.bucket
    pages = stack.aws.s3.get_paginator("list_object_versions").paginate(Bucket=name)
    for page in pages:
        for each in page.get("Versions", []):
            item = stack.aws.s3.get_object(
                Bucket=name, Key=each["Key"], VersionId=each["VersionId"]
            )
            body = item["Body"].read()
            yield gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
            yield json.dumps(item["Metadata"]).encode()


def results_of(operator: Operator) -> str:
    return operator.deployed().resources["QueryResults"]


def everything(operator: Operator) -> list[bytes]:
    stack = operator.stack
    return [*bodies(stack), *bodies(stack, results_of(operator))]


def make_due(stack: Stack, person: Person) -> str:
    """Let a file of the person look as if it was exported as its window ended; return its key."""
    pages = stack.aws.s3.get_paginator("list_objects_v2").paginate(
        Bucket=stack.bucket, Prefix="attendees/"
    )
    for each in (each for page in pages for each in page.get("Contents", [])):
        item = stack.aws.s3.get_object(Bucket=stack.bucket, Key=each["Key"])
        body, metadata = item["Body"].read(), item["Metadata"]
        text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        if person.id.encode() in text:
            changed = {"exported-at": metadata["window-end"], "state": "settling"}
            stack.aws.s3.put_object(
                Bucket=stack.bucket, Key=each["Key"], Body=body, Metadata={**metadata, **changed}
            )
            return str(each["Key"])
    raise AssertionError("no file has the person")


def said(ran: Ran) -> list[bytes]:
    return [ran.out.encode(), ran.err.encode()]


def test_the_rows_of_a_person_are_copied(operator: Operator, person: Person) -> None:
    ran = operator.run("export-person", person.id, "-o", "copy", "--json")
    assert ran.code == 0, ran.err
    folder = operator.folder / "copy"
    assert ran.document["rows"]["attendees"] > 0
    lines = (folder / "attendees.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + ran.document["rows"]["attendees"]
    assert all(person.id in line for line in lines[1:])
    assert "attendees.csv" in (folder / "README.txt").read_text(encoding="utf-8")


def test_without_agreement_nothing_is_changed(operator: Operator, person: Person) -> None:
    before = everything(operator)
    ran = operator.run("forget", person.id)
    assert ran.code == 2
    assert "--yes" in ran.err
    assert "attendees" in ran.err, "what was found is shown"
    code, shown = operator.type(["forget", person.id], [("name of the stack", "another\r")])
    assert code == 2, shown
    assert operator.run("forget", "Unknown", "--yes").code == 2
    assert everything(operator) == before


def test_a_person_is_erased_and_stays_so(operator: Operator, person: Person) -> None:
    stack = operator.stack
    put = stack.aws.s3.put_object
    put(Bucket=results_of(operator), Key="a.csv", Body=f'"x"\n"{person.email}"\n'.encode())
    put(Bucket=stack.bucket, Key="quarantine/dt=2026-03-03/r/attendees_us_2026-03-03.json",
        Body=json.dumps({"sample": person.id}).encode())  # fmt: skip
    assert found(person.values, everything(operator)) == person.values
    due = make_due(stack, person)
    searched = operator.run("forget", person.id, "--email", person.email, "--verify", "--json")
    assert searched.code == 1
    assert (searched.document["not_searched"], searched.document["elsewhere"]) == ({}, {})
    assert searched.document["reader_keys"] == 0
    assert {each["kind"] for each in searched.document["found"]} == {
        "report",
        "quarantine",
        "query result",
    }
    ran = operator.run(
        *("forget", person.id, "--email", person.email),
        *("--yes", "--no-wait", "--json", "-o", "report"),
    )
    assert ran.code == 1, ran.err
    record = ran.document
    assert record["status"] == "to be verified"
    assert record["done"]["files_rewritten"] > 0
    assert record["done"]["former_versions_deleted"] > 0
    assert record["to_export"] == []
    assert record["done"]["files_exported_again"] == 1
    metadata = stack.aws.s3.head_object(Bucket=stack.bucket, Key=due)["Metadata"]
    assert metadata["state"] == "settled"
    assert found(person.values, everything(operator)) == set()
    reports = [path.read_bytes() for path in map(operator.folder.joinpath, record["files"])]
    assert found(person.values, [*reports, *said(ran)]) == set()

    # The exporter still keeps the secret without the key of the list.
    assert stack.invoke({**EVENT, "force": True}).error is None
    assert found(person.values, everything(operator)) == set()
    rows = stack.query("SELECT user_id FROM attendees WHERE dt = '2026-03-03'")
    assert rows
    verified = operator.run("forget", person.id, "--email", person.email, "--verify", "--json")
    assert verified.code == 0, verified.out + verified.err
    assert (verified.document["found"], verified.document["listed"]) == ([], True)


def test_the_key_of_the_list_is_never_shown(operator: Operator, person: Person) -> None:
    secret = operator.stack.aws.secrets.get_secret_value(
        SecretId=operator.stack.outputs["SecretArn"]
    )
    key = json.loads(secret["SecretString"])["suppression"]["key"]
    ran = operator.run("forget", person.id, "--verify")
    for text in (*said(ran), *everything(operator), operator.stack.log_text().encode()):
        assert key.encode() not in text


def test_a_person_who_is_listed_keeps_the_choice(operator: Operator, person: Person) -> None:
    ran = operator.run("forget", person.id, "--rows", "remove", "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert "--rows keep" in ran.err


def test_the_key_of_another_erasure_is_used(operator: Operator, person: Person) -> None:
    deployed = operator.deployed()
    bucket = VersionedBucket(eraser_client(deployed), deployed.outputs["BucketName"])
    store = ListStore(bucket, lambda: datetime.now(UTC))
    before = store.read()[0]
    assert make_key(deployed, store).key_id == before.key_id
    assert store.read()[0] == before
