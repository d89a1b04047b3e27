"""The HTTP request, as API Gateway sends it to the function."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Request:
    """A request's method, parameters and caller, without the path."""

    method: str
    """In capitals; GET or HEAD for every route."""
    query: Mapping[str, Sequence[str]]
    """All values by the name of the parameter."""
    if_none_match: str
    source_ip: str
    api_key_id: str | None = None
    """None if callers are authorised by IAM."""
    user_arn: str | None = None
    """The caller's ARN if callers are authorised by IAM."""
    origin: str | None = None
    """The origin of the web page that sends the request, if a browser says so."""

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Self:
        """Return the request in the event of a REST API's proxy integration."""
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        identity = event["requestContext"]["identity"]
        return cls(
            method=event["httpMethod"].upper(),
            query=event.get("multiValueQueryStringParameters") or {},
            if_none_match=headers.get("if-none-match", ""),
            source_ip=identity["sourceIp"],
            api_key_id=identity.get("apiKeyId"),
            user_arn=identity.get("userArn"),
            origin=headers.get("origin"),
        )
