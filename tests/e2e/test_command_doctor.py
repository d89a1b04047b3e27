"""room-reports doctor: each fault is found, each cure cures, a healthy stack has no finding."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.stack.ministack_patches import set_api_responses
from local.stack.template import load_template
from room_reports_command.doctor import CHECKS
from room_reports_command.doctor.access_log_checks import judge_logging
from room_reports_command.doctor.check import Result, State, carry_out
from room_reports_command.doctor.examination import Examination
from tests.e2e.deployed import settings, simulation
from tests.e2e.operator import Operator
from tests.support.s3.server import S3Server

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
KEY_FIELDS = ("partner_id", "app_token_id", "app_token")
ONLY_ON_AWS = {
    "views",
    "view-types",
    "time-zone",
    "partition-pruning",
    "conditional-copy",
    "bucket-policy",
    "link-age",
    "modified-time",
    "state-machine",
    "key",
    "access-log",
}
"""Checks that a local AWS cannot make."""


@dataclass(frozen=True)
class Fault:
    """A fault, and how the check finds it."""

    make: Callable[[Operator], AbstractContextManager[Mapping[str, str] | None]]
    """Makes it, as long as the block lasts; returns parameters of the stack that it replaces."""
    found: str
    """Part of what the check says."""
    later: timedelta = timedelta()
    """How far in the future the check is made."""
    stack: str | None = None
    """Another stack than the operator's."""
    local: bool | None = None
    """False: as if the local AWS were the real one."""


def check_of(name: str) -> str:
    """Return the check of a fault: a check with several faults has the name of each after a /."""
    return name.partition("/")[0]


def named(name: str) -> Any:
    return next(check for check in CHECKS if check.name == check_of(name))


def examine(
    operator: Operator,
    name: str,
    fault: Fault | None = None,
    parameters: Mapping[str, str] | None = None,
) -> list[Result]:
    """Carry out one check, with nothing remembered from an earlier one.

    Args:
        parameters: Replace those of the stack.
    """
    later, stack, local = (
        (fault.later, fault.stack, fault.local) if fault else (timedelta(), None, None)
    )
    deployed = operator.deployed(stack)
    if parameters:
        deployed.parameters = {**deployed.parameters, **parameters}
    examination = Examination(deployed, datetime.now(UTC) + later, local=local)
    return carry_out(named(name), examination)


def findings(results: list[Result]) -> list[Result]:
    return [each for each in results if each.state is State.FINDING]


# Faults


@contextmanager
def nothing(operator: Operator) -> Iterator[None]:
    """Make no fault: the local AWS has it already, or time has passed."""
    yield


@contextmanager
def foreign_stack(operator: Operator) -> Iterator[None]:
    resource = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x"}}
    outputs = ("ExporterFunction", "BucketName", "SecretArn")
    body = {"Resources": {"It": resource}, "Outputs": {name: {"Value": "x"} for name in outputs}}
    cloudformation = operator.stack.aws.cloudformation
    cloudformation.create_stack(StackName="incomplete", TemplateBody=json.dumps(body))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="incomplete", WaiterConfig={"Delay": 1}
    )
    yield
    cloudformation.delete_stack(StackName="incomplete")


def configured(**variables: str) -> Callable[[Operator], AbstractContextManager[None]]:
    return lambda operator: settings(operator.stack, **variables)


@contextmanager
def secret_without_eu(operator: Operator) -> Iterator[None]:
    secret = operator.stack.kaltura.secret
    operator.stack.put_secret({"us": secret["us"]})
    yield
    operator.stack.put_secret(secret)


@contextmanager
def wrong_token(operator: Operator) -> Iterator[None]:
    secret = operator.stack.kaltura.secret
    operator.stack.put_secret({**secret, "eu": {**secret["eu"], "app_token": "wrong"}})
    yield
    operator.stack.put_secret(secret)


def rule_name(operator: Operator) -> str:
    return operator.deployed().resources["ExporterSchedule"]


@contextmanager
def disabled_rule(operator: Operator) -> Iterator[None]:
    operator.stack.aws.events.disable_rule(Name=rule_name(operator))
    yield
    operator.stack.aws.events.enable_rule(Name=rule_name(operator))


