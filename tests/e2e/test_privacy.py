"""PrivacyColumns on a deployed stack: no person is named, and a changed key is noticed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from local.kaltura.truth import UniversityTruth
from local.kaltura.university import University
from local.stack.stack import Stack
from tests.e2e.deployed import watched_stack
from tests.e2e.operator import Operator, Ran
from tests.support.privacy import AS_LITTLE_AS_POSSIBLE, found, people

pytestmark = pytest.mark.e2e

DAY, AFTER = "2026-03-03", "2026-03-04"
EVENT = {"from": DAY, "to": AFTER}
SETTING = AS_LITTLE_AS_POSSIBLE.replace(
    "room_data.session_host_user_id=drop", "room_data.session_host_user_id=pseudonym"
)
ONE = f"/exports/attendees/us/day/{DAY}"
TABLES = ("room_data", "attendees", "breakout_sessions")


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """Return the operator of a stack with PrivacyColumns, which has no key yet."""
    with watched_stack({"PrivacyColumns": SETTING}) as deployed:
        yield Operator(deployed, tmp_path_factory.mktemp("operator"))


def api(stack: Stack, path: str) -> requests.Response:
    return requests.get(stack.api_url + path, headers={"x-api-key": stack.api_key}, timeout=30)


def export(stack: Stack) -> dict[str, Any]:
    described: dict[str, Any] = api(stack, ONE).json()
    return described


def start_anew(stack: Stack, number: int) -> None:
    """Make the exporter start anew, so that it reads the secret again at once."""
    stack.configure(CATCH_UP_DAYS=str(30 + number))


def key_in(stack: Stack) -> str:
    secret = stack.aws.secrets.get_secret_value(SecretId=stack.outputs["SecretArn"])
    key: str = json.loads(secret["SecretString"])["pseudonyms"]["key"]
    return key


def everything(stack: Stack) -> Iterator[bytes]:
    """Yield all versions of all objects, the logs, query results, and what the API returns."""
    buckets = [bucket["Name"] for bucket in stack.aws.s3.list_buckets()["Buckets"]]
    for bucket in buckets:
        listed = stack.aws.s3.list_object_versions(Bucket=bucket)
        for version in listed.get("Versions", []):
            item = stack.aws.s3.get_object(
                Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"]
            )
            yield version["Key"].encode()
            yield json.dumps(item["Metadata"]).encode()
            yield item["Body"].read()
    yield stack.log_text().encode()
    for table in TABLES:
        yield json.dumps(stack.query(f"SELECT * FROM {table}"), ensure_ascii=False).encode()
    for path in ("/", "/openapi.json", "/exports", ONE, f"{ONE}.csv"):
        response = api(stack, path)
        assert response.status_code == 200
        yield response.content
        yield response.url.encode()
        yield json.dumps(dict(response.headers)).encode()


@dataclass(frozen=True)
class Keyed:
    """What happened until a day was exported with pseudonyms."""

    refused: str
    """The error before there was a key."""
    made: Ran
    """The command that made the key."""
    exported: list[str]


@pytest.fixture(scope="module")
def keyed(operator: Operator) -> Keyed:
    stack = operator.stack
    refused = stack.invoke(EVENT)
    made = operator.run("secret", "pseudonym-key", "--json")
    start_anew(stack, 1)
    result = stack.invoke(EVENT)
    assert result.error is None
    return Keyed(str(refused.error), made, result.response()["exported"])


@pytest.fixture(scope="module")
def persons() -> set[str]:
    return people(*(UniversityTruth(University(7, region)) for region in ("us", "eu")))


def test_nothing_is_exported_before_there_is_a_key(operator: Operator, keyed: Keyed) -> None:
    assert "ConfigurationError" in keyed.refused
    assert "the secret has no entry 'pseudonyms'" in keyed.refused
    assert keyed.made.code == 0, keyed.made.err
    assert keyed.made.document["replaced"] is None
    assert key_in(operator.stack) not in keyed.made.out + keyed.made.err


def test_no_person_is_named(operator: Operator, keyed: Keyed, persons: set[str]) -> None:
    stack = operator.stack
    assert len(keyed.exported) == 2 * 3
    assert len(persons) > 300
    assert found(persons, everything(stack)) == set()
    rows = stack.query(f"SELECT user_id, user_name FROM attendees WHERE dt = '{DAY}'")
    assert {row["user_name"] or "" for row in rows} == {""}
    assert {str(row["user_id"])[:2] for row in rows} == {"p_", "Un"}, "pseudonyms, and Unknown"


def test_a_key_that_is_there_stays(operator: Operator, keyed: Keyed) -> None:
    before = key_in(operator.stack)
    kept = operator.run("secret", "pseudonym-key")
    assert (kept.code, kept.out) == (2, "")
    assert "has a key already" in kept.err
    code, shown = operator.type(
        ["secret", "pseudonym-key", "--replace"], [("name of the stack", "another\r")]
    )
    assert code == 2
    assert operator.run("secret", "check").code == 0
    entry = json.dumps({"us": operator.stack.kaltura.secret["us"]})
    assert operator.run("secret", "set", "--regions", "us", "--file", "-", stdin=entry).code == 0
    assert key_in(operator.stack) == before
    assert before not in shown + kept.err


def test_a_replaced_key_is_noticed(operator: Operator, keyed: Keyed, persons: set[str]) -> None:
    stack, first = operator.stack, key_in(operator.stack)
    before = export(stack)
    assert before["privacy_current"] is True
    replaced = operator.run("secret", "pseudonym-key", "--replace", "--yes", "--json")
    assert replaced.code == 0, replaced.err
    assert replaced.document["replaced"] == keyed.made.document["key_id"]
    second = key_in(stack)
    assert second != first

    start_anew(stack, 2)
    assert stack.invoke({**EVENT, "dry_run": True}).error is None
    assert export(stack)["privacy_current"] is False
    again = stack.invoke({**EVENT, "other_privacy": True})
    assert again.error is None
    slugs = {key.partition("/")[0] for key in again.response()["exported"]}
    assert slugs == {"attendees", "room_data"}, "breakouts have no pseudonyms"
    after = export(stack)
    assert after["privacy_current"] is True
    assert after["privacy"] != before["privacy"]
    assert found(persons, everything(stack)) == set()
    said = stack.log_text() + replaced.out + replaced.err
    assert first not in said
    assert second not in said


def test_a_lost_key_is_not_replaced_by_accident(operator: Operator, keyed: Keyed) -> None:
    stack = operator.stack
    before = stack.aws.secrets.get_secret_value(SecretId=stack.outputs["SecretArn"])
    stack.put_secret(stack.kaltura.secret)
    refusal = operator.run("secret", "pseudonym-key")
    stack.put_secret(before["SecretString"])
    assert (refusal.code, refusal.out) == (2, "")
    assert "has lost the key" in refusal.err
    assert "docs/privacy.md" in refusal.err
