"""The text of a secret in AWS Secrets Manager, read again only when it is old."""

import time
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from room_reports.aws.clients import aws_client
from room_reports.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

MAX_AGE = 300.0
"""Seconds for which a secret is kept. One that the operator has replaced is used after that."""
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=5, read_timeout=10
)


class SecretReader:
    """Reads secrets and keeps them for some minutes; safe to share between threads."""

    def __init__(
        self,
        client: "Callable[[], SecretsManagerClient]" = lambda: aws_client(
            "secretsmanager", _CONFIG
        ),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read with the client that ``client`` makes, when the first secret is read.

        Args:
            clock: Returns seconds, and never goes back.
        """
        self._new_client = client
        self._client: SecretsManagerClient | None = None
        self._clock = clock
        self._lock = Lock()
        self._kept: dict[str, tuple[float, str]] = {}

    def text(self, secret_id: str, *, fresh: bool = False) -> str:
        """Return the text of a secret, as it was at most ``MAX_AGE`` seconds ago.

        Args:
            fresh: Read it again, however young what is kept.

        Raises:
            ConfigurationError: If it cannot be read, or is not a text. Nothing is kept then.
        """
        with self._lock:
            read_at, text = self._kept.get(secret_id, (float("-inf"), ""))
            now = self._clock()
            if fresh or now - read_at >= MAX_AGE:
                text = self._read(secret_id)
                self._kept[secret_id] = now, text
            return text

    def _read(self, secret_id: str) -> str:
        try:
            self._client = self._client or self._new_client()
            return self._client.get_secret_value(SecretId=secret_id)["SecretString"]
        except (ClientError, BotoCoreError, KeyError) as error:
            problem = "it has no text" if isinstance(error, KeyError) else error
            raise ConfigurationError(
                [
                    f"the secret {secret_id} cannot be read; put the Kaltura credentials into it: "
                    f"{problem}"
                ]
            ) from error