@contextmanager
def impossible_schedule(operator: Operator) -> Iterator[None]:
    events, name = operator.stack.aws.events, rule_name(operator)
    before = events.describe_rule(Name=name)["ScheduleExpression"]
    events.put_rule(Name=name, ScheduleExpression="cron(7 25 * * ? *)", State="ENABLED")
    yield
    events.put_rule(Name=name, ScheduleExpression=before, State="ENABLED")


@contextmanager
def raised_alarm(operator: Operator) -> Iterator[None]:
    stack = operator.deployed()
    name = stack.resources["ExportsLateAlarm"]
    stack.cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
    yield
    stack.cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="a test")


@contextmanager
def unsubscribed(operator: Operator) -> Iterator[None]:
    stack = operator.deployed()
    topic = stack.resources["AlarmTopic"]
    (subscription,) = stack.topics.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    stack.topics.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    yield
    if not stack.topics.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]:
        stack.topics.subscribe(TopicArn=topic, Protocol="email", Endpoint=subscription["Endpoint"])


@contextmanager
def unconfirmed(operator: Operator) -> Iterator[Mapping[str, str]]:
    """Subscribe an address that has to confirm it: the local AWS asks no email address for that."""
    stack = operator.deployed()
    address, topic = "http://127.0.0.1:9/alarms", stack.resources["AlarmTopic"]
    stack.topics.subscribe(TopicArn=topic, Protocol="http", Endpoint=address)
    yield {"AlarmEmail": address}
    (subscription,) = [
        each["SubscriptionArn"]
        for each in stack.topics.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        if each["Endpoint"] == address
    ]
    stack.topics.unsubscribe(SubscriptionArn=subscription)


def left_invocations(
    left: int, **variables: str
) -> Callable[[Operator], AbstractContextManager[None]]:
    """Reserve invocations at once for another function, and change the exporter's settings.

    Args:
        left: How many others can use.
    """

    @contextmanager
    def make(operator: Operator) -> Iterator[None]:
        stack = operator.deployed()
        limit = stack.functions.get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
        name = stack.resources["Downloads"]
        stack.functions.put_function_concurrency(
            FunctionName=name, ReservedConcurrentExecutions=limit - left
        )
        with settings(operator.stack, **variables):
            yield
        stack.functions.delete_function_concurrency(FunctionName=name)

    return make


@contextmanager
def suspended_versions(operator: Operator) -> Iterator[None]:
    s3, bucket = operator.stack.aws.s3, operator.stack.bucket
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    yield
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


@contextmanager
def no_public_access_block(operator: Operator) -> Iterator[None]:
    s3, bucket = operator.stack.aws.s3, operator.stack.bucket
    before = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    s3.delete_public_access_block(Bucket=bucket)
    yield
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=before)


@contextmanager
def unfinished_upload(operator: Operator) -> Iterator[None]:
    s3, bucket = operator.stack.aws.s3, operator.stack.bucket
    upload = s3.create_multipart_upload(Bucket=bucket, Key="left/over")
    yield
    if s3.list_multipart_uploads(Bucket=bucket).get("Uploads"):
        s3.abort_multipart_upload(Bucket=bucket, Key="left/over", UploadId=upload["UploadId"])


def kaltura_fault(**fault: object) -> Callable[[Operator], AbstractContextManager[None]]:
    @contextmanager
    def make(operator: Operator) -> Iterator[None]:
        simulation(operator.stack, "eu", "faults", "POST", [{"times": None, **fault}])
        yield
        simulation(operator.stack, "eu", "faults", "DELETE")

    return make


@contextmanager
def skewed_clock(operator: Operator) -> Iterator[None]:
    simulation(operator.stack, "eu", "clock", "PUT", {"offset": 1200})
    yield
    simulation(operator.stack, "eu", "clock", "PUT", {"offset": 0})


