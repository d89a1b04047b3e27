"""Hostile requests: path traversal, injection, and values that break parsers."""

import random
from collections.abc import Iterator
from typing import Any

FRAGMENTS = (
    "..", "../", "..\\", "%2e%2e", "%2e%2e%2f", "%252e%252e%252f", "..%2f..%2fruns", "..%5c",
    "....//", "%c0%ae%c0%ae/", "\x00", "%00", "a\x00.csv", "\u202e", "\ufeff", "\ud800",
    "٢٠٢٦-١١-٢٢", "２０２６-11-22", "2026-11-22\n", "2026-11-22%0a", "2026-11-22T24Z",
    "2026-02-30", "0000-00-00", "9999-99-99", "' OR '1'='1", "1; DROP TABLE attendees --",
    '" UNION SELECT 1 --', "$(id)", "`id`", "${jndi:ldap://x}", "{{7*7}}",
    "<script>alert(1)</script>", "\r\nLocation: http://evil.example/",
    "%0d%0aSet-Cookie: a=b", "runs/dt=2026-01-01/x.json", "quarantine/x", "s3://other/key",
    "http://169.254.169.254/latest/", "attendees/granularity=day", "?versionId=null", "#",
    "*", "%", "%zz", "/", "//", ";", "&", "=", "~", ".", "x" * 300, "9" * 400,
    "latest/../../runs", "latest.csv.csv", "LATEST", "latest%20", "null", "NaN", "-1", "1e9",
    "0x10", "[]", "{}", "true", "day,hour", "us,eu", "room_data,attendees", "report_9999",
    "é", "日", "🙂",
)  # fmt: skip
SERIES = ("attendees", "us", "day", "2026-11-22.csv")
QUERIES = {
    "/exports": ("report", "region", "granularity", "from", "to", "limit", "cursor"),
    "/coverage": ("report", "region", "granularity", "from", "to"),
}

_ROUTES = ("", "exports", "coverage")


def hostile_requests(count: int, seed: int) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Yield ``count`` paths below the stage, each with a query; the same for the same seed."""
    chance = random.Random(seed)
    for number in range(count):
        bad = "".join(chance.choices(FRAGMENTS, k=chance.choice((1, 1, 1, 2, 3))))
        kind = number % 5
        if kind == 0:
            parts = list(SERIES)
            place = chance.randrange(len(parts))
            parts[place] = chance.choice((bad, parts[place] + bad, bad + parts[place]))
            yield "/exports/" + "/".join(parts), {}
        elif kind == 1:
            path = chance.choice(("", "exports/", "coverage/", "exports/attendees/")) + bad
            # A trailing slash is allowed.
            yield "/" + (path if path.strip("/") not in _ROUTES else f"{path}/{bad}x"), {}
        elif kind == 2:
            yield "/exports/" + "/".join(SERIES), {chance.choice(("versionId", "x", bad)): [bad]}
        else:
            path = chance.choice(list(QUERIES))
            name = chance.choice((*QUERIES[path], bad))
            query = {"report": ["attendees"], "region": ["us"]} | {name: [bad]}
            yield path, query if chance.random() < 0.9 else {name: ["us", bad]}


def event(path: str, query: dict[str, list[str]]) -> dict[str, Any]:
    """Return the event that a REST API's proxy integration sends for it."""
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": "GET",
        "headers": {},
        "multiValueHeaders": {},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": {"proxy": path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "stage": "v1",
            "path": f"/v1{path}",
            "httpMethod": "GET",
            "identity": {"sourceIp": "127.0.0.1", "apiKeyId": "key"},
        },
        "body": None,
        "isBase64Encoded": False,
    }
