"""PrivacyColumns on a deployed stack: no person is named, and a changed key is noticed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local.kaltura.truth import UniversityTruth
from local.kaltura.university import University
from local.stack.stack import Stack
from tests.e2e.deployed import watched_stack
from tests.e2e.operator import Operator
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


def test_no_person_is_named_and_a_changed_key_is_noticed(operator: Operator) -> None:
    stack = operator.stack
    refused = stack.invoke(EVENT)
    assert "ConfigurationError" in str(refused.error)
    assert "the secret has no entry 'pseudonyms'" in str(refused.error)

    made = operator.run("secret", "pseudonym-key", "--json")
    assert made.code == 0, made.err
    first = key_in(stack)
    assert first not in made.out + made.err
    assert made.document["replaced"] is None
    start_anew(stack, 1)
    result = stack.invoke(EVENT)
    assert result.error is None
    assert len(result.response()["exported"]) == 2 * 3

    persons = people(*(UniversityTruth(University(7, region)) for region in ("us", "eu")))
    assert len(persons) > 300
    assert found(persons, everything(stack)) == set()
    rows = stack.query(f"SELECT user_id, user_name FROM attendees WHERE dt = '{DAY}'")
    assert {row["user_name"] or "" for row in rows} == {""}
    assert {str(row["user_id"])[:2] for row in rows} == {"p_", "Un"}, "pseudonyms, and Unknown"
    before = export(stack)
    assert before["privacy_current"] is True

    kept = operator.run("secret", "pseudonym-key")
    assert (kept.code, kept.out) == (2, "")
    assert made.document["key_id"] in kept.err
    assert key_in(stack) == first
    code, shown = operator.type(
        ["secret", "pseudonym-key", "--replace"], [("name of the stack", "another\r")]
    )
    assert code == 2
    assert key_in(stack) == first
    replaced = operator.run("secret", "pseudonym-key", "--replace", "--yes", "--json")
    assert replaced.code == 0, replaced.err
    assert replaced.document["replaced"] == made.document["key_id"]
    second = key_in(stack)
    assert second != first
    assert operator.run("secret", "check").code == 0
    assert key_in(stack) == second

    start_anew(stack, 2)
    assert stack.invoke({**EVENT, "dry_run": True}).error is None
    assert export(stack)["privacy_current"] is False
    again = stack.invoke({**EVENT, "other_privacy": True})
    assert again.error is None
    assert {key.partition("/")[0] for key in again.response()["exported"]} == {
        "attendees",
        "room_data",
    }
    after = export(stack)
    assert after["privacy_current"] is True
    assert after["privacy"] != before["privacy"]
    assert found(persons, everything(stack)) == set()
    said = [stack.log_text(), shown, kept.err, made.out, made.err, replaced.out, replaced.err]
    assert not any(key in text for key in (first, second) for text in said)
