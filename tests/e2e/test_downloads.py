"""The HTTP API on the local stack, with policies, signatures and expiry enforced."""

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
import requests

from functions.downloads import build_page
from local.stack.stack import Stack
from room_reports.model.readers import Reader, format_readers
from room_reports.model.windows import iso
from room_reports.storage.keys import READERS_KEY, parse_key
from tests.e2e.deployed import watched_stack
from tests.e2e.hostile import event, hostile_requests

ROOT = Path(__file__).parents[2]
PROBE_TTL = timedelta(seconds=4)
DAYS = ("2026-03-02", "2026-03-05")
ONE = "/exports/attendees/us/day/2026-03-03"
KEY = "attendees/granularity=day/region=us/dt=2026-03-03/attendees_us_2026-03-03.csv"
EXPORT_FIELDS = {
    *("report", "region", "granularity", "start", "window_start", "window_end", "state"),
    *("rows", "size", "sha256", "exported_at", "file_name", "filters", "filters_current"),
    *("privacy", "privacy_current"),
}
Get = Callable[..., requests.Response]
Probe = Callable[..., Any]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Return a separate stack, since a listing shows what other tests have exported."""
    with watched_stack() as deployed:
        yield deployed


@pytest.fixture(scope="module")
def exported(stack: Stack) -> dict[str, int]:
    """Return the size of each exported file: three days, and the hours of one."""
    first, last = DAYS
    for event_ in (
        {"from": first, "to": last, "granularity": "day"},
        {"from": first, "to": "2026-03-03", "granularity": "hour"},
    ):
        assert stack.invoke(event_).error is None
    stack.aws.s3.put_object(Bucket=stack.bucket, Key="runs/dt=2026-03-03/secret.json", Body=b"{}")
    pages = stack.aws.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.bucket)
    held = {each["Key"]: each["Size"] for page in pages for each in page["Contents"]}
    return {key: size for key, size in held.items() if parse_key(key)}


@pytest.fixture(scope="module")
def get(stack: Stack, exported: dict[str, int]) -> Get:
    session = requests.Session()

    def send(path: str, method: str = "GET", **options: Any) -> requests.Response:
        headers = {"x-api-key": stack.api_key, **options.pop("headers", {})}
        return session.request(
            method,
            stack.api_url + path,
            headers=headers,
            allow_redirects=False,
            timeout=30,
            **options,
        )

    return send


@pytest.fixture(scope="module")
def probe(
    stack: Stack, exported: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Probe]:
    """Return a function with the API's code and role that does what a test asks for."""
    configured = _downloads(stack)
    variables = configured["Environment"]["Variables"]
    package = io.BytesIO()
    artefact = tmp_path_factory.mktemp("downloads")
    build_page.build(artefact)
    with zipfile.ZipFile(package, "w") as code:
        for path in artefact.iterdir():
            code.write(path, path.name)
        code.write(ROOT / "tests/e2e/downloads_probe.py", "downloads_probe.py")
    stack.aws.functions.create_function(
        FunctionName="downloads-probe",
        Runtime="python3.13",
        Handler="downloads_probe.handler",
        Role=configured["Role"],
        Layers=[layer["Arn"] for layer in configured["Layers"]],
        Code={"ZipFile": package.getvalue()},
        Environment={"Variables": {**variables, "LINK_TTL_SECONDS": f"{PROBE_TTL.seconds}"}},
        Timeout=120,
    )

    def ask(**asked: Any) -> Any:
        response = stack.aws.functions.invoke(
            FunctionName="downloads-probe", Payload=json.dumps(asked)
        )
        payload = json.loads(response["Payload"].read())
        assert "FunctionError" not in response, payload
        return payload

    yield ask
    stack.aws.functions.delete_function(FunctionName="downloads-probe")


def _downloads(stack: Stack) -> dict[str, Any]:
    """Return the configuration of the API's function."""
    pages = stack.aws.functions.get_paginator("list_functions").paginate()
    found: list[Any] = [
        each for page in pages for each in page["Functions"] if "Downloads" in each["FunctionName"]
    ]
    return dict(found[0])


def refusal(response: requests.Response) -> str:
    """Return the code of an error, after checking its shape."""
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    assert body["error"]["message"]
    return str(body["error"]["code"])


@pytest.mark.parametrize("path", ["/exports", "/coverage", "/openapi.json", ONE, f"{ONE}.csv"])
@pytest.mark.parametrize("key", ["", "wrong"])
def test_requests_without_a_valid_key_are_refused(get: Get, path: str, key: str) -> None:
    response = get(path, headers={"x-api-key": key or None})
    assert response.status_code == 403
    assert refusal(response) == "forbidden"


