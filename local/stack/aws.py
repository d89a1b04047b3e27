"""An AWS endpoint, and clients for it."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient


@dataclass(frozen=True)
class Aws:
    """An AWS endpoint and the credentials to use it with."""

    endpoint_url: str
    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    region: str = "us-east-1"

    @cached_property
    def s3(self) -> "S3Client":
        """S3, with SigV4 for presigned links, which AWS requires."""
        config = Config(signature_version="s3v4")
        return self._session.client("s3", endpoint_url=self.endpoint_url, config=config)

    @cached_property
    def functions(self) -> "LambdaClient":
        """Lambda; it waits as long as a function may run, and never retries an invocation."""
        config = Config(read_timeout=910, retries={"total_max_attempts": 1})
        return self._session.client("lambda", endpoint_url=self.endpoint_url, config=config)

    @cached_property
    def state_machines(self) -> "SFNClient":
        """Step Functions."""
        return self._session.client("stepfunctions", endpoint_url=self.endpoint_url)

    @cached_property
    def secrets(self) -> "SecretsManagerClient":
        """Secrets Manager."""
        return self._session.client("secretsmanager", endpoint_url=self.endpoint_url)

    @cached_property
    def events(self) -> "EventBridgeClient":
        """EventBridge."""
        return self._session.client("events", endpoint_url=self.endpoint_url)

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """CloudWatch Logs."""
        return self._session.client("logs", endpoint_url=self.endpoint_url)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """CloudFormation."""
        return self._session.client("cloudformation", endpoint_url=self.endpoint_url)

    @cached_property
    def athena(self) -> "AthenaClient":
        """Athena."""
        return self._session.client("athena", endpoint_url=self.endpoint_url)

    @cached_property
    def glue(self) -> "GlueClient":
        """Glue."""
        return self._session.client("glue", endpoint_url=self.endpoint_url)

    @cached_property
    def api_gateway(self) -> "APIGatewayClient":
        """API Gateway."""
        return self._session.client("apigateway", endpoint_url=self.endpoint_url)

    @cached_property
    def iam(self) -> "IAMClient":
        """IAM."""
        return self._session.client("iam", endpoint_url=self.endpoint_url)

    @cached_property
    def sts(self) -> "STSClient":
        """STS."""
        return self._session.client("sts", endpoint_url=self.endpoint_url)

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            aws_session_token=self.session_token,
            region_name=self.region,
        )

    def environment(self) -> dict[str, str]:
        """Return the environment variables that make AWS tools use this endpoint."""
        variables = {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
        }
        return variables | ({"AWS_SESSION_TOKEN": self.session_token} if self.session_token else {})
