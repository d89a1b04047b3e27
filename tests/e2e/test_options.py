"""The template with every optional parameter set: what it makes differs, and it still works.

The local CloudFormation ignores the encryption of a bucket and the boundary of a role; for these,
see tests/integration/test_template_account.py.
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from local.stack.deployment import deploy
from local.stack.lifecycle import local_stack
from local.stack.stack import Stack
from tests.e2e.policy_mutations import as_called_through, mutations
from tests.e2e.principals import Policy, allows, managed_policy, role_policies, with_role

if TYPE_CHECKING:
    from pathlib import Path

ORIGIN, DOMAIN = "https://site.example.edu", "reports.example.edu"
CUTOFF = "20000000"


@pytest.fixture(scope="module")
def options() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def stack(options: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Yield a stack that was deployed without the options, and then with them.

    The second deployment needs what the options name, which is made in between.
    """
    with local_stack() as made:
        options.update(optional_parameters(made))
        directory: Path = tmp_path_factory.mktemp("parameters")
        regions = {"KalturaRegions": made.kaltura.regions}
        outputs = deploy(made.aws, {**regions, **options}, directory)
        yield Stack(made.name, made.aws, outputs, made.kaltura)


def client(stack: Stack, service: str) -> Any:
    aws = stack.aws
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=aws.endpoint_url,
        aws_access_key_id=aws.access_key_id,
        aws_secret_access_key=aws.secret_access_key,
        region_name=aws.region,
    )


def optional_parameters(stack: Stack) -> dict[str, str]:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    boundary = stack.aws.iam.create_policy(
        PolicyName="boundary",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [everything]}),
    )
    certificate = client(stack, "acm").request_certificate(DomainName=DOMAIN)
    return {
        "PermissionsBoundaryArn": boundary["Policy"]["Arn"],
        "KmsKeyArn": client(stack, "kms").create_key()["KeyMetadata"]["Arn"],
        "BytesScannedCutoff": CUTOFF,
        "CorsOrigin": ORIGIN,
        "ApiDomainName": DOMAIN,
        "ApiCertificateArn": certificate["CertificateArn"],
        "AlarmEmail": "operator@example.edu",
        "AccessLog": "true",
        "AccessLogDays": "90",
    }


def test_the_key_encrypts_the_secret_and_the_results(stack: Stack, options: dict[str, str]) -> None:
    key = options["KmsKeyArn"]
    group = stack.aws.athena.get_work_group(WorkGroup=stack.outputs["AthenaWorkgroup"])
    configuration = group["WorkGroup"]["Configuration"]
    results = configuration["ResultConfiguration"]
    assert results["EncryptionConfiguration"]["KmsKey"] == key
    secret = stack.aws.secrets.describe_secret(SecretId=stack.outputs["SecretArn"])
    assert secret["KmsKeyId"] == key
    assert int(configuration["BytesScannedCutoffPerQuery"]) == int(CUTOFF)


def test_the_log_of_who_read_what_has_a_bucket_tables_and_a_view(stack: Stack) -> None:
    bucket = stack.outputs["AccessLogBucketName"]
    # The policy of this bucket is in force here, and refuses the plain HTTP of the local AWS.
    with pytest.raises(stack.aws.s3.exceptions.ClientError, match="explicit deny"):
        stack.aws.s3.list_objects_v2(Bucket=bucket)
    database = stack.outputs["GlueDatabase"]
    tables = {
        table["Name"]: table
        for table in stack.aws.glue.get_tables(DatabaseName=database)["TableList"]
    }
    assert {"readers", "access_log", "who_read_what"} <= tables.keys()
    account = stack.outputs["BackfillStateMachine"].split(":")[4]
    folder = f"s3://{bucket}/reports/{account}/{stack.aws.region}/{stack.bucket}/"
    assert tables["access_log"]["StorageDescriptor"]["Location"] == folder
    parameters = tables["access_log"]["Parameters"]
    assert parameters["storage.location.template"] == f"{folder}${{log_day}}/"
    assert parameters["projection.log_day.range"] == "NOW-90DAYS,NOW+1DAYS"


