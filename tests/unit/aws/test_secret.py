"""The secret: read over HTTP as from AWS Secrets Manager, kept, and read again when it is old."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
import pytest

from room_reports.aws.secret import MAX_AGE, SecretReader
from room_reports.errors import ConfigurationError
from tests.support.scripted_server import Response, ScriptedServer, response, serving

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

_JSON = "application/x-amz-json-1.1"
SECRET_ID = "arn:aws:secretsmanager:us-east-1:123456789012:secret:kaltura"


def secret(text: str) -> Response:
    return response(json.dumps({"ARN": SECRET_ID, "SecretString": text}).encode(), _JSON)


def refusal(code: str) -> Response:
    body = json.dumps({"__type": code, "Message": "It has no current version."}).encode()
    return response(body, _JSON, status=400)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def reader(server: ScriptedServer, clock: Callable[[], float]) -> SecretReader:
    def client() -> "SecretsManagerClient":
        return boto3.client(
            "secretsmanager",
            endpoint_url=server.url,
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )

    return SecretReader(client, clock)


def test_a_secret_is_read_again_only_when_it_is_old() -> None:
    clock = Clock()
    with serving(secret("first"), secret("second")) as server:
        secrets = reader(server, clock)
        assert not server.requests
        for clock.now in (0.0, 1.0, MAX_AGE - 1):
            assert secrets.text(SECRET_ID) == "first"
        assert len(server.requests) == 1
        clock.now = MAX_AGE
        assert secrets.text(SECRET_ID) == "second"
        assert [json.loads(each.body) for each in server.requests] == [{"SecretId": SECRET_ID}] * 2


def test_a_fresh_secret_is_read_again_and_kept() -> None:
    with serving(secret("first"), secret("second")) as server:
        secrets = reader(server, Clock())
        assert secrets.text(SECRET_ID) == "first"
        assert secrets.text(SECRET_ID, fresh=True) == "second"
        assert secrets.text(SECRET_ID) == "second"
        assert len(server.requests) == 2


def test_threads_that_need_a_secret_at_once_read_it_once() -> None:
    with serving(secret("text")) as server, ThreadPoolExecutor(8) as pool:
        secrets = reader(server, Clock())
        assert set(pool.map(secrets.text, [SECRET_ID] * 16)) == {"text"}
        assert len(server.requests) == 1


def test_a_secret_that_cannot_be_read_is_a_wrong_setting_and_is_tried_again() -> None:
    missing = refusal("ResourceNotFoundException")
    binary = response(json.dumps({"SecretBinary": "AAAA"}).encode(), _JSON)
    with serving(missing, binary, secret("text")) as server:
        secrets = reader(server, Clock())
        with pytest.raises(ConfigurationError, match=r"kaltura cannot be read.*NotFound"):
            secrets.text(SECRET_ID)
        with pytest.raises(ConfigurationError, match="it has no text"):
            secrets.text(SECRET_ID)
        assert secrets.text(SECRET_ID) == "text"