@contextmanager
def question_mark(operator: Operator) -> Iterator[None]:
    """Change the escape character as Glue would if it could not keep it."""
    glue, database = operator.stack.aws.glue, operator.stack.outputs["GlueDatabase"]
    found = glue.get_table(DatabaseName=database, Name="attendees")["Table"]
    known = ("Name", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")
    table: Any = {name: found[name] for name in known if name in found}  # type: ignore[literal-required]
    parameters = table["StorageDescriptor"]["SerdeInfo"]["Parameters"]
    before = parameters["escapeChar"]
    parameters["escapeChar"] = "?"
    glue.update_table(DatabaseName=database, TableInput=table)
    yield
    parameters["escapeChar"] = before
    glue.update_table(DatabaseName=database, TableInput=table)


def downloads(**variables: str) -> Callable[[Operator], AbstractContextManager[None]]:
    """Change variables of the function behind the API."""

    @contextmanager
    def make(operator: Operator) -> Iterator[None]:
        functions = operator.stack.aws.functions
        name = operator.deployed().resources["Downloads"]
        before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": {**before, **variables}}
        )
        yield
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": before}
        )

    return make


@contextmanager
def other_refusal(operator: Operator) -> Iterator[None]:
    gateway = operator.stack.aws.api_gateway
    api = operator.deployed().resources["Api"]
    gateway.put_gateway_response(
        restApiId=api,
        responseType="THROTTLED",
        statusCode="429",
        responseTemplates={"application/json": '{"message": "slow down"}'},
    )
    yield
    body = load_template()["Resources"]["Api"]["Properties"]["DefinitionBody"]
    set_api_responses(operator.stack.aws, body)


@contextmanager
def damaged_file(operator: Operator) -> Iterator[None]:
    """Replace the newest file by another one that claims to be the same."""
    s3, bucket = operator.stack.aws.s3, operator.stack.bucket
    keys = [
        item["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for item in page["Contents"]
        if "/granularity=" in item["Key"]
    ]
    newest = max(key.split("/dt=")[1][:10] for key in keys)
    chosen = [key for key in keys if f"/dt={newest}/" in key]
    before = {key: s3.get_object(Bucket=bucket, Key=key) for key in chosen}
    bodies = {key: found["Body"].read() for key, found in before.items()}
    for key, found in before.items():
        s3.put_object(
            Bucket=bucket, Key=key, Body=bodies[key] + b"x,y\n", Metadata=found["Metadata"]
        )
    yield
    for key, found in before.items():
        s3.put_object(Bucket=bucket, Key=key, Body=bodies[key], Metadata=found["Metadata"])


@contextmanager
def week_long_links(operator: Operator) -> Iterator[None]:
    """Let the bucket's policy allow links for the week that S3 allows by itself."""
    s3, bucket = operator.stack.aws.s3, operator.stack.bucket
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {
            "StringEquals": {"s3:authType": "REST-QUERY-STRING"},
            "NumericGreaterThan": {"s3:signatureAge": "604800000"},
        },
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    yield
    s3.delete_bucket_policy(Bucket=bucket)


def without_statement(
    role: str, policy: str, sid: str
) -> Callable[[Operator], AbstractContextManager[None]]:
    """Take a statement from an inline policy of a role.

    Args:
        role: Its name in the template.
    """

    @contextmanager
    def make(operator: Operator) -> Iterator[None]:
        iam, name = operator.deployed().iam, operator.deployed().resources[role]
        before: Any = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        statements = [each for each in before["Statement"] if each["Sid"] != sid]
        assert len(statements) < len(before["Statement"])
        if statements:
            changed = json.dumps({**before, "Statement": statements})
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=changed)
        else:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        yield
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(before))

    return make


@contextmanager
def no_presigner(operator: Operator) -> Iterator[None]:
    """Let the API's function not assume the presigner role, from a cold start on."""
    refuse = without_statement("DownloadsRole", "presign", "AssumePresignerRole")
    with refuse(operator), downloads(COLD_START="1")(operator):
        yield


def key_of(day: str) -> str:
    return f"attendees/granularity=day/region=us/dt={day}/attendees_us_{day}.csv"


