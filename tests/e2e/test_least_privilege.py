"""Every permission in the template is needed: without it, a call of the code is denied.

The calls below are those that the code makes. Each permission is taken from the role on the local
stack, and one of the calls must be denied then. ``IAM_SWEEP=1`` also runs the exporter and the API
themselves without each permission, and they must not behave as before.
"""

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from enum import Enum
from functools import partial
from itertools import count
from typing import Any

import pytest

from local.stack.stack import Stack
from tests.e2e.deployed import simulation
from tests.e2e.policy_mutations import as_checked_locally, mutations
from tests.e2e.principals import (
    Policy,
    Principal,
    assumed,
    managed_policy,
    role_policies,
    user_with,
    with_role_of,
)
from tests.support.world import SLUGS

ONLY_ON_AWS = re.compile(
    # The local AWS has no such operation.
    r" athena:(GetQueryResultsStream|ListEngineVersions) on "
    # AWS checks Glue's actions on catalogue, database and table; the local one on the database, or
    # on anything.
    r"| glue:\w+ on \S+:(catalog|table/\S+)$| glue:GetDatabase on "
)
Call = tuple[str, str, dict[str, Any]]
REPORTS = (*SLUGS, "report_4021")


def export(slug: str) -> str:
    return f"{slug}/granularity=day/region=us/dt=2020-02-03/{slug}_us_2020-02-03.csv"


def s3(stack: Stack, operation: str, *keys: str) -> list[Call]:
    return [("s3", operation, {"Bucket": stack.bucket, "Key": key}) for key in keys]


def listings(stack: Stack, *prefixes: str) -> list[Call]:
    return [
        ("s3", "list_objects_v2", {"Bucket": stack.bucket, "Prefix": prefix}) for prefix in prefixes
    ]


def logs(stack: Stack, function: str) -> list[Call]:
    group = {"logGroupName": f"/aws/lambda/{stack.name}-{function}", "logStreamName": "probe"}
    event = {"timestamp": 1, "message": "probe"}
    return [
        ("logs", "create_log_stream", group),
        ("logs", "put_log_events", {**group, "logEvents": [event]}),
    ]


def calls_of_the_exporter(stack: Stack) -> list[Call]:
    exports = [export(slug) for slug in REPORTS]
    state = ["state/settings.json", "pieces/attendees_us_2020-02-03/probe"]
    entry = {"Source": "kaltura-room-reports", "DetailType": "probe", "Detail": "{}"}
    return [
        *listings(stack, *(f"{key.partition('dt=')[0]}dt=" for key in exports)),
        *listings(stack, "state/active/", "state/unsent/", "pieces/"),
        *s3(stack, "put_object", *exports, *state, "runs/dt=2020-02-03/probe.json"),
        *s3(stack, "put_object", "quarantine/dt=2020-02-03/run/probe.json"),
        *s3(stack, "head_object", *exports),
        *s3(stack, "get_object", *exports, *state),
        ("secretsmanager", "get_secret_value", {"SecretId": stack.outputs["SecretArn"]}),
        ("events", "put_events", {"Entries": [{**entry, "EventBusName": "default"}]}),
        *logs(stack, "exporter"),
    ]


def calls_of_the_downloads(stack: Stack) -> list[Call]:
    presigner = {"RoleArn": presigner_arn(stack), "RoleSessionName": "downloads"}
    return [
        *listings(stack, *(f"{export(slug).partition('dt=')[0]}dt=" for slug in REPORTS)),
        ("sts", "assume_role", presigner),
        *logs(stack, "downloads"),
    ]


def calls_of_the_presigner(stack: Stack) -> list[Call]:
    exports = [export(slug) for slug in REPORTS]
    versions = [
        (service, operation, {**arguments, "VersionId": version_of(stack, arguments["Key"])})
        for service, operation, arguments in s3(stack, "get_object", *exports)
    ]
    return [
        *s3(stack, "head_object", *exports),
        *versions,
        *listings(stack, *(f"{slug}/granularity=day/" for slug in REPORTS)),
    ]


