"""Doctor's judgements that no local AWS can provoke, and its list on the page."""

import base64
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from local.stack.template import load_template
from room_reports_command.doctor import CHECKS
from room_reports_command.doctor.athena_checks import (
    declared_types,
    judge_pruning,
    judge_time,
    judge_types,
)
from room_reports_command.doctor.bucket_checks import denies_plain_http
from room_reports_command.doctor.check import Area, State

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "first-deployment.md"


def test_the_page_lists_what_doctor_checks() -> None:
    listed = re.findall(
        r"^\| `([a-z-]+)` \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert listed == [(each.name, each.question) for each in CHECKS if each.area is Area.AWS]


def test_each_check_has_a_name_of_its_own() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each).lower().replace(" ", "-") for each in headings}


def cures() -> set[str]:
    """Return every cure: those of the checks, and the pages that their functions name."""
    sources = (ROOT / "command" / "room_reports_command").rglob("*.py")
    pages = {
        page
        for source in sources
        for page in re.findall(
            r"docs/[a-z-]+\.md(?:#[a-z0-9-]+)?", source.read_text(encoding="utf-8")
        )
    }
    return pages | {check.cure for check in CHECKS}


@pytest.mark.parametrize("cure", sorted(cures()))
def test_each_cure_is_a_command_or_a_page_that_exists(cure: str) -> None:
    if cure.startswith("docs/"):
        path, _, anchor = cure.partition("#")
        assert (ROOT / path).exists()
        assert not anchor or anchor in anchors(ROOT / path)
    else:
        assert cure.split(maxsplit=1)[0] in ("aws", "room-reports", "sam")


def policy(**changed: object) -> str:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, **changed}]})


def test_the_policy_of_the_template_denies_plain_http() -> None:
    document = load_template()["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"]
    assert denies_plain_http(json.dumps(document, default=str))
    assert denies_plain_http(policy())


@pytest.mark.parametrize(
    "changed",
    [
        {"Effect": "Allow"},
        {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
        {"Action": "s3:GetObject"},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Condition": {}},
    ],
)
def test_a_policy_that_allows_plain_http_is_found(changed: dict[str, object]) -> None:
    assert not denies_plain_http(policy(**changed))


def test_the_types_of_a_view_are_read_from_its_definition() -> None:
    columns = [
        {"name": "day", "type": "date"},
        {"name": "at", "type": "timestamp(3) with time zone"},
    ]
    encoded = base64.b64encode(json.dumps({"columns": columns}).encode()).decode()
    declared = declared_types(f"/* Presto View: {encoded} */")
    assert declared == {"day": "date", "at": "timestamp with time zone"}
    assert judge_types("v", declared, declared).state is State.OK
    for wrong in ({**declared, "day": "varchar"}, {"day": "date"}):
        assert judge_types("v", declared, wrong).state is State.FINDING
    assert judge_types("v", declared_types("no view"), declared).state is State.FINDING


def test_a_scan_of_other_days_and_slow_planning_are_found() -> None:
    sizes = {"2026-03-01": 100, "2026-03-02": 200}

    def states(scanned: int, seconds: float) -> list[State]:
        judged = judge_pruning(scanned, "2026-03-02", sizes, timedelta(seconds=seconds))
        return [each.state for each in judged]

    assert states(200, 1) == [State.OK, State.OK]
    assert states(300, 1) == [State.FINDING, State.OK]
    assert states(200, 11) == [State.OK, State.FINDING]


def test_a_wrong_time_is_found() -> None:
    assert judge_time("UTC", "2023-11-14 22:13", "2023-11-14 22:13").state is State.OK
    assert judge_time("UTC", None, "2023-11-14 22:13").state is State.FINDING
