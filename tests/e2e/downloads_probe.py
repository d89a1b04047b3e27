"""Run inside the local Lambda with the API's role: many requests at once, and other calls."""

import os
from typing import Any

import boto3
from app import handler as downloads  # type: ignore[import-not-found]
from botocore.exceptions import ClientError

from room_reports.api.presign import S3_CONFIG


def handler(event: dict[str, Any], context: object) -> Any:
    """Do what the event asks for."""
    if "requests" in event:
        return [_request(each, context) for each in event["requests"]]
    if "sign" in event:
        return _presigner().generate_presigned_url("get_object", Params=event["sign"])
    client = _presigner() if event["presigner"] else boto3.client(event["service"])
    try:
        getattr(client, event["call"])(**event["arguments"])
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"


def _request(event: dict[str, Any], context: object) -> list[Any]:
    """Return the response's status, and the parts of it that could leak something."""
    response = downloads(event, context)
    headers = response["multiValueHeaders"]
    return [response["statusCode"], response["body"], headers.get("Location")]


def _presigner() -> Any:
    given = boto3.client("sts").assume_role(
        RoleArn=os.environ["PRESIGNER_ROLE_ARN"], RoleSessionName="probe"
    )["Credentials"]
    return boto3.client(
        "s3",
        config=S3_CONFIG,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