def test_the_web_page_needs_no_key_and_loads_nothing_else(stack: Stack) -> None:
    response = requests.get(f"{stack.api_url}/", timeout=30)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    again = requests.get(
        f"{stack.api_url}/", headers={"If-None-Match": response.headers["ETag"]}, timeout=30
    )
    assert (again.status_code, again.text) == (304, "")


def test_the_listing_equals_the_bucket(get: Get, exported: dict[str, int]) -> None:
    listed: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = get(f"/exports?limit=70&cursor={cursor}").json()
        assert len(page["exports"]) <= 70
        listed += page["exports"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert all(set(export) == EXPORT_FIELDS for export in listed)
    names = {key.rpartition("/")[2]: size for key, size in exported.items()}
    assert {each["file_name"]: each["size"] for each in listed} == names
    assert len(listed) == len(exported)
    starts = [each["window_start"] for each in listed]
    assert starts == sorted(starts, reverse=True)
    filtered = get("/exports?report=room_data&region=eu&granularity=day&from=2026-03-03").json()
    assert [(each["region"], each["start"]) for each in filtered["exports"]] == [
        ("eu", "2026-03-04"),
        ("eu", "2026-03-03"),
    ]


def test_a_link_downloads_the_described_file(get: Get, stack: Stack) -> None:
    before = datetime.now(UTC)
    response = get(ONE)
    assert response.headers["Cache-Control"] == "no-store"
    export = response.json()
    assert set(export) == EXPORT_FIELDS | {"url", "expires_at"}
    promised = datetime.fromisoformat(export["expires_at"]) - before
    assert timedelta(seconds=898) <= promised <= timedelta(seconds=901)
    stored = stack.aws.s3.get_object(Bucket=stack.bucket, Key=KEY)
    body = stored["Body"].read()
    downloaded = requests.get(export["url"], timeout=30)
    assert downloaded.content == body
    assert downloaded.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert hashlib.sha256(body).hexdigest() == export["sha256"]
    assert body.count(b"\n") == export["rows"] + 1
    assert export["state"] == stored["Metadata"]["state"]
    query = dict(parse_qsl(urlsplit(export["url"]).query))
    assert query["versionId"] == stored["VersionId"]
    assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    name = export["file_name"]
    assert query["response-content-disposition"] == f'attachment; filename="{name}"'


def test_a_csv_path_redirects_to_the_file_and_so_does_latest(get: Get, stack: Stack) -> None:
    body = stack.aws.s3.get_object(Bucket=stack.bucket, Key=KEY)["Body"].read()
    response = get(f"{ONE}.csv")
    assert response.status_code == 302
    assert requests.get(response.headers["Location"], timeout=30).content == body
    head = get(f"{ONE}.csv", "HEAD")
    assert head.status_code == 302
    described = requests.head(head.headers["Location"], timeout=30)
    assert described.headers["Content-Length"] == str(len(body))
    assert get("/exports/attendees/us/day/latest").json()["start"] == "2026-03-04"
    assert "T23Z" in get("/exports/attendees/eu/hour/latest.csv").headers["Location"]


def test_a_link_returns_the_version_it_was_signed_for(get: Get, stack: Stack) -> None:
    key = "room_data/granularity=day/region=us/dt=2019-01-01/room_data_us_2019-01-01.csv"
    stack.aws.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"old")
    url = get("/exports/room_data/us/day/2019-01-01").json()["url"]
    stack.aws.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"new")
    assert requests.get(url, timeout=30).content == b"old"
    stack.aws.s3.delete_object(Bucket=stack.bucket, Key=key)


def test_a_tampered_link_is_refused(get: Get) -> None:
    url = get(ONE).json()["url"]
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    for name, value in query.items():
        for changed in ({**query, name: f"{value}0"}, {**query, name: ""}):
            altered = parts._replace(query=urlencode(changed, quote_via=quote)).geturl()
            response = requests.get(altered, timeout=30)
            assert response.status_code in {400, 403}, name
            assert b"entry_id" not in response.content
    for altered in (
        url.replace("attendees_us", "attendees_eu"),
        url.replace("/attendees/", "/room_data/"),
        f"{url}&x=1",
    ):
        assert requests.get(altered, timeout=30).status_code == 403
    assert requests.put(url, data=b"x", timeout=30).status_code == 403
    assert requests.delete(url, timeout=30).status_code == 403


def test_coverage_shows_exported_and_missing_windows(get: Get) -> None:
    response = get("/coverage?report=attendees&region=us&from=2026-03-01&to=2026-03-06")
    assert [(each["start"], each["state"]) for each in response.json()["windows"]] == [
        ("2026-03-01", "missing"),
        ("2026-03-02", "settled"),
        ("2026-03-03", "settled"),
        ("2026-03-04", "settled"),
        ("2026-03-05", "missing"),
    ]


