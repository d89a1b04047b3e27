"""room-reports reference: rooms and rosters from data sets, checks and the policy, on the stack."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from room_reports_command.reference.recent import RecentIds, recent_ids
from tests.e2e.operator import Operator
from tests.e2e.principals import user_with
from tests.support.brightspace import Brightspace

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
NAMES = ("Users", "EnrollmentsAndWithdrawals", "OrganizationalUnits", "RoleDetails", "LTILinks")
FILES = [f"{name}.zip" for name in NAMES]
ROOMS, ROSTERS = "reference/rooms/brightspace.csv", "reference/rosters/brightspace.csv"
POLICY = "reference/policy/policy.json"


@pytest.fixture(scope="module")
def recent(operator: Operator) -> RecentIds:
    """Return the ids in the last days of the stack's reports."""
    stack = operator.deployed()
    return recent_ids(stack.bucket, stack.settings, datetime.now(UTC), 30)


@pytest.fixture(scope="module", autouse=True)
def data_sets(operator: Operator, recent: RecentIds) -> None:
    """Write data sets whose user names are the ids of the reports with a domain."""
    campus = Brightspace()
    campus.course(101, "BIO-101", "Biology")
    campus.role(110, "Student")
    for number, user in enumerate(sorted(recent.users), 1):
        campus.user(number, f"{user.partition('@')[0]}@campus.example.edu", f"S{number:05}")
        campus.log(101, number, 110, "Enroll", "2026-09-01T12:00:00.000Z")
    campus.log(101, 9999, 110, "Enroll", "2026-09-01T12:00:00.000Z")
    for number, room in enumerate(sorted(recent.rooms), 1):
        campus.link(number, 101, f"https://kaf.example.edu/hosted/index/entryid/{room}")
    campus.link(9999, 101, "https://kaf.example.edu/mymedia")
    campus.write(operator.folder, NAMES)


@pytest.fixture(autouse=True)
def emptied(operator: Operator) -> Iterator[None]:
    """Remove the reference data before and after each test."""
    remove(operator)
    yield
    remove(operator)


def remove(operator: Operator) -> None:
    s3, bucket = operator.stack.aws.s3, operator.stack.bucket
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="reference/")
    for each in listed.get("Contents", ()):
        s3.delete_object(Bucket=bucket, Key=each["Key"])


def body(operator: Operator, key: str) -> str:
    found = operator.stack.aws.s3.get_object(Bucket=operator.stack.bucket, Key=key)
    return found["Body"].read().decode()


def put(operator: Operator, key: str, text: str) -> None:
    operator.stack.aws.s3.put_object(Bucket=operator.stack.bucket, Key=key, Body=text.encode())


def keys(operator: Operator) -> list[str]:
    listed = operator.stack.aws.s3.list_objects_v2(
        Bucket=operator.stack.bucket, Prefix="reference/"
    )
    return [each["Key"] for each in listed.get("Contents", ())]


def import_(operator: Operator, *options: str, **given: Any) -> Any:
    return operator.run("reference", "import", *FILES, *options, **given)


def test_an_import_asks_for_the_column_with_the_ids(operator: Operator) -> None:
    ran = import_(operator, "--yes")
    assert ran.code == 2
    assert "Which column of Users has the id that Kaltura gets?" in ran.err
    assert "UserName: 0 of" in ran.err
    assert keys(operator) == []


def test_a_dry_run_shows_what_does_not_match_and_writes_nothing(
    operator: Operator, recent: RecentIds
) -> None:
    ran = import_(operator, "--user-id", "UserName", "--dry-run", "--json")
    assert ran.code == 0, ran.err
    found = ran.document
    assert found["written"] is False
    assert [(each["key"], each["rows"]) for each in found["files"]] == [
        (ROOMS, len(recent.rooms)),
        (ROSTERS, len(recent.users)),
    ]
    assert {(each["what"], each["id"]) for each in found["unmatched"]} == {
        ("LTI link", "9999"),
        ("user", "9999"),
    }
    assert found["ids"]["report_ids"] == len(recent.users)
    assert found["ids"]["steps"][-1]["roster_ids"] == 0
    assert keys(operator) == []
    shown = import_(operator, "--user-id", "UserName", "--dry-run").out
    assert "its address has no room id" in shown
    assert "not in the data set Users" in shown


