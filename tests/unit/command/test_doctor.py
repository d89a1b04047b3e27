"""Doctor's judgements that no local AWS can provoke, and its list on the page."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.stack.template import load_template
from room_reports.settings import SettingsReader, read_settings
from room_reports_command.doctor import CHECKS
from room_reports_command.doctor.access_log_checks import (
    PREFIX,
    judge_lines,
    judge_logging,
)
from room_reports_command.doctor.athena_checks import (
    declared_types,
    judge_modified,
    judge_pruning,
    judge_time,
    judge_types,
)
from room_reports_command.doctor.backfill_checks import judge_children, judge_definition
from room_reports_command.doctor.bucket_checks import denies_plain_http, longest_link
from room_reports_command.doctor.check import Area, State
from room_reports_command.doctor.key_checks import lacking_statements
from room_reports_command.doctor.stack_checks import judge_concurrency, needed_invocations

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "first-deployment.md"


def test_the_page_lists_what_doctor_checks() -> None:
    listed = re.findall(
        r"^\| `([a-z-]+)` \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    in_order = sorted(CHECKS, key=lambda each: each.area is not Area.AWS)
    assert listed == [(each.name, each.question) for each in in_order]


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


def link_policy(age: str = "900000", **changed: object) -> str:
    condition = {
        "StringEquals": {"s3:authType": "REST-QUERY-STRING"},
        "NumericGreaterThan": {"s3:signatureAge": age},
    }
    return policy(**{"Condition": condition, **changed})


def test_the_policy_of_the_template_limits_the_age_of_links() -> None:
    document = load_template()["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"]
    text = json.dumps(document).replace('{"Fn::Sub": "${LinkTtlSeconds}000"}', '"900000"')
    assert longest_link(text) == 900
    assert longest_link(link_policy()) == 900
    assert longest_link(link_policy("604800000")) == 604_800


@pytest.mark.parametrize(
    "changed",
    [
        {"Effect": "Allow"},
        {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
        {"Action": "s3:GetObject"},
        {"Condition": {"NumericGreaterThan": {"s3:signatureAge": "900000"}}},
        {"Condition": {"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}},
    ],
)
def test_a_policy_that_allows_links_of_any_age_is_found(changed: dict[str, Any]) -> None:
    assert longest_link(link_policy(**changed)) is None


ACCOUNT = "123456789012"


def documented_key_policy() -> list[dict[str, object]]:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    (block,) = [
        each for each in re.findall(r"```json\n(.+?)```", page, re.DOTALL) if "kms:" in each
    ]
    statements: list[dict[str, object]] = json.loads(block)
    return statements


def lacking(statements: list[dict[str, object]], *, alarms: bool = True) -> int:
    return len(lacking_statements(json.dumps({"Statement": statements}), ACCOUNT, alarms=alarms))


def test_the_key_policy_of_the_page_is_enough_and_each_statement_is_needed() -> None:
    root, cloudwatch = documented_key_policy()
    assert lacking([root, cloudwatch]) == 0
    assert lacking([root]) == 1
    assert lacking([root], alarms=False) == 0
    assert lacking([cloudwatch]) == 1
    assert lacking([]) == 2
    assert lacking([{**root, "Effect": "Deny"}, cloudwatch]) == 1
    assert lacking([{**root, "Principal": {"AWS": "arn:aws:iam::210987654321:root"}}]) == 2
    assert lacking([root, {**cloudwatch, "Action": "kms:Decrypt"}]) == 1
    assert (
        lacking([{**root, "Principal": {"AWS": [ACCOUNT]}, "Action": ["kms:*"]}], alarms=False) == 0
    )


def test_a_definition_that_is_refused_is_found() -> None:
    diagnostic = {"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": "no Map here"}
    assert judge_definition("OK", []).state is State.OK
    refused = judge_definition("FAIL", [diagnostic])
    assert (refused.state, refused.found) == (
        State.FINDING,
        "SCHEMA_VALIDATION_FAILED: no Map here",
    )
    assert judge_definition("FAIL", []).state is State.FINDING


@pytest.mark.parametrize(
    ("at_once", "state"),
    [(0, State.FINDING), (1, State.FINDING), (2, State.OK), (3, State.FINDING), (8, State.FINDING)],
)
def test_another_number_of_child_workflows_than_planned_is_found(
    at_once: int, state: State
) -> None:
    """With BackfillConcurrency 8 and Concurrency 4, two child workflows make eight requests."""
    assert judge_children("backfill-1", at_once, 2).state is state
    assert judge_children("backfill-1", at_once, None).state is State.NOT_CHECKED


@given(st.integers(1, 25), st.integers(1, 100), st.integers(1, 6))
def test_what_a_stack_needs_grows_with_its_backfill(
    concurrency: int, at_once: int, regions: int
) -> None:
    names = ",".join(f"r{number}=https://r{number}.example" for number in range(regions))
    settings = read_settings(
        SettingsReader(
            {
                "KALTURA_REGIONS": names,
                "CONCURRENCY": str(concurrency),
                "BACKFILL_CONCURRENCY": str(at_once),
            }
        )
    )
    children = needed_invocations(settings) - 11
    assert children % regions == 0
    requests = children // regions * min(concurrency, at_once)
    assert at_once - concurrency < requests <= at_once


def test_too_few_invocations_at_once_are_found() -> None:
    assert judge_concurrency(15, 1000, 15).state is State.OK
    assert judge_concurrency(14, 1000, 15).state is State.FINDING


def test_a_wrong_time_of_a_file_is_found() -> None:
    written = datetime(2026, 3, 2, 1, 7, 30, tzinfo=UTC)
    seconds = written.timestamp()
    assert judge_modified(f"{seconds + 0.4:.3f}", written).state is State.OK
    assert judge_modified("1.772413650E9", written).state is State.OK
    assert judge_modified(f"{seconds + 3600}", written).state is State.FINDING
    assert judge_modified(None, written).state is State.NOT_CHECKED


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


def logging_of_the_template(bucket: str) -> dict[str, Any]:
    """Return the logging of the bucket as S3 describes it."""
    _, given, _ = load_template()["Resources"]["Bucket"]["Properties"]["LoggingConfiguration"][
        "Fn::If"
    ]
    return {
        "TargetBucket": bucket,
        "TargetPrefix": given["LogFilePrefix"],
        "TargetObjectKeyFormat": given["TargetObjectKeyFormat"],
    }


def test_the_logging_of_the_template_is_right_and_any_other_is_not() -> None:
    right = logging_of_the_template("logs")
    assert right["TargetPrefix"] == PREFIX
    assert judge_logging(right, "logs").state is State.OK
    assert judge_logging(None, "logs").state is State.FINDING
    assert judge_logging({}, "logs").state is State.FINDING
    by_delivery = {"PartitionedPrefix": {"PartitionDateSource": "DeliveryTime"}}
    for name, value in (
        ("TargetBucket", "others"),
        ("TargetPrefix", ""),
        ("TargetObjectKeyFormat", by_delivery),
        ("TargetObjectKeyFormat", {"SimplePrefix": {}}),
    ):
        outcome = judge_logging({**right, name: value}, "logs")
        assert outcome.state is State.FINDING
        assert name in outcome.found


@pytest.mark.parametrize(
    ("counts", "states"),
    [
        ((0, 0, 0, 0), ["finding"]),
        ((9, 9, 0, 0), ["ok", "not checked"]),
        ((9, 9, 2, 2), ["ok", "ok"]),
        ((9, 8, 2, 2), ["finding", "ok"]),
        ((9, 9, 2, 1), ["ok", "finding"]),
        ((9, 8, 2, 1), ["finding", "finding"]),
    ],
)
def test_lines_that_lack_or_are_not_understood_are_found(
    counts: tuple[int, int, int, int], states: list[str]
) -> None:
    assert [outcome.state for outcome in judge_lines(*counts)] == states