@pytest.mark.parametrize(
    "path", ["/exports", "/openapi.json", "/coverage?report=attendees&region=us"]
)
def test_a_matching_etag_returns_304(get: Get, path: str) -> None:
    response = get(path)
    etag = response.headers["ETag"]
    assert get(path, headers={"If-None-Match": etag}).status_code == 304
    head = get(path, "HEAD")
    assert (head.status_code, head.text, head.headers["ETag"]) == (200, "", etag)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/exports/nothing/us/day/latest", 404, "unknown_report"),
        ("/exports/attendees/mars/day/latest", 404, "unknown_region"),
        ("/exports/attendees/us/week/latest", 404, "unknown_granularity"),
        ("/exports/attendees/us/day/2026-02-01", 404, "not_exported"),
        ("/exports/attendees/us/day/2098-02-01.csv", 404, "no_such_window_yet"),
        ("/exports/attendees/us/day/2026-02-30", 400, "bad_parameter"),
        ("/exports/attendees/us/hour/2026-03-02", 400, "bad_parameter"),
        (f"{ONE}.csv?versionId=1", 400, "bad_parameter"),
        ("/exports?regoin=us", 400, "bad_parameter"),
        ("/coverage", 400, "bad_parameter"),
        ("/elsewhere", 404, "no_such_route"),
    ],
)
def test_errors_have_a_status_and_a_code(get: Get, path: str, status: int, code: str) -> None:
    response = get(path)
    assert (response.status_code, refusal(response)) == (status, code)


def test_other_methods_and_origins_are_refused(get: Get) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert get("/exports", method).status_code == 404
    response = get("/exports", headers={"Origin": "https://evil.example"})
    assert "https://evil.example" not in str(response.headers)


def test_downloads_are_logged_without_link_or_key(get: Get, probe: Probe, stack: Stack) -> None:
    url = get(ONE).json()["url"]
    # The local API Gateway does not pass the key's id to the function.
    ((status, _, location),) = probe(requests=[event(f"{ONE}.csv", {})])
    assert status == 302
    text = stack.log_text()
    entries = [json.loads(line) for line in text.split("\n") if '"message":"Download"' in line]
    assert {each["source_ip"] for each in entries} == {"127.0.0.1"}
    assert [each["object_key"] for each in entries if each.get("api_key_id") == "key"] == [KEY]
    for link in (url, location[0]):
        query = dict(parse_qsl(urlsplit(link).query))
        assert query["X-Amz-Signature"] not in text
        assert query["X-Amz-Security-Token"] not in text
    assert stack.api_key not in text


def test_keys_are_refused_from_their_expiry_on(stack: Stack, probe: Probe) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=20)
    readers = [
        Reader("limited", "ann@example.edu", expires_at=iso(soon)),
        Reader("expired", "ben@example.edu", expires_at="2026-01-01T00:00:00Z"),
        Reader("revoked", "cy@example.edu", revoked_at="2026-01-01T00:00:00Z"),
    ]
    s3 = stack.aws.s3
    s3.put_object(Bucket=stack.bucket, Key=READERS_KEY, Body=format_readers(readers))
    anew(stack)
    asked = [
        {**event(path, {}), "requestContext": {"identity": {"sourceIp": "::1", "apiKeyId": key}}}
        for path in (f"{ONE}.csv", ONE, "/openapi.json")
        for key in ("limited", "unknown", "expired", "revoked")
    ]
    statuses = [status for status, *_ in probe(requests=asked)]
    assert datetime.now(UTC) < soon, "the function took too long to begin"
    assert statuses == [302, 302, 403, 403, *[200, 200, 403, 403] * 2]
    time.sleep(max(0, (soon - datetime.now(UTC)).total_seconds()))
    responses = probe(requests=asked)
    assert [status for status, *_ in responses] == [403, 302, 403, 403, *[403, 200, 403, 403] * 2]
    assert json.loads(responses[0][1])["error"]["code"] == "forbidden"
    ((status, _, location),) = probe(requests=asked[1:2])
    assert status == 302
    assert "x-reader=unknown" in location[0]
    s3.put_object(Bucket=stack.bucket, Key=READERS_KEY, Body=b"damaged")
    anew(stack)
    # The page needs no key, so that API Gateway names none.
    page = {**event("/", {}), "requestContext": {"identity": {"sourceIp": "::1"}}}
    assert [status for status, *_ in probe(requests=[*asked[:4], page])] == [503] * 4 + [200]
    s3.delete_object(Bucket=stack.bucket, Key=READERS_KEY)
    anew(stack)
    assert [status for status, *_ in probe(requests=asked[:4])] == [302] * 4


def anew(stack: Stack) -> None:
    """Make the function of the probe start anew, so that it reads the list of readers again."""
    name = "downloads-probe"
    configuration = stack.aws.functions.get_function_configuration(FunctionName=name)
    variables = {**configuration["Environment"]["Variables"], "STARTED": str(time.monotonic_ns())}
    stack.aws.functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": variables}
    )


