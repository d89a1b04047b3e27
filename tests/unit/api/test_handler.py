"""The handler of the Downloads function: routes, methods and CORS, without AWS."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from functions.downloads import build_page
from room_reports.api.service import downloads_service
from room_reports.errors import ConfigurationError
from tests.support.handlers import Context, load_app

ORIGIN = "https://reports.example.edu"
Send = Callable[..., tuple[int, dict[str, list[str]], str]]


@pytest.fixture(params=["", ORIGIN], ids=["no CORS", "CORS"])
def origin(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def send(origin: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Send:
    """Return a function that sends a request to the handler, as it is built for Lambda."""
    build_page.build(tmp_path)
    monkeypatch.setenv("BUCKET_NAME", "bucket")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("PRESIGNER_ROLE_ARN", "arn:aws:iam::123456789012:role/presigner")
    monkeypatch.setenv("CORS_ORIGIN", origin)
    downloads_service.cache_clear()
    app = load_app("downloads", tmp_path)

    def request(
        path: str, method: str = "GET", query: dict[str, list[str]] | None = None, **headers: str
    ) -> tuple[int, dict[str, list[str]], str]:
        event: dict[str, Any] = {
            "path": path,
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "multiValueQueryStringParameters": query,
            "requestContext": {"identity": {"sourceIp": "127.0.0.1"}},
        }
        response = app.handler(event, Context("downloads"))
        return response["statusCode"], response["multiValueHeaders"], response["body"]

    return request


def test_with_a_domain_name_of_its_own_the_path_begins_with_the_stage(send: Send) -> None:
    assert send("/v1/")[0] == send("/v1")[0] == 200
    assert send("/v1/openapi.json") == send("/openapi.json")
    assert send("/v1/exports", query={"limit": ["0"]})[0] == 400
    assert send("/v1/v1/openapi.json")[0] == send("/v1exports")[0] == 404


def test_only_the_documented_routes_exist(send: Send) -> None:
    assert send("/")[0] == 200
    assert send("/openapi.json")[0] == 200
    assert send("/exports", query={"limit": ["0"]})[0] == 400
    assert send("/coverage")[0] == 400
    assert send("/exports/a/b/c/d")[0] == 404
    for path in ("/nothing", "/exports/a", "/exports/a/b/c/d/e", "/page.html", "/app.py"):
        status, _, body = send(path)
        assert (status, json.loads(body)["error"]["code"]) == (404, "no_such_route")


def test_head_is_get_without_the_body(send: Send) -> None:
    status, headers, body = send("/openapi.json")
    assert send("/openapi.json", "HEAD") == (status, headers, "")
    assert body


def test_an_unchanged_page_is_not_sent_again(send: Send) -> None:
    (etag,) = send("/")[1]["ETag"]
    status, _, body = send("/", **{"if-none-match": etag})
    assert (status, body) == (304, "")


def test_only_the_configured_origin_is_allowed(send: Send, origin: str) -> None:
    for path in ("/openapi.json", "/nothing"):
        for sender in (ORIGIN, "https://evil.example"):
            allowed = send(path, Origin=sender)[1].get("Access-Control-Allow-Origin")
            assert allowed == ([ORIGIN] if origin and sender == ORIGIN else None)


def test_a_preflight_request_succeeds_only_with_a_configured_origin(
    send: Send, origin: str
) -> None:
    status, headers, _ = send("/exports", "OPTIONS", Origin=ORIGIN)
    if origin:
        assert status == 204
        assert headers["Access-Control-Allow-Origin"] == [ORIGIN]
        assert "X-Api-Key" in headers["Access-Control-Allow-Headers"][0]
    else:
        assert status == 404


@pytest.mark.parametrize("path", ["/", "/openapi.json", "/nothing"])
def test_a_wrong_origin_is_refused_at_the_first_request(
    send: Send, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("CORS_ORIGIN", "reports.example.edu")
    with pytest.raises(ConfigurationError, match=r"CORS_ORIGIN.*https://reports\.example\.edu"):
        send(path)