def other_s3(
    fault: Callable[[S3Server, str], str | None] = lambda _server, _method: None,
) -> Callable[[Operator], AbstractContextManager[None]]:
    """Give the API another S3, with one file, which does not look at signatures.

    Args:
        fault: Returns the error of a request, by its method.
    """

    @contextmanager
    def make(operator: Operator) -> Iterator[None]:
        s3, bucket = operator.stack.aws.s3, operator.stack.bucket
        found = s3.get_object(Bucket=bucket, Key=key_of("2026-03-02"))
        recent = f"{(datetime.now(UTC) - timedelta(days=1)).date()}"
        with S3Server(time.time) as server:
            server.store.put(key_of(recent), found["Body"].read(), found["Metadata"], {})
            server.fault = lambda method, _key: fault(server, method)
            with downloads(AWS_ENDPOINT_URL_S3=server.url)(operator):
                yield

    return make


def refuses_links(_server: S3Server, method: str) -> str | None:
    return "AccessDenied" if method == "GET" else None


def refuses_a_second_look(server: S3Server, method: str) -> str | None:
    looks = [each for each, _ in server.requests if each == "HEAD"]
    return "AccessDenied" if method == "HEAD" and len(looks) > 1 else None


def left_object(key: str) -> Callable[[Operator], AbstractContextManager[None]]:
    """Leave an object in the bucket."""

    @contextmanager
    def make(operator: Operator) -> Iterator[None]:
        s3, bucket = operator.stack.aws.s3, operator.stack.bucket
        version = s3.put_object(Bucket=bucket, Key=key, Body=b"[1]")["VersionId"]
        yield
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version)

    return make


def bucket_cors(*origins: str) -> Callable[[Operator], AbstractContextManager[None]]:
    """Let the bucket allow these origins only."""

    @contextmanager
    def make(operator: Operator) -> Iterator[None]:
        s3, bucket = operator.stack.aws.s3, operator.stack.bucket
        before = s3.get_bucket_cors(Bucket=bucket)["CORSRules"]
        rules: Any = [{**rule, "AllowedOrigins": list(origins)} for rule in before]
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
        yield
        rules = before
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})

    return make


@contextmanager
def broken_state_machine(operator: Operator) -> Iterator[None]:
    """Let a backfill end as one ends whose definition Step Functions cannot carry out."""
    stack = operator.deployed()
    machines, arn = stack.state_machines, stack.outputs["BackfillStateMachine"]
    before = machines.describe_state_machine(stateMachineArn=arn)["definition"]
    states = {"Break": {"Type": "Fail", "Error": "States.Runtime", "Cause": "no such path"}}
    broken = json.dumps({"StartAt": "Break", "States": states})
    machines.update_state_machine(stateMachineArn=arn, definition=broken)
    run_backfill(operator, {})
    yield
    machines.update_state_machine(stateMachineArn=arn, definition=before)
    run_backfill(operator, {"from": "2026-03-02", "to": "2026-03-03", "dry_run": True})


def run_backfill(operator: Operator, event: Mapping[str, object]) -> None:
    """Start the state machine, and wait for its end."""
    stack = operator.deployed()
    machines = stack.state_machines
    execution = machines.start_execution(
        stateMachineArn=stack.outputs["BackfillStateMachine"], input=json.dumps(event)
    )["executionArn"]
    deadline = time.monotonic() + 60
    while machines.describe_execution(executionArn=execution)["status"] == "RUNNING":
        assert time.monotonic() < deadline, f"{execution} does not end"
        time.sleep(0.2)


@contextmanager
def useless_key(operator: Operator) -> Iterator[Mapping[str, str]]:
    """Configure a KMS key that is disabled, and that only the operator may use."""
    keys = operator.deployed().keys
    administrator = operator.deployed().iam.get_user(UserName="administrator")["User"]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": administrator["Arn"]},
        "Action": "kms:*",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    key = keys.create_key(Policy=policy)["KeyMetadata"]
    keys.disable_key(KeyId=key["KeyId"])
    yield {"KmsKeyArn": key["Arn"]}
    keys.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)


@contextmanager
def not_logged(operator: Operator) -> Iterator[Mapping[str, str]]:
    """Configure the log of who read what, and do not log the bucket."""
    yield {"AccessLog": "true"}


