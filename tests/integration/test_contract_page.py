"""docs/contract.md names exactly what other programs see: no name less, and no name more."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from local.kaltura.campus import Size
from local.stack.aws import Aws
from local.stack.servers import Kaltura
from local.stack.stack import Stack
from local.stack.template import load_template
from room_reports.api.openapi import openapi
from room_reports.api.settings import read_api_settings
from room_reports.backfill.results import Failure
from room_reports.backfill.rounds import Ended
from room_reports.errors import ConfigurationError
from room_reports.export.changes import Change
from room_reports.export.notifications import SOURCE, Kind, Notification
from room_reports.export.planner import Reason
from tests.support.backfill import Backfill
from tests.support.world import World, export_key

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
TEMPLATE = load_template()
FILE = export_key("attendees", "us", "2026-09-19")


def section(title: str) -> str:
    """Return the text under a heading, without the sections below it."""
    found: list[str] = re.findall(
        rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", PAGE, re.MULTILINE | re.DOTALL
    )
    (text,) = found
    return text


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def named(text: str) -> list[str]:
    """Return the names in the first column of the tables in ``text``."""
    return [name for cell in re.findall(r"^\| (`[^|]+) \|", text, re.M) for name in quoted(cell)]


def described(text: str, name: str) -> list[str]:
    """Return the names that the rest of a table's row says about ``name``."""
    (rest,) = re.findall(rf"^\| `{re.escape(name)}` \|(.*)$", text, re.M)
    return quoted(rest)


@pytest.fixture(scope="module")
def exported() -> Any:
    with World(size=Size(rooms=3, attendees=3)) as world:
        response = world.run_scheduled()
        assert FILE in response["exported"]
        yield world, response


def test_the_metadata_are_those_of_an_object(exported: tuple[World, Any]) -> None:
    world, _ = exported
    # "pieces" is there only for a report that was fetched in pieces, "fewer-rows" after a sample
    # with fewer rows, and "session-users" for rooms.
    expected = {*world.item(FILE).metadata, "pieces", "fewer-rows", "session-users"}
    assert set(named(section("Metadata"))) == expected


def test_the_response_has_the_fields_of_the_page(exported: tuple[World, Any]) -> None:
    _, response = exported
    assert named(section("Response")) == list(response)
    assert {"task", "error", "retryable"} <= set(described(section("Response"), "failed"))


def test_the_run_record_has_the_fields_of_the_page(exported: tuple[World, Any]) -> None:
    world, _ = exported
    record = world.latest_run_record()
    of_run, of_export = section("Run record").split("Each object in `exported`:")
    assert set(named(of_run)) == set(record)
    assert set(named(of_export)) == set(record["exported"][0])
    assert described(of_export, "reason") == [reason.name.lower() for reason in Reason]
    assert described(of_export, "change")[:4] == list(get_type_hints(Change))
    assert described(of_run, "samples")[:4] == list(record["samples"])


def test_a_backfill_keeps_the_documents_of_the_page() -> None:
    with World(size=Size(rooms=3, attendees=3)) as world:
        backfill = Backfill(world)
        summary = backfill.run({"from": "2026-09-18", "to": "2026-09-19"})
        objects = backfill.objects()
    assert set(named(section("Result of a portion"))) == set(objects["us/round-001/00001.json"])
    assert described(section("Result of a portion"), "failures") == list(get_type_hints(Failure))
    page = section("Summary")
    assert named(page) == list(summary)
    assert described(page, "regions") == [*summary["regions"]["us"], *Ended]
    kept = re.sub(r"/\d{5}", "/{portion}", "\n".join(objects)).replace(
        "us/round-001", "{region}/round-{n}"
    )
    for key in kept.split("\n"):
        assert f"backfill/{{execution}}/{key} " in section("Backfill")


def test_the_notifications_have_the_fields_of_the_page() -> None:
    page = section("Notifications")
    of_file, of_day = page.split("`detail` of a complete day has")
    received: list[Notification] = []

    def send(notifications: Sequence[Notification]) -> list[Notification]:
        received.extend(notifications)
        return []

    with World(size=Size(rooms=3, attendees=3), send=send) as world:
        world.run({"from": "2026-09-17", "to": "2026-09-18"})
    kinds, fields = of_file.split("`detail` of a file:")
    assert named(kinds)[1:] == [kind.value for kind in Kind]
    assert SOURCE in quoted(kinds)
    assert named(fields) == list(received[0].detail)
    assert received[-1].detail_type == Kind.DAY_COMPLETE
    fields_of_day = quoted(of_day.split(".\n\n")[0])
    assert [name for name in fields_of_day if name != "settled"] == list(received[-1].detail)


