"""The handler: routes, methods and other sites, before anything is asked of AWS."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from room_reports.api.service import downloads_service
from tests.support.handlers import Context, load_app

ORIGIN = "https://reports.example.edu"
Ask = Callable[..., tuple[int, dict[str, list[str]], str]]


@pytest.fixture(params=["", ORIGIN], ids=["no other site", "one other site"])
def origin(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ask(origin: str, monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.setenv("BUCKET_NAME", "bucket")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("PRESIGNER_ROLE_ARN", "arn:aws:iam::123456789012:role/presigner")
    monkeypatch.setenv("CORS_ORIGIN", origin)
    downloads_service.cache_clear()
    app = load_app("downloads")

    def send(
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
        answer = app.handler(event, Context("downloads"))
        return answer["statusCode"], answer["multiValueHeaders"], answer["body"]

    return send


def test_only_known_routes_exist(ask: Ask) -> None:
    assert ask("/")[0] == 200
    assert ask("/openapi.json")[0] == 200
    assert ask("/exports", query={"limit": ["0"]})[0] == 400
    assert ask("/coverage")[0] == 400
    assert ask("/exports/a/b/c/d")[0] == 404
    for path in ("/nothing", "/exports/a", "/exports/a/b/c/d/e", "/page.html", "/app.py"):
        status, _, body = ask(path)
        assert (status, json.loads(body)["error"]["code"]) == (404, "no_such_route")


def test_head_is_get_without_the_body(ask: Ask) -> None:
    status, headers, body = ask("/openapi.json")
    assert ask("/openapi.json", "HEAD") == (status, headers, "")
    assert body


def test_if_none_match_gets_304(ask: Ask) -> None:
    (etag,) = ask("/")[1]["ETag"]
    status, _, body = ask("/", **{"if-none-match": etag})
    assert (status, body) == (304, "")


def test_cors_header_is_sent_only_to_the_configured_origin(ask: Ask, origin: str) -> None:
    for path in ("/openapi.json", "/nothing"):
        for site in (ORIGIN, "https://evil.example"):
            allowed = ask(path, Origin=site)[1].get("Access-Control-Allow-Origin")
            assert allowed == ([ORIGIN] if origin and site == ORIGIN else None)


def test_preflight_succeeds_only_with_a_configured_origin(ask: Ask, origin: str) -> None:
    status, headers, _ = ask("/exports", "OPTIONS", Origin=ORIGIN)
    if origin:
        assert status == 204
        assert headers["Access-Control-Allow-Origin"] == [ORIGIN]
        assert "X-Api-Key" in headers["Access-Control-Allow-Headers"][0]
    else:
        assert status == 404
