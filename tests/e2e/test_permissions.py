"""What the exporter's role is allowed and denied, tried with that role and enforced policies."""

import io
import json
import re
import textwrap
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.stack.stack import Stack
from local.stack.template import load_template

PROBE = textwrap.dedent(
    """
    import os

    def handler(event, context):
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        return [os.environ.get(name) for name in names]
    """
)
KEY = "attendees/granularity=day/region=us/dt=2020-02-03/attendees_us_2020-02-03.csv"
STATE_KEYS = (
    *("state/probe.json", "state/active/probe", "pieces/attendees_us_2020-02-03/probe"),
    *("backfill/probe/request.json", "backfill/active/us/probe", "index/day_files/probe"),
)
Try = Callable[..., str]


@pytest.fixture(scope="module")
def attempt(stack: Stack) -> Iterator[Try]:
    """Make a call with the exporter's role; return "allowed" or the error's code.

    A function with that role gives its credentials, which are used here: the functions' layer has
    no data of the services that the role is denied.
    """
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as code:
        code.writestr("probe.py", PROBE)
    exporter = stack.aws.functions.get_function_configuration(
        FunctionName=stack.outputs["ExporterFunction"]
    )
    stack.aws.functions.create_function(
        FunctionName="probe",
        Runtime="python3.13",
        Handler="probe.handler",
        Role=exporter["Role"],
        Code={"ZipFile": package.getvalue()},
        Timeout=30,
    )
    result = stack.aws.functions.invoke(FunctionName="probe")
    key_id, secret, token = json.loads(result["Payload"].read())
    assert key_id != stack.aws.access_key_id
    session = boto3.Session(key_id, secret, token, region_name=stack.aws.region)

    def call(service: str, operation: str, **arguments: Any) -> str:
        client: Any = session.client(service, endpoint_url=stack.aws.endpoint_url)  # type: ignore[call-overload]
        try:
            getattr(client, operation)(**arguments)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "allowed"

    yield call
    stack.aws.functions.delete_function(FunctionName="probe")


def test_the_exporter_is_allowed_what_it_needs(stack: Stack, attempt: Try) -> None:
    bucket = stack.bucket
    assert attempt("s3", "put_object", Bucket=bucket, Key=KEY) == "allowed"
    assert attempt("s3", "get_object", Bucket=bucket, Key=KEY) == "allowed"
    assert attempt("s3", "head_object", Bucket=bucket, Key=KEY) == "allowed"
    assert attempt("s3", "list_objects_v2", Bucket=bucket, Prefix="attendees/gran") == "allowed"
    assert attempt("s3", "list_objects_v2", Bucket=bucket, Prefix="report_4021/") == "allowed"
    assert attempt("s3", "put_object", Bucket=bucket, Key="runs/dt=2020-02-03/x") == "allowed"
    for key in STATE_KEYS:
        prefix = key.partition("/")[0] + "/"
        assert attempt("s3", "list_objects_v2", Bucket=bucket, Prefix=prefix) == "allowed"
        assert attempt("s3", "list_objects_v2", Bucket=bucket, Prefix=key) == "allowed"
        assert attempt("s3", "put_object", Bucket=bucket, Key=key) == "allowed"
        assert attempt("s3", "get_object", Bucket=bucket, Key=key) == "allowed"
        stack.aws.s3.delete_object(Bucket=bucket, Key=key)
    secret = stack.outputs["SecretArn"]
    assert attempt("secretsmanager", "get_secret_value", SecretId=secret) == "allowed"
    stack.aws.s3.delete_object(Bucket=bucket, Key=KEY)
    stack.aws.s3.delete_object(Bucket=bucket, Key="runs/dt=2020-02-03/x")


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("delete_object", {"Key": KEY}),
        ("delete_object", {"Key": "state/settings.json"}),
        ("delete_object", {"Key": "pieces/attendees_us_2020-02-03/probe"}),
        ("put_object", {"Key": "statements/x"}),
        ("put_object", {"Key": "attendees/elsewhere.csv"}),
        ("put_object", {"Key": "elsewhere.csv"}),
        ("get_object", {"Key": "runs/dt=2020-02-03/x"}),
        ("get_object", {"Key": "quarantine/x"}),
        ("get_object", {"Key": "reference/rosters/brightspace.csv"}),
        ("put_object", {"Key": "reference/policy/policy.json"}),
        ("list_objects_v2", {}),
        ("list_objects_v2", {"Prefix": "runs/"}),
        ("list_object_versions", {"Prefix": "attendees/"}),
        ("put_object_acl", {"Key": KEY, "ACL": "public-read"}),
        ("get_bucket_policy", {}),
        ("delete_bucket_policy", {}),
        ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Suspended"}}),
    ],
)
def test_the_exporter_is_denied_other_actions_on_its_bucket(
    stack: Stack, attempt: Try, operation: str, arguments: dict[str, Any]
) -> None:
    assert attempt("s3", operation, Bucket=stack.bucket, **arguments) in {"AccessDenied", "403"}


def test_the_exporter_is_denied_other_buckets_and_secrets(stack: Stack, attempt: Try) -> None:
    assert attempt("s3", "list_objects_v2", Bucket="artifacts") == "AccessDenied"
    other = stack.aws.secrets.create_secret(Name="other", SecretString="x")["ARN"]
    result = attempt("secretsmanager", "get_secret_value", SecretId=other)
    assert result == "AccessDeniedException"
    own = stack.outputs["SecretArn"]
    result = attempt("secretsmanager", "put_secret_value", SecretId=own, SecretString="x")
    assert result == "AccessDeniedException"


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("iam", "list_roles", {}),
        ("lambda", "list_functions", {}),
        ("glue", "get_databases", {}),
        ("logs", "describe_log_groups", {}),
    ],
)
def test_the_exporter_is_denied_other_services(
    attempt: Try, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    assert attempt(service, operation, **arguments).startswith("AccessDenied")


def test_the_bucket_policy_denies_plain_http_to_everyone(stack: Stack) -> None:
    properties = load_template()["Resources"]["BucketPolicy"]["Properties"]
    policy = json.dumps(properties["PolicyDocument"])
    policy = re.sub(r'\{"Fn::Sub": ("[^"]+")\}', r"\1", policy)
    for name, value in (("AWS::Partition", "aws"), ("BucketName.Value", "refusing")):
        policy = policy.replace(f"${{{name}}}", value)
    policy = policy.replace("${LinkTtlSeconds}", "900")
    stack.aws.s3.create_bucket(Bucket="refusing")
    stack.aws.s3.list_objects_v2(Bucket="refusing")
    stack.aws.s3.put_bucket_policy(Bucket="refusing", Policy=policy)
    with pytest.raises(ClientError, match="explicit deny"):
        stack.aws.s3.list_objects_v2(Bucket="refusing")