def test_ten_thousand_hostile_requests_get_nothing(probe: Probe) -> None:
    asked = list(hostile_requests(10_000, seed=4))
    for begin in range(0, len(asked), 2500):
        batch = asked[begin : begin + 2500]
        responses = probe(requests=[event(*each) for each in batch])
        for request, (status, body, location) in zip(batch, responses, strict=True):
            assert 400 <= status < 500, (request, status, body)
            assert location is None, request
            assert "X-Amz-" not in body, request
            assert json.loads(body)["error"]["code"], request


def test_hostile_requests_get_no_further_over_http(get: Get) -> None:
    def send(request: tuple[str, dict[str, list[str]]]) -> tuple[int, str]:
        path, query = request
        path = path.encode("utf-8", "replace").decode()
        safe = quote(path, safe="/%.;=&~*") if "%" in path else quote(path)
        clean = {
            name.encode("utf-8", "replace"): [each.encode("utf-8", "replace") for each in values]
            for name, values in query.items()
        }
        response = get(f"{safe}?{urlencode(clean, doseq=True)}")
        return response.status_code, response.text + str(response.headers)

    for request in hostile_requests(120, seed=7):
        status, text = send(request)
        assert "X-Amz-Signature" not in text, request
        assert status < 500, (request, status, text)


@pytest.mark.parametrize(
    ("presigner", "call", "arguments"),
    [
        (True, "get_object", {"Key": "runs/dt=2026-03-03/secret.json"}),
        (True, "get_object", {"Key": "quarantine/x"}),
        (True, "get_object", {"Key": "attendees/elsewhere.csv"}),
        (True, "get_object", {"Key": "reference/rosters/brightspace.csv"}),
        (True, "put_object", {"Key": KEY}),
        (True, "delete_object", {"Key": KEY}),
        (True, "list_objects_v2", {"Prefix": "runs/"}),
        (False, "get_object", {"Key": KEY}),
        (False, "get_object", {"Key": "reference/rosters/brightspace.csv"}),
        (False, "put_object", {"Key": KEY}),
        (False, "list_objects_v2", {}),
        (False, "list_objects_v2", {"Prefix": "runs/"}),
        (False, "list_object_versions", {"Prefix": "attendees/granularity=day/"}),
    ],
)
def test_each_role_is_denied_everything_else(
    probe: Probe, stack: Stack, presigner: bool, call: str, arguments: dict[str, str]
) -> None:
    asked = {"Bucket": stack.bucket, **arguments}
    response = probe(presigner=presigner, service="s3", call=call, arguments=asked)
    assert response in {"AccessDenied", "403"}


def test_s3_refuses_presigned_links_to_other_objects(probe: Probe, stack: Stack) -> None:
    good = probe(sign={"Bucket": stack.bucket, "Key": KEY})
    assert requests.get(good, timeout=30).status_code == 200
    for bucket, key in (
        (stack.bucket, "runs/dt=2026-03-03/secret.json"),
        (stack.bucket, "attendees/elsewhere.csv"),
        ("artifacts", KEY),
    ):
        foreign = probe(sign={"Bucket": bucket, "Key": key})
        assert requests.get(foreign, timeout=30).status_code == 403


def test_a_link_expires_when_it_states(probe: Probe) -> None:
    ((_, body, _),) = probe(requests=[event(ONE, {})])
    export = json.loads(body)
    assert requests.get(export["url"], timeout=30).status_code == 200
    left = datetime.fromisoformat(export["expires_at"]) - datetime.now(UTC)
    assert left <= PROBE_TTL
    time.sleep(max(0, left.total_seconds()) + 1.1)
    assert requests.get(export["url"], timeout=30).status_code == 403


def test_the_page_may_read_what_links_lead_to(stack: Stack, get: Get) -> None:
    link = get(ONE).json()["url"]
    policy = get("/").headers["Content-Security-Policy"]
    sources = dict(directive.split(" ", 1) for directive in policy.split("; "))
    own, links = sources["connect-src"].split(" ")
    assert own == "'self'"
    assert link.startswith(links)
    assert links.endswith(f"/{stack.bucket}/")
    port = urlsplit(stack.api_url).port
    in_aws = "https://" + urlsplit(stack.outputs["ApiUrl"]).netloc
    for origin, allowed in (
        (in_aws, True),
        (f"http://localhost:{port}", True),
        ("https://elsewhere.example", False),
        (in_aws.replace("amazonaws", "example"), False),
    ):
        response = requests.get(link, headers={"Origin": origin}, timeout=30)
        assert response.status_code == 200
        assert (response.headers.get("Access-Control-Allow-Origin") == origin) is allowed
        preflight = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
        assert requests.options(link, headers=preflight, timeout=30).status_code == 403
