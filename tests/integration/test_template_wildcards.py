"""Every wildcard in a policy of template.yaml has a reason in docs/security.md, and no other."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local.stack.template import load_template

RESOURCES = load_template()["Resources"]
GUIDE = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each statement of each policy, whatever resource it is in."""

    def within(name: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        if isinstance(value, dict):
            if "Effect" in value:
                yield name, value
            for each in value.values():
                yield from within(name, each)
        elif isinstance(value, list):
            for each in value:
                yield from within(name, each)

    for name, resource in RESOURCES.items():
        yield from within(name, resource["Properties"])


def text_of(resource: Any) -> str:
    """Return a resource with short names for the bucket and the account."""
    text = resource if isinstance(resource, str) else str(next(iter(resource.values())))
    for pattern, short in (
        (r"arn:\$\{AWS::Partition\}:s3:::\$\{BucketName\.Value\}", "bucket"),
        (r"\$\{QueryResults\.Arn\}", "query results"),
        (r"\$\{AccessLogBucket\.Arn\}", "access log"),
        (r"arn:\$\{AWS::Partition\}:(\w+):\$\{AWS::Region\}:\$\{AWS::AccountId\}:", r"\1:"),
    ):
        text = re.sub(pattern, short, text)
    return text


def wildcards() -> set[str]:
    found: set[str] = set()
    for name, statement in statements():
        denies = statement["Effect"] == "Deny"
        for key in ("Action", "Resource", "Principal"):
            for value in map(text_of, as_list(statement.get(key, []))):
                if "*" in value:
                    found.add(f"{'deny ' if denies else ''}{key}: {value}")
        assert "NotAction" not in statement, name
        assert "NotResource" not in statement, name
        for condition in statement.get("Condition", {}).values():
            for key, values in condition.items():
                for value in map(text_of, as_list(values)):
                    if "*" in value:
                        found.add(f"{key}: {value}")
    return found


def test_every_wildcard_has_a_reason_and_every_reason_a_wildcard() -> None:
    table = GUIDE.split("## Wildcards")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \| (.+) \|$", table, re.M)
    reasons = {name: reason for cell, reason in rows for name in re.findall(r"`([^`]+)`", cell)}
    assert set(reasons) == wildcards()
    assert all(len(reason) > 40 for reason in reasons.values())


def test_nothing_is_granted_to_every_principal() -> None:
    for name, statement in statements():
        if statement["Effect"] == "Allow":
            assert "*" not in json.dumps(statement.get("Principal", "")), name


def test_services_may_only_do_what_the_stack_needs() -> None:
    permissions = {
        name: resource["Properties"]
        for name, resource in RESOURCES.items()
        if resource["Type"] == "AWS::Lambda::Permission"
    }
    (permission,) = permissions.values()
    assert permission["Principal"] == "apigateway.amazonaws.com"
    assert permission["Action"] == "lambda:InvokeFunction"
    assert "${Api}" in permission["SourceArn"]["Fn::Sub"]


def test_the_analyst_reads_the_catalogue_of_this_database_only() -> None:
    policy = RESOURCES["AnalystPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    by_sid = {each["Sid"]: each for each in policy if "Sid" in each}
    # What the local AWS cannot check; see tests/e2e/test_least_privilege.py.
    assert [text_of(each) for each in by_sid["ReadTables"]["Resource"]] == [
        *("glue:catalog", "glue:database/${Database}", "glue:table/${Database}/*"),
    ]
    assert by_sid["ReadTables"]["Action"] == [
        "glue:GetTable",
        "glue:GetTables",
        "glue:GetPartitions",
    ]
    assert by_sid["ReadDatabase"]["Action"] == "glue:GetDatabase"
    assert by_sid["ReadDatabase"]["Resource"] == by_sid["ReadTables"]["Resource"][:2]
    assert by_sid["ListDatabases"]["Action"] == "glue:GetDatabases"
    assert "athena:GetQueryResultsStream" in by_sid["Query"]["Action"]
    assert by_sid["OpenTheConsole"]["Action"] == [
        *("athena:ListWorkGroups", "athena:ListDataCatalogs", "athena:ListEngineVersions"),
    ]
