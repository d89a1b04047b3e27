"""Every permission in the template is needed: without it, a call of the code is denied.

The calls below are those that the code makes. Each permission is taken from the role on the local
stack, and one of the calls must be denied then. ``LONG=1`` also runs the exporter and the API
themselves without each permission, and they must not behave as before.
"""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from enum import Enum
from functools import partial
from itertools import count

import pytest

from local.stack.stack import Stack
from room_reports.storage.keys import READERS_KEY
from tests.e2e.deployed import simulation
from tests.e2e.permitted_calls import (
    ACKNOWLEDGED,
    DAY_INDEX,
    PORTIONS,
    REPORTS,
    Call,
    access_log_bucket,
    calls_of_an_analyst,
    calls_of_an_auditor,
    calls_of_the_backfill,
    calls_of_the_downloads,
    calls_of_the_eraser,
    calls_of_the_exporter,
    calls_of_the_presigner,
    downloads,
    export,
    permissions_that_aws_checks,
    presigner_arn,
    role_of,
)
from tests.e2e.policy_mutations import as_checked_locally, mutations
from tests.e2e.principals import (
    Policy,
    Principal,
    allows,
    assumed,
    eraser,
    managed_policy,
    role_policies,
    user_with,
    with_role,
    with_role_of,
)
from tests.support.extent import long_test
from tests.support.suppression import SUPPRESSION_KEY, list_text
from tests.support.world import SLUGS

ONLY_ON_AWS = re.compile(
    # These are checked by the policy simulator. The local AWS has no such operation.
    r" athena:(GetQueryResultsStream|ListEngineVersions) on "
    # AWS checks Glue's actions on catalogue, database and table; the local one on the database, or
    # on anything.
    r"| glue:\w+ on \S+:(catalog|table/\S+)$| glue:GetDatabases? on "
)


WRITTEN_BY_THE_ERASER = (
    *("suppression/list.json", "suppression/reports/probe.json", "reference/rosters/probe.csv"),
)


@pytest.fixture(scope="module")
def objects(stack: Stack) -> Iterator[Stack]:
    """Put an object where each call reads one; remove everything that the calls leave."""
    keys = [*map(export, REPORTS), "runs/dt=2020-02-03/probe.json"]
    keys += ["pieces/attendees_us_2020-02-03/probe", "quarantine/dt=2020-02-03/run/probe.json"]
    keys += [PORTIONS, DAY_INDEX, ACKNOWLEDGED, READERS_KEY]
    had_settings = "state/settings.json" in stack.versions("state/")
    if not had_settings:
        stack.aws.s3.put_object(Bucket=stack.bucket, Key="state/settings.json", Body=b"")
    for key in keys:
        stack.aws.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"")
    yield stack
    for key in keys if had_settings else [*keys, "state/settings.json"]:
        for version in stack.versions(key).get(key, []):
            stack.aws.s3.delete_object(Bucket=stack.bucket, Key=key, VersionId=version)


def test_without_any_one_permission_a_call_of_the_exporter_is_denied(objects: Stack) -> None:
    function = objects.outputs["ExporterFunction"]
    check_role(
        objects,
        role_of(objects, function),
        with_role_of(objects, function),
        calls_of_the_exporter(objects),
    )


def test_without_any_one_permission_a_call_of_the_downloads_is_denied(objects: Stack) -> None:
    function = downloads(objects)
    check_role(
        objects,
        role_of(objects, function),
        with_role_of(objects, function),
        calls_of_the_downloads(objects),
    )


def test_without_any_one_permission_a_call_of_the_presigner_is_denied(objects: Stack) -> None:
    arn = presigner_arn(objects)
    principal = assumed(with_role_of(objects, downloads(objects)), arn)
    check_role(objects, arn.rpartition("/")[2], principal, calls_of_the_presigner(objects))