@contextmanager
def logged_elsewhere(operator: Operator) -> Iterator[Mapping[str, str]]:
    """Log the bucket into itself, where no table reads."""
    s3, bucket = operator.stack.aws.s3, operator.stack.bucket
    status: Any = {"LoggingEnabled": {"TargetBucket": bucket, "TargetPrefix": "logs/"}}
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus=status)
    yield {"AccessLog": "true"}
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})


FAULTS = {
    "deployed": Fault(foreign_stack, "lacks the outputs", stack="incomplete"),
    "settings": Fault(configured(SETTLE_HOURS="soon"), "should be a number"),
    "memory": Fault(configured(CONCURRENCY="60"), "lower Concurrency"),
    "secret": Fault(secret_without_eu, "no entry for region 'eu'"),
    "rule-enabled": Fault(disabled_rule, "is DISABLED"),
    "schedule": Fault(impossible_schedule, "is not a number from 0 to 23"),
    "last-run": Fault(nothing, "the last scheduled run was", later=timedelta(days=3)),
    "alarms": Fault(raised_alarm, "a test"),
    "alarm-email": Fault(unsubscribed, "is not subscribed"),
    "alarm-email/not confirmed": Fault(unconfirmed, "has not confirmed the subscription"),
    "lambda-concurrency": Fault(left_invocations(14), "14 of"),
    "lambda-concurrency/backfill": Fault(
        left_invocations(100, CONCURRENCY="1", BACKFILL_CONCURRENCY="100"), "211 are needed"
    ),
    "bucket-policy": Fault(nothing, "no policy", local=False),
    "versioning": Fault(suspended_versions, "suspended"),
    "public-access": Fault(no_public_access_block, "BlockPublicAcls"),
    "unfinished-uploads": Fault(unfinished_upload, "unfinished since", later=timedelta(days=4)),
    "kaltura-reachable": Fault(
        kaltura_fault(kind="http_status", status=503, service=None), "responds with 503"
    ),
    "clock-skew": Fault(skewed_clock, "ahead of AWS's clock"),
    "kaltura-session": Fault(wrong_token, "INVALID_APP_TOKEN_HASH"),
    "reports-respond": Fault(
        kaltura_fault(kind="api_error", code="REPORT_NOT_FOUND", report=6001), "REPORT_NOT_FOUND"
    ),
    "row-cap": Fault(configured(ROW_CAPS="1"), "the cap is 1"),
    "escape-character": Fault(question_mark, "U+003F"),
    "views": Fault(nothing, "does not exist", local=False),
    "time-zone": Fault(nothing, "does not exist", local=False),
    "conditional-copy": Fault(nothing, "does not refuse a copy with a wrong If-Match", local=False),
    "missing-key": Fault(downloads(BUCKET_NAME="no-such-bucket"), "and not 404 not_exported"),
    "gateway-responses": Fault(other_refusal, "no JSON error"),
    "presigned-link": Fault(damaged_file, "does not have its SHA-256"),
    "presigned-link/no presigner": Fault(no_presigner, "the listing responds with"),
    "presigned-link/no link": Fault(other_s3(refuses_a_second_look), "and not with a link to"),
    "presigned-link/refused": Fault(other_s3(refuses_links), "refuses a new link with 403"),
    "presigned-link/changed": Fault(other_s3(), "a changed link gets 200 and not 403"),
    "cors": Fault(downloads(CORS_ORIGIN=""), "allows the origin of no site"),
    "link-age": Fault(nothing, "allows links of any age", local=False),
    "link-age/a week": Fault(week_long_links, "links of up to 604800 s", local=False),
    "quarantine": Fault(left_object("quarantine/dt=2026-03-02/r/a.json"), "1 response of"),
    "notifications": Fault(left_object("state/unsent/r.json"), "all those of 1 run, since"),
    "reference-data": Fault(left_object("reference/rosters/a.csv"), "The header is [1]."),
    "missing-key/presigner": Fault(
        without_statement("PresignerRole", "read", "LearnThatAReportIsMissing"), "a link gets 403"
    ),
    "bucket-cors": Fault(bucket_cors("https://other.example"), "does not allow"),
    "bucket-cors/any page": Fault(bucket_cors("*"), "allows https://example.com"),
    "bucket-cors/any API": Fault(
        bucket_cors("https://*.execute-api.us-east-1.amazonaws.com"),
        "allows https://0000000000.execute-api",
    ),
    "modified-time": Fault(nothing, "$file_modified_time", local=False),
    "child-workflows": Fault(broken_state_machine, "ended with States.Runtime: no such path"),
    "key": Fault(useless_key, "it is Disabled", local=False),
    "access-log": Fault(not_logged, "does not log the requests", local=False),
    "access-log/elsewhere": Fault(logged_elsewhere, "another place: TargetB", local=False),
    "access-log/no table": Fault(not_logged, "does not exist", local=False),
    "key/policy": Fault(useless_key, "does not let IAM policies", local=False),
    "key/alarms": Fault(useless_key, "does not let CloudWatch", local=False),
    "key/roles": Fault(useless_key, "may not kms:Decrypt, kms:GenerateDataKey", local=False),
}
"""A fault for each check, at least. tests/unit has those that no local AWS can provoke."""
JUDGED_IN_UNIT_TESTS = {"view-types", "partition-pruning", "state-machine"}


