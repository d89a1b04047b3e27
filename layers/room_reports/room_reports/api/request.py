"""A request, as API Gateway passes it on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Request:
    """What is asked for beside the path, and by whom, as far as it is logged."""

    method: str
    """GET or HEAD."""
    query: Mapping[str, Sequence[str]]
    """Every value of every parameter."""
    if_none_match: str
    source_ip: str
    api_key_id: str | None = None
    """None when callers are authorised by IAM."""
    user_arn: str | None = None
    """Of the caller when callers are authorised by IAM."""

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Self:
        """The request in the event of a REST API's proxy integration."""
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        identity = event["requestContext"]["identity"]
        return cls(
            method=event["httpMethod"],
            query=event.get("multiValueQueryStringParameters") or {},
            if_none_match=headers.get("if-none-match", ""),
            source_ip=identity["sourceIp"],
            api_key_id=identity.get("apiKeyId"),
            user_arn=identity.get("userArn"),
        )