def test_without_any_one_permission_a_call_of_the_eraser_is_denied(objects: Stack) -> None:
    arn = objects.outputs["EraserRoleArn"]
    principal = eraser(objects)
    try:
        check_role(objects, arn.rpartition("/")[2], principal, calls_of_the_eraser(objects))
    finally:  # what is no list would stop the exporter
        for key in WRITTEN_BY_THE_ERASER:
            for version in objects.versions(key).get(key, []):
                objects.aws.s3.delete_object(Bucket=objects.bucket, Key=key, VersionId=version)


def test_the_eraser_may_do_nothing_else(objects: Stack) -> None:
    principal, bucket = eraser(objects), objects.bucket
    for key in ("runs/dt=2020-02-03/probe.json", "state/settings.json", PORTIONS, DAY_INDEX):
        for operation in ("get_object", "put_object", "delete_object"):
            assert principal.is_denied("s3", operation, Bucket=bucket, Key=key), key
    version = objects.versions(ACKNOWLEDGED)[ACKNOWLEDGED][-1]
    other = {"Bucket": bucket, "Key": ACKNOWLEDGED}
    assert principal.is_denied("s3", "put_object", **other)
    assert principal.is_denied("s3", "delete_object", **other, VersionId=version)
    listed = {"Bucket": bucket, "Key": "suppression/list.json"}
    assert principal.is_denied("s3", "delete_object", **listed)
    assert principal.is_denied("s3", "delete_object", Bucket=bucket, Key=export("attendees"))
    secret = objects.outputs["SecretArn"]
    assert principal.is_denied("secretsmanager", "get_secret_value", SecretId=secret)
    function = objects.outputs["ExporterFunction"]
    assert principal.is_denied("lambda", "invoke", FunctionName=function)
    assert principal.is_denied("s3", "list_buckets")


@pytest.mark.parametrize(
    "wrong",
    [{"RoleSessionName": "test"}, {"ExternalId": "another"}, {"ExternalId": None}],
)
def test_the_eraser_is_assumed_for_an_erasure_only(
    stack: Stack, wrong: dict[str, str | None]
) -> None:
    administrator = Principal(stack, stack.aws._session)
    right = {
        "RoleArn": stack.outputs["EraserRoleArn"],
        "RoleSessionName": "forget-test",
        "ExternalId": stack.name,
    }
    assert administrator.call("sts", "assume_role", **right) == "allowed"
    arguments = {name: value for name, value in {**right, **wrong}.items() if value}
    assert administrator.is_denied("sts", "assume_role", **arguments)


def test_without_any_one_permission_a_call_of_the_backfill_is_denied(objects: Stack) -> None:
    # The local Step Functions does not check the role, so the calls are made directly.
    arn = backfill_role_arn(objects)
    principal = with_role(objects, arn)
    check_role(objects, arn.rpartition("/")[2], principal, calls_of_the_backfill(objects))


def backfill_role_arn(stack: Stack) -> str:
    machine = stack.outputs["BackfillStateMachine"]
    return stack.aws.state_machines.describe_state_machine(stateMachineArn=machine)["roleArn"]


def test_the_backfill_may_do_nothing_else(objects: Stack) -> None:
    principal = with_role(objects, backfill_role_arn(objects))
    bucket, wrong = objects.bucket, {"Bucket": objects.bucket, "Key": PORTIONS}
    assert principal.is_denied("s3", "put_object", **wrong)
    assert principal.is_denied("s3", "get_object", Bucket=bucket, Key=export("attendees"))
    request = "backfill/probe/request.json"
    assert principal.is_denied("s3", "get_object", Bucket=bucket, Key=request)
    assert principal.is_denied("s3", "list_objects_v2", Bucket=bucket, Prefix="backfill/")
    arguments = {"FunctionName": downloads(objects), "InvocationType": "DryRun"}
    assert principal.is_denied("lambda", "invoke", **arguments)
    other = objects.outputs["BackfillStateMachine"] + "-other"
    assert principal.is_denied("stepfunctions", "start_execution", stateMachineArn=other)
    execution = other.replace(":stateMachine:", ":execution:") + ":probe"
    assert principal.is_denied("stepfunctions", "stop_execution", executionArn=execution)
    # The administrator's own policy allows everything, so this is the trust policy.
    administrator = Principal(objects, objects.aws._session)
    arguments = {"RoleArn": backfill_role_arn(objects), "RoleSessionName": "test"}
    assert administrator.is_denied("sts", "assume_role", **arguments)


