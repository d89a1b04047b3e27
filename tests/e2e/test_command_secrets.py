"""room-reports secret and key: tried before they are saved, never shown."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import requests

from room_reports.model.readers import Reader, parse_readers
from room_reports.storage.keys import READERS_KEY
from tests.e2e.deployed import simulation
from tests.e2e.operator import Operator

pytestmark = pytest.mark.e2e


def saved(operator: Operator) -> object:
    secret = operator.stack.aws.secrets.get_secret_value(
        SecretId=operator.stack.outputs["SecretArn"]
    )
    return json.loads(secret["SecretString"])


def test_the_secret_in_use_works(operator: Operator) -> None:
    ran = operator.run("secret", "check", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert [(each["region"], each["works"]) for each in ran.document["regions"]] == [
        ("us", True),
        ("eu", True),
    ]
    assert not ran.document["saved"]


def test_what_does_not_work_is_not_saved(operator: Operator) -> None:
    before = saved(operator)
    wrong = {"eu": {"partner_id": 123, "admin_secret": "not-the-secret"}}
    ran = operator.run("secret", "set", "--regions", "eu", "--file", "-", stdin=json.dumps(wrong))
    assert ran.code == 4
    assert saved(operator) == before
    assert "not-the-secret" not in ran.out + ran.err
    assert "not saved: Kaltura in eu did not accept the credentials." in ran.err
    assert "room-reports secret set --regions eu" in ran.err


@pytest.mark.parametrize(
    ("fault", "cause", "cure"),
    [
        (
            {"kind": "http_status", "status": 503, "service": None},
            "Kaltura in eu could not be asked whether it accepts the credentials.",
            "Run the command again later.",
        ),
        (
            {"kind": "api_error", "code": "REPORT_NOT_FOUND", "report": 6001},
            "Kaltura in eu refused a request.",
            "docs/operating.md#error-messages",
        ),
    ],
)
def test_right_credentials_are_not_blamed(
    operator: Operator, fault: dict[str, object], cause: str, cure: str
) -> None:
    before = saved(operator)
    entry = json.dumps({"eu": operator.stack.kaltura.secret["eu"]})
    simulation(operator.stack, "eu", "faults", "POST", [{"times": None, **fault}])
    try:
        ran = operator.run("secret", "set", "--regions", "eu", "--file", "-", stdin=entry)
        checked = operator.run("secret", "check")
    finally:
        simulation(operator.stack, "eu", "faults", "DELETE")
    assert (ran.code, checked.code) == (4, 4)
    assert f"The secret was not saved: {cause}" in ran.err
    assert f"Error: {cause}" in checked.err
    assert cure in ran.err
    assert cure in checked.err
    assert saved(operator) == before


def test_one_region_leaves_the_others(operator: Operator) -> None:
    before = operator.stack.kaltura.secret
    entry = json.dumps({"us": before["us"]})
    ran = operator.run("secret", "set", "--regions", "us", "--file", "-", stdin=entry)
    assert ran.code == 0, ran.err
    assert saved(operator) == before


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"eu": {"partner_id": 1, "token": "abc123"}}', "has the fields"),
    ],
)
def test_what_is_no_secret_is_refused(operator: Operator, text: str, cause: str) -> None:
    before = saved(operator)
    ran = operator.run("secret", "set", "--regions", "eu", "--file", "-", stdin=text)
    assert (ran.code, ran.out) == (2, "")
    assert cause in ran.err
    assert "abc123" not in ran.err
    assert saved(operator) == before


def test_without_a_terminal_it_says_how(operator: Operator) -> None:
    ran = operator.run("secret", "set")
    assert ran.code == 2
    assert "--file -" in ran.err


def test_what_is_typed_is_not_shown(operator: Operator) -> None:
    typed = [
        ("Form", "admin-secret\r"),
        ("partner_id", "123\r"),
        ("admin_secret", "hidden-from-view\r"),
        ("user_id", "\r"),
    ]
    code, shown = operator.type(["secret", "set", "--regions", "eu"], typed)
    assert code == 4
    assert "hidden-from-view" not in shown
    assert "not saved" in shown


def test_ctrl_c_at_a_question_exits_as_documented_and_saves_nothing(operator: Operator) -> None:
    before = saved(operator)
    for typed in ([("Form", "\x03")], [("Form", "\r"), ("partner_id", "\x03")]):
        code, shown = operator.type(["secret", "set", "--regions", "eu"], typed)
        assert code == 130, shown
    assert saved(operator) == before


def test_a_key_works_until_it_is_revoked(operator: Operator) -> None:
    ran = operator.run("key", "create", "jane@example.edu")
    assert ran.code == 0, ran.err
    value = ran.out.strip()
    address = f"{operator.stack.api_url}/exports"
    assert requests.get(address, headers={"x-api-key": value}, timeout=30).status_code == 200
    listed = operator.run("key", "list", "--json")
    assert {each["name"] for each in listed.document} >= {"jane@example.edu"}
    assert value not in listed.out
    again = operator.run("key", "create", "jane@example.edu")
    assert (again.code, again.out) == (2, "")
    assert operator.run("key", "revoke", "jane@example.edu").code == 0
    assert requests.get(address, headers={"x-api-key": value}, timeout=30).status_code == 403
    assert operator.run("key", "revoke", "jane@example.edu").code == 2


def listed_readers(operator: Operator) -> dict[str, Reader]:
    """Return the readers in the bucket by the id of their key."""
    stack = operator.stack
    found = stack.aws.s3.get_object(Bucket=stack.bucket, Key=READERS_KEY)
    return parse_readers(found["Body"].read().decode())


def test_a_key_has_a_name_and_an_expiry_that_outlive_it(operator: Operator) -> None:
    day = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    ran = operator.run("key", "create", "guest@example.edu", "--expires", day, "--json")
    assert ran.code == 0, ran.err
    assert ran.document["expires_at"] == f"{day}T00:00:00Z"
    key_id = ran.document["id"]
    (shown,) = [
        each for each in operator.run("key", "list", "--json").document if each["id"] == key_id
    ]
    assert (shown["expires_at"], shown["expired"]) == (f"{day}T00:00:00Z", False)
    assert day in operator.run("key", "list").out
    reader = listed_readers(operator)[key_id]
    assert (reader.name, reader.revoked_at) == ("guest@example.edu", "")
    # The list has the names of keys that were made before it as well.
    assert operator.stack.outputs["ApiKeyId"] in listed_readers(operator)
    assert operator.run("key", "revoke", "guest@example.edu").code == 0
    revoked = listed_readers(operator)[key_id]
    assert (revoked.name, revoked.expires_at) == ("guest@example.edu", f"{day}T00:00:00Z")
    assert revoked.revoked_at
    again = operator.run("key", "create", "guest@example.edu", "--json")
    assert again.code == 0
    assert listed_readers(operator)[key_id] == revoked
    assert operator.run("key", "revoke", again.document["id"]).code == 0


@pytest.mark.parametrize("text", ["2020-01-01", "2027-02-30", "soon", "20270131"])
def test_an_expiry_that_is_none_makes_no_key(operator: Operator, text: str) -> None:
    ran = operator.run("key", "create", "late@example.edu", "--expires", text)
    assert (ran.code, ran.out) == (2, "")
    assert "date" in ran.err
    assert "late@example.edu" not in operator.run("key", "list").out


@contextmanager
def damaged_list(operator: Operator) -> Iterator[None]:
    """Damage the list of readers, and restore it."""
    s3, bucket = operator.stack.aws.s3, operator.stack.bucket
    before = s3.get_object(Bucket=bucket, Key=READERS_KEY)["Body"].read()
    s3.put_object(Bucket=bucket, Key=READERS_KEY, Body=b"damaged")
    try:
        yield
    finally:
        s3.put_object(Bucket=bucket, Key=READERS_KEY, Body=before)


def test_a_damaged_list_lets_a_key_end_and_none_begin(operator: Operator) -> None:
    made = operator.run("key", "create", "amy@example.edu")
    address = f"{operator.stack.api_url}/exports"
    with damaged_list(operator):
        for arguments in (("create", "new@example.edu"), ("list",), ("revoke", "amy@example.edu")):
            ran = operator.run("key", *arguments)
            assert (ran.code, ran.out) == (3, ""), ran.err
            assert READERS_KEY in ran.err
    key = {"x-api-key": made.out.strip()}
    assert requests.get(address, headers=key, timeout=30).status_code == 403
    names = {each["name"] for each in operator.run("key", "list", "--json").document}
    assert not names & {"amy@example.edu", "new@example.edu"}


def test_the_key_of_the_stack_stays(operator: Operator) -> None:
    ran = operator.run("key", "revoke", operator.stack.outputs["ApiKeyId"])
    assert (ran.code, ran.out) == (2, "")
    address = f"{operator.stack.api_url}/exports"
    headers = {"x-api-key": operator.stack.api_key}
    assert requests.get(address, headers=headers, timeout=30).status_code == 200


@pytest.mark.parametrize("name", ["", "-x", "a" * 101, "a\nb"])
def test_a_name_that_is_none(operator: Operator, name: str) -> None:
    ran = operator.run("key", "create", "--", name)
    assert (ran.code, ran.out) == (2, "")
