"""The router: paths, methods and names, with routes that only say what they were called with."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.api.errors import KeyRefusedError, UnknownNameError
from room_reports.api.request import Request
from room_reports.api.responses import HttpResponse, json_response
from room_reports.api.router import Router


def item(request: Request, **names: str) -> HttpResponse:
    return json_response([request.method, names])


def missing(request: Request) -> HttpResponse:
    raise UnknownNameError("report", "x", ["attendees"])


def broken(request: Request) -> HttpResponse:
    raise ZeroDivisionError


ROUTER = Router(
    {
        "/": item,
        "/items.json": item,
        "/items/<first>/<second_part>": item,
        "/missing": missing,
        "/broken": broken,
    },
    None,
)


def respond(path: str, method: str = "GET") -> dict[str, Any]:
    event = {"path": path, "httpMethod": method, "requestContext": {"identity": {"sourceIp": ""}}}
    return ROUTER.respond(event)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/", {}),
        ("//", {}),
        ("/items.json", {}),
        ("/items.json/", {}),
        ("/items/a/b.csv", {"first": "a", "second_part": "b.csv"}),
        ("/items/é %/b//", {"first": "é %", "second_part": "b"}),
    ],
)
def test_a_route_gets_the_named_parts_of_its_path(path: str, names: dict[str, str]) -> None:
    assert json.loads(respond(path)["body"]) == ["GET", names]
    assert json.loads(respond(path, "get")["body"]) == ["GET", names]


@pytest.mark.parametrize(
    "path",
    ["/items", "/itemsXjson", "/items.json\n", "/items/a", "/items/a/b/c", "/items//b", "/x/"],
)
def test_other_paths_and_methods_do_not_exist(path: str) -> None:
    for method in ("GET", "HEAD"):
        assert respond(path, method)["statusCode"] == 404
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", ""):
        response = respond("/", method)
        assert response["statusCode"] == 404
        assert json.loads(response["body"])["error"]["code"] == "no_such_route"


def test_expected_errors_are_responses_and_others_are_raised() -> None:
    assert json.loads(respond("/missing")["body"])["error"]["code"] == "unknown_report"
    assert respond("/missing", "HEAD")["body"] == ""
    with pytest.raises(ZeroDivisionError):
        respond("/broken")


@given(st.text(), st.text())
def test_names_are_passed_on_unchanged_or_not_at_all(first: str, second: str) -> None:
    response = respond(f"/items/{first}/{second}")
    if response["statusCode"] == 200:
        names = json.loads(response["body"])[1]
        assert names == {"first": first, "second_part": second.rstrip("/")}
        assert not {"/", "\n", "\x00"} & set("".join(names.values()))
    else:
        assert response["statusCode"] == 404


def refuse(request: Request) -> None:
    if request.api_key_id == "expired":
        raise KeyRefusedError


def test_a_key_that_is_refused_reaches_no_route() -> None:
    router = Router({"/items.json": item, "/broken": broken}, "https://reports.example.edu", refuse)
    identity = {"sourceIp": "", "apiKeyId": "expired"}
    for path in ("/items.json", "/broken"):
        for method in ("GET", "HEAD"):
            event = {
                "path": path,
                "httpMethod": method,
                "requestContext": {"identity": identity},
                "headers": {"Origin": "https://reports.example.edu"},
            }
            response = router.respond(event)
            assert response["statusCode"] == 403
            assert "Access-Control-Allow-Origin" in response["multiValueHeaders"]
            if method == "GET":
                error = json.loads(response["body"])["error"]
                assert error["code"] == "forbidden"
                assert "expired" in error["message"]
    event["requestContext"] = {"identity": {"sourceIp": "", "apiKeyId": "other"}}
    assert router.respond({**event, "path": "/items.json"})["statusCode"] == 200