def test_without_any_one_permission_a_call_of_an_analyst_is_denied(objects: Stack) -> None:
    policy = managed_policy(objects, objects.outputs["AnalystPolicyArn"])

    def put(document: Policy) -> None:
        objects.aws.iam.put_user_policy(
            UserName="analyst", PolicyName="policy", PolicyDocument=json.dumps(document)
        )

    with user_with(objects, policy) as analyst:
        check(policy, put, analyst, calls_of_an_analyst(objects))


def test_without_any_one_permission_a_call_of_an_auditor_is_denied(objects: Stack) -> None:
    policy = managed_policy(objects, objects.outputs["AuditorPolicyArn"])

    def put(document: Policy) -> None:
        objects.aws.iam.put_user_policy(
            UserName="analyst", PolicyName="policy", PolicyDocument=json.dumps(document)
        )

    log = access_log_bucket(objects)
    objects.aws.s3.put_object(Bucket=log, Key="reports/probe", Body=b"")
    with user_with(objects, policy) as auditor:
        check(policy, put, auditor, calls_of_an_auditor(objects))
        for operation in ("put_object", "delete_object"):
            assert auditor.is_denied("s3", operation, Bucket=log, Key="reports/probe")
            assert auditor.is_denied("s3", operation, Bucket=objects.bucket, Key=READERS_KEY)
        assert auditor.is_denied("s3", "get_object", Bucket=log, Key="another")
    objects.aws.s3.delete_object(Bucket=log, Key="reports/probe")


def test_no_role_reads_or_changes_the_access_log(objects: Stack) -> None:
    log = access_log_bucket(objects)
    objects.aws.s3.put_object(Bucket=log, Key="reports/probe", Body=b"")
    roles = [
        with_role_of(objects, objects.outputs["ExporterFunction"]),
        with_role_of(objects, downloads(objects)),
        assumed(with_role_of(objects, downloads(objects)), presigner_arn(objects)),
    ]
    analyst = managed_policy(objects, objects.outputs["AnalystPolicyArn"])
    with user_with(objects, analyst) as reader:
        for principal in (*roles, reader):
            assert principal.is_denied("s3", "list_objects_v2", Bucket=log)
            for operation in ("get_object", "put_object", "delete_object"):
                assert principal.is_denied("s3", operation, Bucket=log, Key="reports/probe")
    objects.aws.s3.delete_object(Bucket=log, Key="reports/probe")


def test_without_any_one_permission_that_only_aws_checks_an_analyst_lacks_one(stack: Stack) -> None:
    policy = managed_policy(stack, stack.outputs["AnalystPolicyArn"])
    needed = permissions_that_aws_checks(stack)

    def lacks_one(document: Policy) -> bool:
        return not all(allows(stack, document, *permission) for permission in needed)

    assert not lacks_one(policy)
    weaker = {name: each for name, each in mutations(policy) if ONLY_ON_AWS.search(name)}
    assert len(weaker) > 10
    assert [name for name, document in weaker.items() if not lacks_one(document)] == []


def check_role(stack: Stack, role: str, principal: Principal, calls: list[Call]) -> None:
    policies = role_policies(stack, role)
    puts = {name: partial(put_role_policy, stack, role, name) for name in policies}
    try:
        for name, policy in policies.items():
            puts[name](as_checked_locally(policy))
        for name, policy in policies.items():
            check(policy, puts[name], principal, calls)
    finally:
        for name, policy in policies.items():
            puts[name](policy)


