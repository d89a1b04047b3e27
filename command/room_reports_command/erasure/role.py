"""The role that erases: assumed for one erasure, and for nothing else."""

import secrets
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    RefreshableCredentials,
)
from botocore.exceptions import ClientError

from room_reports_command.errors import StackError
from room_reports_command.stack import DeployedStack

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_OUTPUT = "EraserRoleArn"
_CONNECTIONS = 32


class _AssumedRole(CredentialProvider):
    """Assumes the role again whenever its credentials are about to expire."""

    METHOD = "assume-eraser-role"

    def __init__(self, stack: DeployedStack, role: str) -> None:
        super().__init__()
        self._stack = stack
        self._role = role
        self._name = f"forget-{secrets.token_hex(8)}"
        self._credentials: RefreshableCredentials | None = None

    def load(self) -> RefreshableCredentials:
        """Return credentials that renew themselves."""
        if self._credentials is None:
            self._credentials = RefreshableCredentials.create_from_metadata(
                metadata=self.assume(), refresh_using=self.assume, method=self.METHOD
            )
        return self._credentials

    def assume(self) -> dict[str, str]:
        """Assume the role."""
        given = self._stack.sts.assume_role(
            RoleArn=self._role, RoleSessionName=self._name, ExternalId=self._stack.name
        )["Credentials"]
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": given["Expiration"].isoformat(),
        }


def eraser_client(stack: DeployedStack) -> "S3Client":
    """Return a client of S3 with the role that erases.

    Raises:
        StackError: If the stack has no such role, or you may not assume it.
    """
    role = stack.outputs.get(_OUTPUT)
    if not role:
        raise StackError(
            f"The stack has no output {_OUTPUT}.",
            "Deploy the current version: sam build && sam deploy --config-file deploy.toml",
        )
    provider = _AssumedRole(stack, role)
    try:
        provider.load()
    except ClientError as error:
        if error.response["Error"].get("Code") not in ("AccessDenied", "AccessDeniedException"):
            raise
        raise StackError(
            f"You may not assume the role {role}.",
            "Ask for sts:AssumeRole on it: see docs/security.md.",
        ) from error
    session = botocore.session.Session()
    session.register_component("credential_provider", CredentialResolver([provider]))
    return boto3.Session(botocore_session=session, region_name=stack.region).client(
        "s3",
        endpoint_url=stack.endpoint_url,
        config=Config(
            signature_version="s3v4",
            max_pool_connections=_CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": 5},
        ),
    )