def calls_of_an_analyst(stack: Stack) -> list[Call]:
    group, database = stack.outputs["AthenaWorkgroup"], stack.outputs["GlueDatabase"]
    results = results_bucket(stack)
    query, catalogue = {"QueryExecutionId": "0" * 36}, {"CatalogName": "AwsDataCatalog"}
    start = {
        "QueryString": "SELECT 1",
        "WorkGroup": group,
        "QueryExecutionContext": {"Database": database},
    }
    run = stack.aws.athena.start_query_execution(**start)["QueryExecutionId"]  # type: ignore[arg-type]
    query = {"QueryExecutionId": run}
    (saved, *_) = stack.aws.athena.list_named_queries(WorkGroup=group)["NamedQueryIds"]
    table = {"DatabaseName": database, "Name": "attendees"}
    objects = {"Bucket": results, "Key": "probe"}
    upload = stack.aws.s3.create_multipart_upload(Bucket=results, Key="probe")["UploadId"]
    return [
        ("athena", "get_work_group", {"WorkGroup": group}),
        ("athena", "start_query_execution", start),
        ("athena", "get_query_execution", query),
        ("athena", "batch_get_query_execution", {"QueryExecutionIds": [run]}),
        ("athena", "get_query_results", query),
        ("athena", "stop_query_execution", query),
        ("athena", "list_query_executions", {"WorkGroup": group}),
        ("athena", "list_named_queries", {"WorkGroup": group}),
        ("athena", "get_named_query", {"NamedQueryId": saved}),
        ("athena", "batch_get_named_query", {"NamedQueryIds": [saved]}),
        ("athena", "list_work_groups", {}),
        ("athena", "list_data_catalogs", {}),
        ("athena", "list_engine_versions", {}),
        ("athena", "get_data_catalog", {"Name": "AwsDataCatalog"}),
        ("athena", "list_databases", catalogue),
        ("athena", "get_database", {**catalogue, "DatabaseName": database}),
        ("athena", "list_table_metadata", {**catalogue, "DatabaseName": database}),
        (
            "athena",
            "get_table_metadata",
            {**catalogue, "DatabaseName": database, "TableName": "attendees"},
        ),
        ("glue", "get_database", {"Name": database}),
        ("glue", "get_table", table),
        ("glue", "get_tables", {"DatabaseName": database}),
        ("glue", "get_partitions", {"DatabaseName": database, "TableName": "attendees"}),
        ("s3", "get_bucket_location", {"Bucket": stack.bucket}),
        ("s3", "get_bucket_location", {"Bucket": results}),
        *listings(stack, *(f"{slug}/granularity=day/" for slug in REPORTS), "runs/dt="),
        *s3(stack, "get_object", *map(export, REPORTS), "runs/dt=2020-02-03/probe.json"),
        ("s3", "list_objects_v2", {"Bucket": results}),
        ("s3", "put_object", objects),
        ("s3", "get_object", objects),
        ("s3", "abort_multipart_upload", {**objects, "UploadId": upload}),
    ]


def presigner_arn(stack: Stack) -> str:
    configuration = stack.aws.functions.get_function_configuration(FunctionName=downloads(stack))
    return configuration["Environment"]["Variables"]["PRESIGNER_ROLE_ARN"]


def downloads(stack: Stack) -> str:
    (name,) = [
        function["FunctionName"]
        for function in stack.aws.functions.list_functions()["Functions"]
        if "PRESIGNER_ROLE_ARN" in function.get("Environment", {}).get("Variables", {})
    ]
    return name


def role_of(stack: Stack, function: str) -> str:
    configuration = stack.aws.functions.get_function_configuration(FunctionName=function)
    return configuration["Role"].rpartition("/")[2]


def version_of(stack: Stack, key: str) -> str:
    return stack.aws.s3.head_object(Bucket=stack.bucket, Key=key)["VersionId"]


def results_bucket(stack: Stack) -> str:
    group = stack.aws.athena.get_work_group(WorkGroup=stack.outputs["AthenaWorkgroup"])
    configuration = group["WorkGroup"]["Configuration"]["ResultConfiguration"]
    return configuration["OutputLocation"].removeprefix("s3://").strip("/")


@pytest.fixture(scope="module")
def objects(stack: Stack) -> Iterator[Stack]:
    """Put an object where each call reads one; remove everything that the calls leave."""
    keys = [*map(export, REPORTS), "runs/dt=2020-02-03/probe.json"]
    keys += ["pieces/attendees_us_2020-02-03/probe", "quarantine/dt=2020-02-03/run/probe.json"]
    for key in keys:
        stack.aws.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"")
    had_settings = "state/settings.json" in stack.versions("state/")
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


def test_without_any_one_permission_a_call_of_an_analyst_is_denied(objects: Stack) -> None:
    policy = managed_policy(objects, objects.outputs["AnalystPolicyArn"])

    def put(document: Policy) -> None:
        objects.aws.iam.put_user_policy(
            UserName="analyst", PolicyName="policy", PolicyDocument=json.dumps(document)
        )

    with user_with(objects, policy) as analyst:
        check(policy, put, analyst, calls_of_an_analyst(objects))


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


def test_the_presigner_learns_that_a_file_is_missing(stack: Stack) -> None:
    principal = assumed(with_role_of(stack, downloads(stack)), presigner_arn(stack))
    missing = export("attendees").replace("2020", "2021")
    found = principal.call("s3", "head_object", Bucket=stack.bucket, Key=missing)
    assert found == "404"
    assert principal.is_denied("s3", "list_objects_v2", Bucket=stack.bucket, Prefix="runs/")


@pytest.mark.skipif(not os.environ.get("IAM_SWEEP"), reason="part of make test-all")
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
    assert unneeded == []


NOT_SEEN = re.compile(
    # The local AWS writes the functions' logs itself. No report 4021 is configured. No file is
    # missing, and none is fetched in pieces.
    r" logs:|report_\*|^LearnThat|pieces/"
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