def put_role_policy(stack: Stack, role: str, name: str, document: Policy) -> None:
    stack.aws.iam.put_role_policy(
        RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document)
    )


def check(
    policy: Policy, put: Callable[[Policy], None], principal: Principal, calls: list[Call]
) -> None:
    put(as_checked_locally(policy))
    denied = [call for call in calls if principal.is_denied(call[0], call[1], **call[2])]
    assert denied == [], "with all permissions"
    unneeded = []
    for lacking, document in mutations(policy):
        if ONLY_ON_AWS.search(lacking):
            continue
        put(as_checked_locally(document))
        if not any(principal.is_denied(call[0], call[1], **call[2]) for call in calls):
            unneeded.append(lacking)
    put(as_checked_locally(policy))
    assert unneeded == []


def test_only_the_downloads_role_may_become_the_presigner(stack: Stack) -> None:
    arguments = {"RoleArn": presigner_arn(stack), "RoleSessionName": "test"}
    assert with_role_of(stack, downloads(stack)).call("sts", "assume_role", **arguments) == (
        "allowed"
    )
    exporter = with_role_of(stack, stack.outputs["ExporterFunction"])
    assert exporter.is_denied("sts", "assume_role", **arguments)
    # The administrator's own policy allows everything, so this is the trust policy.
    administrator = Principal(stack, stack.aws._session)
    assert administrator.is_denied("sts", "assume_role", **arguments)


def test_the_downloads_read_the_index_and_the_readers_and_no_other_object(objects: Stack) -> None:
    principal = with_role_of(objects, downloads(objects))
    read = {"Bucket": objects.bucket}
    assert principal.call("s3", "get_object", **read, Key=DAY_INDEX) == "allowed"
    assert principal.call("s3", "get_object", **read, Key=READERS_KEY) == "allowed"
    assert principal.is_denied("s3", "put_object", **read, Key=READERS_KEY)
    assert principal.is_denied("s3", "list_objects_v2", **read, Prefix="readers/")
    for key in (export("attendees"), "runs/dt=2020-02-03/probe.json", PORTIONS):
        assert principal.is_denied("s3", "get_object", **read, Key=key)
    assert principal.is_denied("s3", "put_object", **read, Key=DAY_INDEX)
    assert principal.is_denied("s3", "list_objects_v2", **read, Prefix="index/")


def test_the_presigner_learns_that_a_file_is_missing(stack: Stack) -> None:
    principal = assumed(with_role_of(stack, downloads(stack)), presigner_arn(stack))
    missing = export("attendees").replace("2020", "2021")
    found = principal.call("s3", "head_object", Bucket=stack.bucket, Key=missing)
    assert found == "404"
    assert principal.is_denied("s3", "list_objects_v2", Bucket=stack.bucket, Prefix="runs/")


@long_test
@pytest.mark.parametrize("function", ["exporter", "downloads", "presigner"])
def test_without_any_one_action_the_functions_do_not_work_as_before(
    stack: Stack, function: str
) -> None:
    roles = {
        "exporter": role_of(stack, stack.outputs["ExporterFunction"]),
        "downloads": role_of(stack, downloads(stack)),
        "presigner": presigner_arn(stack).rpartition("/")[2],
    }
    role = roles[function]
    # A list with no person, so that a run reads it.
    body = list_text([]).encode()
    stack.aws.s3.put_object(Bucket=stack.bucket, Key=SUPPRESSION_KEY, Body=body)
    before = {situation: behaviour(stack, situation) for situation in Situation}
    assert before == {situation: behaviour(stack, situation) for situation in Situation}
    unneeded = []
    policies = role_policies(stack, role)
    try:
        for name, policy in policies.items():
            for lacking, document in mutations(policy):
                if NOT_SEEN.search(lacking):
                    continue
                put_role_policy(stack, role, name, document)
                situation = situation_for(lacking)
                if before[situation] == behaviour(stack, situation):
                    unneeded.append(lacking)
            put_role_policy(stack, role, name, policy)
    finally:
        for name, policy in policies.items():
            put_role_policy(stack, role, name, policy)
        stack.aws.s3.delete_object(Bucket=stack.bucket, Key=SUPPRESSION_KEY)
    assert unneeded == []