def test_the_secret_has_the_forms_of_the_page() -> None:
    (example,) = re.findall(r"```json\n(.+?)```", section("Secret"), re.S)
    names = [set(entry) for entry in json.loads(example).values()]
    assert names == [
        {"ks"},
        {"partner_id", "app_token_id", "app_token"},
        {"partner_id", "admin_secret", "user_id"},
    ]


def test_an_event_has_the_fields_of_the_page() -> None:
    fields = named(section("Exporter events"))
    (example,) = re.findall(r"```json\n(.+?)```", section("Exporter events"), re.S)
    assert list(json.loads(example)) == fields
    with World(size=Size(rooms=3, attendees=3)) as world:
        assert not world.run(json.loads(example))["failed"]
        with pytest.raises(ConfigurationError) as refusal:
            world.run({"from": "2026-09-18", "to": "2026-09-19", "other": 1})
    assert ", ".join(fields) in str(refusal.value)


def test_the_api_has_the_routes_fields_and_codes_of_the_page() -> None:
    page = section("HTTP API")
    environment = {
        "BUCKET_NAME": "bucket",
        "PRESIGNER_ROLE_ARN": "arn:aws:iam::123456789012:role/presigner",
    }
    described_by_itself = openapi(read_api_settings(environment))
    routes = [route.removeprefix("/v1").partition("?") for route in named(page) if "/v1/" in route]
    assert {path for path, _, _ in routes} == {
        *described_by_itself["paths"],
        "/exports/{report}/{region}/{granularity}/{start}.csv",
    }
    for path, mark, query in routes:
        if mark:
            parameters = described_by_itself["paths"][path]["get"]["parameters"]
            assert query.replace("=", "").split("&") == [each["name"] for each in parameters]
    schemas = described_by_itself["components"]["schemas"]
    export, link = list(schemas["Export"]["properties"]), ["url", "expires_at"]
    window = schemas["Coverage"]["properties"]["windows"]["items"]["properties"]
    rows = dict(re.findall(r"^\| ([a-z][^|]+) \| (`.+) \|$", page, re.M))
    assert quoted(rows["an export"]) == export
    assert quoted(rows["one export with its link, in addition"]) == link
    assert list(schemas["ExportWithLink"]["properties"]) == [*export, *link]
    assert quoted(rows["a result page"]) == list(schemas["Page"]["properties"])
    assert quoted(rows["coverage"]) == list(schemas["Coverage"]["properties"])
    states = window["state"]["enum"]
    assert [name for name in quoted(rows["a window of coverage"]) if name not in states] == [
        *window
    ]
    assert set(states) <= set(quoted(rows["a window of coverage"]))
    assert quoted(rows["a finding"]) == list(window["findings"]["items"]["properties"])
    assert quoted(rows["an error"]) == [
        *schemas["Error"]["properties"],
        *schemas["Error"]["properties"]["error"]["properties"],
    ]


def test_every_error_code_of_the_api_is_on_the_page() -> None:
    codes = {
        code
        for cells in re.findall(r"^\| [45]\d\d \| (.+) \|$", section("HTTP API"), re.M)
        for code in quoted(cells)
    }
    guide = (ROOT / "docs" / "downloads.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| [45]\d\d \| (`.+?`) \|", guide, re.M)
    assert codes == {code for cells in explained for code in quoted(cells)}
    templates = json.dumps(TEMPLATE["Resources"])
    library = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "layers/room_reports/room_reports/api").glob("*.py")
    )
    for code in codes - {"unknown_report", "unknown_region", "unknown_granularity"}:
        assert f'"{code}"' in library or f'\\"{code}\\"' in templates, code


def test_the_template_has_the_parameters_and_outputs_of_the_page() -> None:
    parameters, outputs = re.findall(
        r"\*\*(?:Parameters|Outputs)\*\*: ((?:`\w+`,?\s)*`\w+`)\.", section("Template")
    )
    assert set(quoted(parameters)) == set(TEMPLATE["Parameters"])
    assert set(quoted(outputs)) == set(TEMPLATE["Outputs"])


def test_stack_json_has_the_fields_of_the_page() -> None:
    outputs = {
        "ApiUrl": "https://a1.execute-api.us-east-1.amazonaws.com/v1/",
        "ApiKeyId": "1",
        "BucketName": "bucket",
    }
    stack = Stack("name", Aws("http://127.0.0.1:1", "id", "secret"), outputs, Kaltura({}, {}))
    stack.__dict__["api_key"] = "the local AWS would be asked for it"
    fields = re.findall(r"^\| (`.+?`) \|", section("On one machine").split("stack.json")[1], re.M)
    assert [name for cell in fields for name in quoted(cell)] == [
        name for name in stack.to_dict() if name not in outputs
    ]