def test_an_import_is_written_after_a_confirmation(operator: Operator, recent: RecentIds) -> None:
    refused = import_(operator, "--user-id", "UserName")
    assert refused.code == 2
    assert "Add --yes" in refused.err
    arguments = ["reference", "import", *FILES, "--user-id", "UserName"]
    code, shown = operator.type(arguments, [("Write this?", "n\n")])
    assert (code, keys(operator)) == (2, []), shown
    code, shown = operator.type(arguments, [("Write this?", "y\n")])
    assert (code, keys(operator)) == (0, [ROOMS, ROSTERS]), shown
    assert body(operator, ROSTERS).startswith("course_id,user_id,role,from,to\nBIO-101,")
    assert body(operator, ROSTERS).count("\n") == 1 + len(recent.users)
    again = import_(operator, "--user-id", "UserName", "--json").document
    assert again["written"] is False
    assert [(each["added"], each["removed"]) for each in again["files"]] == [(0, 0), (0, 0)]


def test_the_policy_changes_what_matches(operator: Operator, recent: RecentIds) -> None:
    assert import_(operator, "--user-id", "UserName", "--yes").code == 0
    arguments = ("reference", "policy", "set", "--drop-domain", "campus.example.edu", "--json")
    tried = operator.run(*arguments, "--dry-run").document
    assert tried["written"] is False
    assert tried["changed"] == ["drop_domains"]
    before, after = tried["ids"]
    assert before["steps"][-1]["roster_ids"] == 0
    bare = {user.lower() for user in recent.users if "@" not in user}
    assert after["steps"][-1]["roster_ids"] >= len(bare) > 0
    assert operator.run(*arguments, "--yes").document["written"] is True
    assert body(operator, POLICY) == '{"drop_domains": ["campus.example.edu"]}\n'
    ran = import_(operator, "--user-id", "UserName", "--dry-run", "--json")
    assert ran.document["ids"]["steps"] == after["steps"]


def test_the_policy_is_shown_and_set_by_options_and_from_a_file(operator: Operator) -> None:
    def shown() -> Any:
        return operator.run("reference", "policy", "show", "--json").document

    defaults = shown()
    assert (defaults["min_share"], defaults["roles"]) == (0.75, [])
    set_ = ("reference", "policy", "set", "--yes", "--json")
    options = ("--min-share", "0.5", "--role", "Student", "--role", "Auditor", "--no-ignore-case")
    assert operator.run(*set_, *options).code == 0
    assert shown() == {
        **defaults,
        "min_share": 0.5,
        "roles": ["Student", "Auditor"],
        "ignore_case": False,
    }
    assert operator.run(*set_, "--unset", "min_share", "--late-minutes", "5").code == 0
    assert body(operator, POLICY).splitlines() == [
        '{"late_minutes": 5, "roles": ["Student", "Auditor"], "ignore_case": false}'
    ]
    (operator.folder / "whole.json").write_text('{\n "min_minutes": 10\n}\n', encoding="utf-8")
    assert operator.run(*set_, "whole.json").code == 0
    assert body(operator, POLICY) == '{"min_minutes": 10}\n'
    assert "min_minutes" in operator.run("reference", "policy", "show").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--min-share", "1.5"), "min_share"),
        (("--drop-domain", "@example.edu"), "It has an @"),
        (("--unset", "minshare"), "There are: min_minutes"),
        ((), "Give a JSON file"),
        (("missing.json",), "cannot be read"),
    ],
)
def test_a_wrong_policy_is_refused(
    operator: Operator, arguments: tuple[str, ...], message: str
) -> None:
    ran = operator.run("reference", "policy", "set", *arguments, "--yes")
    assert ran.code == 2
    assert message in ran.err
    assert keys(operator) == []


def test_check_finds_nothing_after_an_import(operator: Operator) -> None:
    assert import_(operator, "--user-id", "UserName", "--yes").code == 0
    assert operator.run("reference", "policy", "set", "--min-share", "1", "--yes").code == 0
    ran = operator.run("reference", "check")
    assert ran.code == 0, ran.err
    assert "Nothing is wrong." in ran.out