NOT_SEEN = re.compile(
    # The local AWS writes the functions' logs itself. No report 4021 is configured. No file is
    # missing, and none is fetched in pieces. A direct event is no backfill, and counts nothing in
    # quarantine. The index is part of the coverage, and not of a download; another test tries it.
    # No column has pseudonyms. A run that cannot read what is acknowledged has more findings, and
    # is the same otherwise. The local API Gateway does not say which key a request has.
    r" logs:|report_\*|^LearnThat|^ReadSettings|^(List|Read)Readers|pieces/|backfill/|/index/"
    r"|s3:prefix quarantine/|acknowledged"
)
NUMBERS = count(1)
GARBAGE = {"kind": "garbage_text", "times": None, "report": 6002}


class Situation(Enum):
    """What a run finds."""

    EXPORTED = "everything has been exported before"
    NEW = "nothing has been exported before"
    GARBAGE = "a response of Kaltura cannot be read"


def situation_for(lacking: str) -> Situation:
    """Return the situation in which the lack of a permission shows."""
    if "quarantine" in lacking:
        return Situation.GARBAGE
    return Situation.NEW if "events:" in lacking else Situation.EXPORTED


def behaviour(stack: Stack, situation: Situation) -> list[str]:
    """Return what an operator and a reader see of one run and one download of each report."""
    number = start_anew(stack)
    day = date(2026, 5, 4) + timedelta(days=number if situation is Situation.NEW else 0)
    known = set(stack.log_text().splitlines())
    if situation is Situation.GARBAGE:
        simulation(stack, "us", "faults", "POST", [GARBAGE])
    try:
        following = str(day + timedelta(days=1))
        result = stack.invoke({"from": str(day), "to": following, "force": True})
    finally:
        simulation(stack, "us", "faults", "DELETE")
    if result.error and "run_id" not in result.error:
        seen = [result.error[:80]]
    else:
        response = result.response()
        seen = [f"{failed['task']} {failed['error'][:20]}" for failed in response["failed"]]
        seen += response["exported"]
    for slug in SLUGS:
        for region in ("us", "eu"):
            path = f"/exports/{slug}/{region}/day/{day}.csv"
            request = urllib.request.Request(
                stack.api_url + path, headers={"x-api-key": stack.api_key}
            )
            try:
                with urllib.request.urlopen(request, timeout=30) as found:
                    seen.append(f"{path} {found.status}")
            except urllib.error.HTTPError as error:
                seen.append(f"{path} {error.code}")
    lines = [line for line in stack.log_text().splitlines() if line not in known]
    for line in lines:
        if line.startswith("{") and (entry := json.loads(line)).get("level") in (
            "WARNING",
            "ERROR",
        ):
            seen.append(f"{entry['message']} {entry.get('task', '')}")
    return sorted(line.replace(str(day), "day") for line in seen)


def start_anew(stack: Stack) -> int:
    """Make both functions start anew, so that they read the secret and assume the role again.

    Returns:
        How often they were made to.
    """
    number = next(NUMBERS)
    stack.configure(CATCH_UP_DAYS=str(30 + number))
    name = downloads(stack)
    configuration = stack.aws.functions.get_function_configuration(FunctionName=name)
    variables = {**configuration["Environment"]["Variables"], "LINK_TTL_SECONDS": str(900 + number)}
    stack.aws.functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": variables}
    )
    return number