@pytest.mark.parametrize("user", ["exporter", "backfill"])
def test_the_key_is_used_only_by_way_of_other_services(
    stack: Stack, options: dict[str, str], user: str
) -> None:
    if user == "exporter":
        found = stack.aws.functions.get_function_configuration(
            FunctionName=stack.outputs["ExporterFunction"]
        )
        role = found["Role"]
    else:
        machine = stack.outputs["BackfillStateMachine"]
        deployed = stack.aws.state_machines.describe_state_machine(stateMachineArn=machine)
        role = deployed["roleArn"]
    policies = role_policies(stack, role.rpartition("/")[2])
    (statement,) = policies["key"]["Statement"]
    assert statement["Resource"] == options["KmsKeyArn"]
    assert set(statement["Condition"]["StringEquals"]) == {"kms:ViaService"}
    key = client(stack, "kms")
    given = key.encrypt(KeyId=options["KmsKeyArn"], Plaintext=b"text")
    arguments = {"KeyId": options["KmsKeyArn"], "CiphertextBlob": given["CiphertextBlob"]}
    assert with_role(stack, role).is_denied("kms", "decrypt", **arguments)


USES_OF_THE_KEY = {
    "ExporterRole": ["s3 Decrypt", "s3 GenerateDataKey", "secretsmanager Decrypt"],
    "BackfillRole": ["s3 Decrypt"],
    "PresignerRole": ["s3 Decrypt"],
    "AnalystPolicy": ["s3 Decrypt", "s3 GenerateDataKey"],
}
"""What each needs the key for: reading and writing objects, and reading the secret."""


def test_without_any_one_permission_on_the_key_a_use_of_it_is_denied(
    stack: Stack, options: dict[str, str]
) -> None:
    found = stack.aws.cloudformation.describe_stack_resources(StackName=stack.name)
    ids = {
        each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found["StackResources"]
    }
    key = options["KmsKeyArn"]
    for name, uses in USES_OF_THE_KEY.items():
        if name.endswith("Role"):
            policy = role_policies(stack, ids[name])["key"]
        else:
            whole = managed_policy(stack, stack.outputs["AnalystPolicyArn"])
            statements = [each for each in whole["Statement"] if each["Sid"] == "UseKey"]
            policy = {**whole, "Statement": statements}

        def denied(document: Policy, uses: list[str] = uses) -> list[str]:
            return [
                f"{action} through {service}"
                for service, action in map(str.split, uses)
                if not allows(
                    stack,
                    as_called_through(document, f"{service}.{stack.aws.region}.amazonaws.com"),
                    f"kms:{action}",
                    key,
                )
            ]

        assert denied(policy) == [], name
        weaker = list(mutations(policy))
        assert len(weaker) >= 2
        assert [lacking for lacking, document in weaker if not denied(document)] == [], name


def test_the_domain_name_and_the_origins(stack: Stack) -> None:
    assert stack.outputs["ApiUrl"] == f"https://{DOMAIN}/v1/"
    assert stack.outputs["ApiDomainTarget"]
    (path,) = stack.aws.api_gateway.get_base_path_mappings(domainName=DOMAIN)["items"]
    assert (path["basePath"], path["stage"]) == ("v1", "v1")
    (rule,) = stack.aws.s3.get_bucket_cors(Bucket=stack.bucket)["CORSRules"]
    (api,) = stack.aws.api_gateway.get_rest_apis()["items"]
    assert rule["AllowedOrigins"] == [
        f"https://{api['id']}.execute-api.{stack.aws.region}.amazonaws.com",
        f"https://{DOMAIN}",
        ORIGIN,
    ]


def test_the_exporter_and_athena_still_work(stack: Stack) -> None:
    result = stack.invoke({"from": "2026-09-01", "to": "2026-09-02"})
    assert (result.error, len(result.payload["exported"])) == (None, 6)
    count = "SELECT count(*) AS n FROM attendees WHERE granularity='day' AND dt='2026-09-01'"
    (row,) = stack.query(count)
    assert row["n"] != "0"
