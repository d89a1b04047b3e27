"""A deployed stack, found by its name, on AWS or on the local stack alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from room_reports.api.presign import S3_CONFIG
from room_reports.settings import Settings, SettingsReader, read_settings
from room_reports.storage.bucket import Bucket
from room_reports_command.errors import StackError

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient

DEFAULT_NAME = "kaltura-room-reports"
_DEFAULT_BACKFILL_CONCURRENCY = 8
_LONGEST_CALL = 910
"""Seconds; longer than a function of AWS can run."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_OURS = {"ExporterFunction", "BucketName", "SecretArn"}
"""Outputs by which a stack of this project is recognised."""


@dataclass(frozen=True)
class Connection:
    """How to reach a stack; without a profile or a region, the AWS SDK's usual sources count."""

    stack_name: str = DEFAULT_NAME
    profile: str | None = None
    region: str | None = None


class DeployedStack:
    """A stack, its outputs and parameters, and clients of the services that it uses."""

    def __init__(
        self,
        connection: Connection,
        session: boto3.Session | None = None,
        endpoint_url: str | None = None,
    ) -> None:
        """Find a stack.

        Args:
            session: Replaces the credentials of the connection.
            endpoint_url: Replaces the endpoints of AWS; default: as the AWS SDK finds them.

        Raises:
            StackError: If the connection's profile does not exist.
        """
        self.name = connection.stack_name
        self.endpoint_url = endpoint_url
        """The endpoint that replaces those of AWS; None if none does."""
        try:
            self._session = session or boto3.Session(
                profile_name=connection.profile, region_name=connection.region
            )
        except BotoCoreError as error:
            raise StackError(str(error), "Check --profile, and the file ~/.aws/config.") from error

    # Clients

    @cached_property
    def s3(self) -> "S3Client":
        """S3, with SigV4, which presigned links need."""
        return self._session.client(
            "s3", endpoint_url=self.endpoint_url, config=Config(signature_version="s3v4")
        )

    @cached_property
    def links(self) -> "S3Client":
        """S3 under the address that the API's links have."""
        return self._session.client("s3", endpoint_url=self.endpoint_url, config=S3_CONFIG)

    @cached_property
    def functions(self) -> "LambdaClient":
        """Lambda."""
        return self._session.client("lambda", endpoint_url=self.endpoint_url)

    @cached_property
    def exporter_calls(self) -> "LambdaClient":
        """Lambda, for a call of the exporter that is waited for, and is not repeated."""
        config = Config(read_timeout=_LONGEST_CALL, retries={"total_max_attempts": 1})
        return self._session.client("lambda", endpoint_url=self.endpoint_url, config=config)

    @cached_property
    def secrets(self) -> "SecretsManagerClient":
        """Secrets Manager."""
        return self._session.client("secretsmanager", endpoint_url=self.endpoint_url)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """CloudFormation."""
        return self._session.client("cloudformation", endpoint_url=self.endpoint_url)

    @cached_property
    def events(self) -> "EventBridgeClient":
        """EventBridge."""
        return self._session.client("events", endpoint_url=self.endpoint_url)

    @cached_property
    def cloudwatch(self) -> "CloudWatchClient":
        """CloudWatch."""
        return self._session.client("cloudwatch", endpoint_url=self.endpoint_url)

    @cached_property
    def topics(self) -> "SNSClient":
        """SNS."""
        return self._session.client("sns", endpoint_url=self.endpoint_url)

    @cached_property
    def api_gateway(self) -> "APIGatewayClient":
        """API Gateway."""
        return self._session.client("apigateway", endpoint_url=self.endpoint_url)

    @cached_property
    def athena(self) -> "AthenaClient":
        """Athena."""
        return self._session.client("athena", endpoint_url=self.endpoint_url)

    @cached_property
    def glue(self) -> "GlueClient":
        """Glue."""
        return self._session.client("glue", endpoint_url=self.endpoint_url)

    @cached_property
    def iam(self) -> "IAMClient":
        """IAM."""
        return self._session.client("iam", endpoint_url=self.endpoint_url)

    @cached_property
    def sts(self) -> "STSClient":
        """STS."""
        return self._session.client("sts", endpoint_url=self.endpoint_url)

    @cached_property
    def keys(self) -> Any:
        """KMS."""
        return self._session.client("kms", endpoint_url=self.endpoint_url)

    @cached_property
    def state_machines(self) -> "SFNClient":
        """Step Functions."""
        return self._session.client("stepfunctions", endpoint_url=self.endpoint_url)

    # The stack

    @cached_property
    def description(self) -> Mapping[str, Any]:
        """What CloudFormation says about the stack.

        Raises:
            StackError: If there is no such stack, or AWS refuses.
        """
        try:
            return dict(self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0])
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            raise StackError(
                f"There is no stack {self.name!r} in region "
                f"{self.cloudformation.meta.region_name}.",
                self._other_stacks(),
            ) from error

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """The stack's outputs by name.

        Raises:
            StackError: If the stack is not one of this project, or is not deployed completely.
        """
        found = _outputs(self.description)
        if not found.keys() >= _OURS:
            raise StackError(
                f"The stack {self.name!r} has the state {self.description['StackStatus']} and is "
                "not a deployed stack of this project.",
                "Give the name of the stack that you deployed with --stack, or deploy it again.",
            )
        return found

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """The stack's parameters by name."""
        return {
            each["ParameterKey"]: each.get("ParameterValue", "")
            for each in self.description.get("Parameters", ())
        }

    @property
    def resources(self) -> Mapping[str, str]:
        """The physical id of each resource by its name in the template."""
        return {name: physical for name, (physical, _) in self._resources.items()}

    @property
    def resource_types(self) -> Mapping[str, str]:
        """The type of each resource by its name in the template."""
        return {name: kind for name, (_, kind) in self._resources.items()}

    @cached_property
    def _resources(self) -> Mapping[str, tuple[str, str]]:
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(
            StackName=self.name
        )
        return {
            each["LogicalResourceId"]: (each.get("PhysicalResourceId", ""), each["ResourceType"])
            for page in pages
            for each in page["StackResourceSummaries"]
        }

    @cached_property
    def exporter(self) -> Mapping[str, Any]:
        """The configuration of the exporter function."""
        function = self.outputs["ExporterFunction"]
        return dict(self.functions.get_function_configuration(FunctionName=function))

    @cached_property
    def settings_reader(self) -> SettingsReader:
        """The exporter's environment, and what is wrong with it once ``settings`` was read."""
        variables = dict(self.exporter.get("Environment", {}).get("Variables", {}))
        memory = str(self.exporter.get("MemorySize", 1024))
        return SettingsReader({**variables, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory})

    @cached_property
    def settings(self) -> Settings:
        """The settings that the exporter runs with, with the default for each wrong one."""
        return read_settings(self.settings_reader)

    @cached_property
    def bucket(self) -> Bucket:
        """The bucket with the reports, with the operator's credentials."""
        return Bucket(self.s3, self.outputs["BucketName"])

    @property
    def backfill_concurrency(self) -> int:
        """How many requests at once a backfill makes for each region."""
        return int(self.parameters.get("BackfillConcurrency") or _DEFAULT_BACKFILL_CONCURRENCY)

    @property
    def region(self) -> str:
        """The AWS region of the stack."""
        return self.cloudformation.meta.region_name

    @property
    def local(self) -> bool:
        """Whether this is a local AWS on this machine."""
        return urlsplit(self.cloudformation.meta.endpoint_url).hostname in _LOOPBACK

    @property
    def api_url(self) -> str:
        """The address of the HTTP API, reachable from here, without a slash at its end."""
        url = self.outputs["ApiUrl"].rstrip("/")
        if not self.local:
            return url
        # The host name of the output does not exist here.
        endpoint, stage = self.cloudformation.meta.endpoint_url, urlsplit(url).path
        return f"{endpoint}/_aws/execute-api/{self.resources['Api']}{stage}"

    def _other_stacks(self) -> str:
        """Return which stacks of this project there are instead."""
        pages = self.cloudformation.get_paginator("describe_stacks").paginate()
        names = [
            each["StackName"]
            for page in pages
            for each in page["Stacks"]
            if _outputs(each).keys() >= _OURS
        ]
        if names:
            return f"Give --stack one of these: {', '.join(sorted(names))}."
        return "Check --profile and --aws-region, or deploy the stack: see README.md."


def _outputs(description: Any) -> dict[str, str]:
    return {each["OutputKey"]: each["OutputValue"] for each in description.get("Outputs", ()) or ()}