@pytest.fixture(scope="module", autouse=True)
def backfilled(operator: Operator) -> None:
    """Run a backfill with child workflows, which doctor looks at."""
    arguments = ("--from", "2025-01-01", "--to", "2025-01-02", "--reports", "attendees", "--force")
    ran = operator.run("backfill", *arguments, "--yes")
    assert ran.code == 0, ran.err


def test_there_is_a_fault_for_each_check() -> None:
    assert {check.name for check in CHECKS} == set(map(check_of, FAULTS)) | JUDGED_IN_UNIT_TESTS


def test_a_healthy_stack_has_no_finding(operator: Operator) -> None:
    ran = operator.run("doctor", "--json")
    results = ran.document["results"]
    assert [each for each in results if each["state"] == "finding"] == []
    assert (ran.code, ran.err) == (0, "")
    skipped = {each["check"] for each in results if each["state"] == "not checked"}
    assert skipped == ONLY_ON_AWS
    assert {each["check"] for each in results} == {check.name for check in CHECKS}


def test_doctor_leaves_nothing_behind(operator: Operator) -> None:
    """Carry out every check, also those that only the real AWS can tell."""
    stack = operator.deployed()

    def kept() -> list[str]:
        pages = stack.s3.get_paginator("list_objects_v2").paginate(
            Bucket=stack.resources["QueryResults"]
        )
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def queries() -> int:
        group = stack.outputs["AthenaWorkgroup"]
        pages = stack.athena.get_paginator("list_query_executions").paginate(WorkGroup=group)
        return sum(len(page["QueryExecutionIds"]) for page in pages)

    before = operator.stack.versions(), kept(), queries()
    examination = Examination(stack, local=False)
    results = {check.name: carry_out(check, examination) for check in CHECKS}
    assert list(examination.query("SELECT 1").rows) == [("1",)]
    assert "bytes scanned" in results["partition-pruning"][0].found
    assert queries() > before[2] + 2
    assert (operator.stack.versions(), kept()) == before[:2]


def is_tested(name: str, cure: str) -> bool:
    """Return whether a cure is a page that exists, or a command that a test runs."""
    if cure.startswith("docs/"):
        return (ROOT / cure.partition("#")[0]).exists()
    return (
        (cure.startswith("aws ") and name in CURED_BY_AWS)
        or (cure.startswith("aws service-quotas ") and check_of(name) == "lambda-concurrency")
        or (cure.startswith("room-reports secret set") and name in {"secret", "kaltura-session"})
        or (cure == "sam build && sam deploy --config-file deploy.toml" and name == "deployed")
        or (cure == "room-reports reference check" and name == "reference-data")
        or cure.startswith("Open the link in the email that AWS has sent to ")
    )


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_only_while_it_is_there(operator: Operator, name: str) -> None:
    fault = FAULTS[name]
    with fault.make(operator) as parameters:
        results = examine(operator, name, fault, parameters)
    found = findings(results)
    assert found, results
    assert all(each.meaning for each in found)
    assert all(is_tested(name, each.cure) for each in found), found
    assert any(fault.found in each.found for each in found), found
    assert findings(examine(operator, name)) == []