def test_check_names_what_others_have_put_there(operator: Operator) -> None:
    put(operator, "reference/rosters/other.csv", "course_id,user_id,role,from,to\nBIO,,x,,\n")
    put(operator, "reference/rooms/deep/er.txt", "entry_id\n1_a\n")
    put(operator, POLICY, '{\n"min_share": 3}')
    put(operator, "reference/policy/copy.json", "{}")
    ran = operator.run("reference", "check", "--json")
    assert ran.code == 1
    found = {(each["file"], each["line"], each["text"]) for each in ran.document["problems"]}
    assert found >= {
        ("reference/rosters/other.csv", 2, "There is no value."),
        ("reference/rooms/deep/er.txt", None, "Its name does not end in .csv."),
        ("reference/rooms/deep/er.txt", 1, "The header is entry_id."),
        (POLICY, None, "It is not in one line."),
        ("reference/policy/copy.json", None, f"It is read as a policy as well as {POLICY}."),
    }
    assert ran.document["wrong"] == 6
    assert "reference/rosters/other.csv, line 2, user_id" in operator.run("reference", "check").out


def test_a_wrong_policy_in_the_bucket_stops_an_import_and_is_replaced(operator: Operator) -> None:
    put(operator, POLICY, '{"min_share": 3}')
    ran = import_(operator, "--user-id", "UserName", "--yes")
    assert ran.code == 3
    assert "reference policy set policy.json" in ran.err
    (operator.folder / "right.json").write_text('{"min_share": 1}', encoding="utf-8")
    assert operator.run("reference", "policy", "set", "right.json", "--yes").code == 0
    assert import_(operator, "--user-id", "UserName", "--yes").code == 0


def test_plain_tables_are_imported_under_their_names(operator: Operator) -> None:
    (operator.folder / "Spring 2026.csv").write_text(
        "user_id;course_id\njane;BIO\n", encoding="utf-8"
    )
    ran = operator.run("reference", "import", "Spring 2026.csv", "--yes")
    assert ran.code == 2
    assert "Spring 2026.csv, line 1: The values are not separated by commas." in ran.err
    (operator.folder / "Spring 2026.csv").write_text(
        "user_id,course_id\njane,BIO\n", encoding="utf-8"
    )
    assert operator.run("reference", "import", "Spring 2026.csv", "--yes").code == 0
    assert keys(operator) == ["reference/rosters/spring-2026.csv"]
    (operator.folder / "empty.csv").write_text("user_id,course_id\n", encoding="utf-8")
    ran = operator.run("reference", "import", "empty.csv", "--name", "spring-2026", "--yes")
    assert ran.code == 2
    assert "would have no rows" in ran.err


def documented_policy(operator: Operator) -> Mapping[str, Any]:
    """Return the IAM policy of docs/attendance.md, for this stack."""
    page = (ROOT / "docs" / "attendance.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```json\n(.+?)^```", page, re.MULTILINE | re.DOTALL)
    stack = operator.deployed()
    named = {
        "AWS_REGION": operator.stack.aws.region,
        "ACCOUNT": str(stack.exporter["FunctionArn"]).split(":")[4],
        "STACK": operator.stack.name,
        "EXPORTER": stack.outputs["ExporterFunction"],
        "BUCKET": operator.stack.bucket,
    }
    for name, value in named.items():
        text = text.replace(name, value)
    document: Mapping[str, Any] = json.loads(text)
    return document


def test_the_documented_permissions_are_enough_and_each_is_needed(operator: Operator) -> None:
    policy = documented_policy(operator)
    imports = ("reference", "import", *FILES, "--user-id", "UserName", "--yes")
    with user_with(operator.stack, dict(policy)) as user:
        key = user.session.get_credentials()
        assert key is not None
        environment = {
            "AWS_ACCESS_KEY_ID": key.access_key,
            "AWS_SECRET_ACCESS_KEY": key.secret_key,
            "ROOM_REPORTS_STACK": operator.stack.name,
        }
        ran = operator.run(*imports, environment=environment)
        assert ran.code == 0, ran.err
        for arguments in (("check",), ("policy", "set", "--min-share", "1", "--yes")):
            ran = operator.run("reference", *arguments, environment=environment)
            assert ran.code == 0, ran.err
        operator.stack.aws.s3.delete_object(Bucket=operator.stack.bucket, Key=ROOMS)
        for place in range(len(policy["Statement"])):
            statements = [*policy["Statement"]]
            lacking = statements.pop(place)
            operator.stack.aws.iam.put_user_policy(
                UserName="analyst",
                PolicyName="policy",
                PolicyDocument=json.dumps({**policy, "Statement": statements}),
            )
            ran = operator.run(*imports, environment=environment)
            assert ran.code == 3, lacking
