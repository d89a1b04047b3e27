"""The principals of the deployed template, their policies, and calls with their permissions."""

import io
import json
import textwrap
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.stack.stack import Stack

if TYPE_CHECKING:
    from botocore.client import BaseClient

Policy = dict[str, Any]
_GIVER = textwrap.dedent(
    """
    import os

    def handler(event, context):
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        return [os.environ.get(name) for name in names]
    """
)
_DENIED = ("AccessDenied", "AccessDeniedException", "403", "Forbidden", "UnauthorizedOperation")
_CONFIG = Config(retries={"total_max_attempts": 1})


@dataclass
class Principal:
    """A role or a user, by its credentials."""

    stack: Stack
    session: boto3.Session

    def __post_init__(self) -> None:
        self._clients: dict[str, BaseClient] = {}

    def call(self, service: str, operation: str, **arguments: Any) -> str:
        """Make a call; return ``allowed``, or the error's code."""
        client = self._clients.get(service)
        if client is None:
            url = self.stack.aws.endpoint_url
            client = self.session.client(service, endpoint_url=url, config=_CONFIG)  # type: ignore[call-overload]
            self._clients[service] = client
        try:
            getattr(client, operation)(**arguments)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "allowed"

    def is_denied(self, service: str, operation: str, **arguments: Any) -> bool:
        """Return whether a call is denied; any other failure comes after that check."""
        return self.call(service, operation, **arguments) in _DENIED


def with_role_of(stack: Stack, function: str) -> Principal:
    """Return a function's role."""
    configuration = stack.aws.functions.get_function_configuration(FunctionName=function)
    return with_role(stack, configuration["Role"])


def with_role(stack: Stack, role_arn: str) -> Principal:
    """Return a role. A function with this role, made for the purpose, gives its credentials.

    The functions' own layer has no data of the services that the role is denied.
    """
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as code:
        code.writestr("giver.py", _GIVER)
    stack.aws.functions.create_function(
        FunctionName="giver",
        Runtime="python3.13",
        Handler="giver.handler",
        Role=role_arn,
        Code={"ZipFile": package.getvalue()},
        Timeout=30,
    )
    try:
        result = stack.aws.functions.invoke(FunctionName="giver")
        key_id, secret, token = json.loads(result["Payload"].read())
    finally:
        stack.aws.functions.delete_function(FunctionName="giver")
    assert key_id != stack.aws.access_key_id
    return Principal(stack, boto3.Session(key_id, secret, token, region_name=stack.aws.region))


def assumed(
    by: Principal, role_arn: str, *, name: str = "test", external_id: str | None = None
) -> Principal:
    """Return a role that another principal assumes."""
    sts: Any = by.session.client("sts", endpoint_url=by.stack.aws.endpoint_url)
    also = {"ExternalId": external_id} if external_id else {}
    given = sts.assume_role(RoleArn=role_arn, RoleSessionName=name, **also)["Credentials"]
    session = boto3.Session(
        given["AccessKeyId"],
        given["SecretAccessKey"],
        given["SessionToken"],
        region_name=by.stack.aws.region,
    )
    return Principal(by.stack, session)


def eraser(stack: Stack) -> Principal:
    """Return the role that erases, as the command assumes it."""
    administrator = Principal(stack, stack.aws._session)
    return assumed(
        administrator, stack.outputs["EraserRoleArn"], name="forget-test", external_id=stack.name
    )


def role_policies(stack: Stack, role: str) -> dict[str, Policy]:
    """Return the policies of a role by their names, as they were deployed."""
    names = stack.aws.iam.list_role_policies(RoleName=role)["PolicyNames"]
    found = {
        name: stack.aws.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in names
    }
    return {name: json.loads(json.dumps(document)) for name, document in found.items()}


def managed_policy(stack: Stack, arn: str) -> Policy:
    """Return the document of a managed policy, as it was deployed."""
    version = stack.aws.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found = stack.aws.iam.get_policy_version(PolicyArn=arn, VersionId=version)
    document: Policy = json.loads(json.dumps(found["PolicyVersion"]["Document"]))
    return document


def allows(stack: Stack, policy: Policy, action: str, resource: str) -> bool:
    """Return whether a policy allows an action, as the policy simulator of the local AWS says."""
    results = stack.aws.iam.simulate_custom_policy(
        PolicyInputList=[json.dumps(policy)], ActionNames=[action], ResourceArns=[resource]
    )["EvaluationResults"]
    return [each["EvalDecision"] for each in results] == ["allowed"]


@contextmanager
def user_with(stack: Stack, policy: Policy) -> Iterator[Principal]:
    """Yield a user whose only policy is called ``policy``."""
    iam, name = stack.aws.iam, "analyst"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="policy", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    session = boto3.Session(
        key["AccessKeyId"], key["SecretAccessKey"], region_name=stack.aws.region
    )
    yield Principal(stack, session)
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=name, PolicyName="policy")
    iam.delete_user(UserName=name)