CURED_BY_AWS = ("rule-enabled", "alarm-email", "versioning", "public-access", "unfinished-uploads")


@pytest.mark.parametrize("name", CURED_BY_AWS)
def test_a_command_of_the_aws_cli_cures(operator: Operator, name: str) -> None:
    fault = FAULTS[name]
    with fault.make(operator):
        for each in findings(examine(operator, name, fault)):
            assert each.cure.startswith("aws ")
            ran = operator.shell(each.cure)
            assert ran.code == 0, ran.err
        assert findings(examine(operator, name, fault)) == []


def test_the_command_of_the_page_logs_an_adopted_bucket(operator: Operator) -> None:
    page = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^aws s3api put-bucket-logging (?:.+\\\n)*.+$", page, re.M)
    s3, bucket = operator.stack.aws.s3, operator.stack.bucket
    s3.create_bucket(Bucket="access-log")
    try:
        ran = operator.shell(command, {"BUCKET": bucket, "ACCESS_LOG_BUCKET": "access-log"})
        assert ran.code == 0, ran.err
        found = s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]
        assert judge_logging(found, "access-log").state is State.OK
    finally:
        s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
        s3.delete_bucket(Bucket="access-log")


@pytest.mark.parametrize(("added", "taken"), [("", True), (" --no-such-option 1", False)])
def test_the_aws_cli_takes_the_command_for_a_quota(
    operator: Operator, added: str, taken: bool
) -> None:
    """Let the CLI check the command without a request: a local AWS has no quotas."""
    command = next(check.cure for check in CHECKS if check.name == "lambda-concurrency")
    ran = operator.shell(f"{command}{added} --generate-cli-skeleton output")
    assert (ran.code == 0, "RequestedQuota" in ran.out) == (taken, taken), ran.err


@pytest.mark.parametrize(
    ("name", "regions"), [("secret", ["us", "eu"]), ("kaltura-session", ["eu"])]
)
def test_setting_the_secret_cures(operator: Operator, name: str, regions: list[str]) -> None:
    """Run the cure on a terminal, and type the credentials, as an operator does."""
    secret = operator.stack.kaltura.secret
    typed = [
        line
        for region in regions
        for line in (
            ("Form", "app-token\r"),
            *((field, f"{secret[region][field]}\r") for field in KEY_FIELDS),
        )
    ]
    with FAULTS[name].make(operator):
        (found,) = findings(examine(operator, name))
        program, *arguments = found.cure.split()
        assert program == "room-reports"
        code, shown = operator.type(arguments, typed)
        assert (code, "was saved" in shown) == (0, True), shown
        assert not any(str(secret[region]["app_token"]) in shown for region in regions)
        assert findings(examine(operator, name)) == []


def test_a_finding_has_its_cure_below_it(operator: Operator) -> None:
    with disabled_rule(operator):
        ran = operator.run("doctor", "--only", "rule-enabled,secret")
    assert ran.code == 1
    assert f"cure: aws events enable-rule --name {rule_name(operator)}" in ran.out
    assert "1 finding." in ran.err
    assert "\x1b" not in ran.out + ran.err


def test_an_unknown_check_is_refused(operator: Operator) -> None:
    ran = operator.run("doctor", "--only", "rule-enabeld")
    assert (ran.code, ran.out) == (2, "")
    assert "rule-enabeld" in ran.err


def test_no_secret_is_in_the_output(operator: Operator) -> None:
    ran = operator.run("doctor", "--json")
    for account in operator.stack.kaltura.secret.values():
        assert str(account["app_token"]) not in ran.out + ran.err
    assert operator.stack.api_key not in ran.out + ran.err
    assert "X-Amz-Signature" not in ran.out + ran.err
