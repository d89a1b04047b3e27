"""docs/privacy.md, compared with the template: every prefix is in it, and every name exists."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.stack.template import load_template

PAGE = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text(encoding="utf-8")
TEMPLATE = load_template()
REPORTS = ("room_data", "attendees", "breakout_sessions", "report_*")
"""Prefixes that the page calls "under the report's name"."""
ERRORS = {"ConfigurationError"}
ARTICLES_OF_GDPR = {4, 12, 13, 14, 15, 16, 17, 19, 20, 30, 35}
SECTIONS_OF_FERPA = {"99.3", "99.7", "99.10", "99.20", "99.22", "99.30", "99.31", "99.32"}


def section(title: str) -> str:
    """Return the text under a heading, with the sections below it."""
    level = re.escape(re.findall(rf"^(#+) {re.escape(title)}$", PAGE, re.M)[0])
    found: list[str] = re.findall(
        rf"^{level} {re.escape(title)}\n(.*?)(?=^{level} |\Z)", PAGE, re.M | re.S
    )
    return found[0]


def texts(value: Any) -> Iterator[str]:
    """Yield every text of a part of the template."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def prefixes() -> set[str]:
    """Return the first parts of all keys of the bucket that a policy of the template names."""
    found = set()
    for text in texts(TEMPLATE["Resources"]):
        found |= set(re.findall(r":::\$\{BucketName\.Value\}/([a-z_*]+)/", text))
    return found


def test_every_prefix_of_the_bucket_is_in_the_table_of_what_is_kept() -> None:
    found = prefixes()
    assert {*REPORTS, "quarantine", "reference", "state"} <= found
    table = section("What is kept")
    missing = {name for name in found - set(REPORTS) if f"`{name}/`" not in table}
    assert missing == set()


def test_every_prefix_of_the_table_exists() -> None:
    named = set(re.findall(r"`([a-z_]+)/`", section("What is kept")))
    assert named
    assert named <= prefixes()


def test_every_parameter_that_the_page_names_exists() -> None:
    names = set(re.findall(r"`((?:[A-Z][a-z]+){2,})`", PAGE)) - ERRORS
    assert {"PrivacyColumns", "LogRetentionDays", "AnalystPolicyArn"} <= names
    assert names <= {*TEMPLATE["Parameters"], *TEMPLATE["Outputs"]}


def test_every_setting_of_days_to_keep_is_on_the_page() -> None:
    kept = {
        name
        for name in TEMPLATE["Parameters"]
        if re.search(r"(Version|Quarantine|Retention|Log)Days$", name)
    }
    assert len(kept) > 2
    assert kept <= set(re.findall(r"`(\w+)`", PAGE))


def test_the_command_for_an_adopted_bucket_sets_the_logging_of_the_template() -> None:
    (command,) = re.findall(r"^aws s3api put-bucket-logging (?:.+\\\n)*.+$", PAGE, re.M)
    words = shlex.split(command.replace("\\\n", " "))
    _, logging, _ = TEMPLATE["Resources"]["Bucket"]["Properties"]["LoggingConfiguration"]["Fn::If"]
    assert words[:5] == ["aws", "s3api", "put-bucket-logging", "--bucket", "$BUCKET"]
    assert json.loads(words[-1]) == {
        "LoggingEnabled": {
            "TargetBucket": "$ACCESS_LOG_BUCKET",
            "TargetPrefix": logging["LogFilePrefix"],
            "TargetObjectKeyFormat": logging["TargetObjectKeyFormat"],
        }
    }


@pytest.mark.parametrize("letter", "abcdefg")
def test_the_record_has_each_entry_of_article_30(letter: str) -> None:
    assert re.search(rf"^\| \({letter}\) ", section("Record of processing"), re.M)


def test_the_screening_has_nine_criteria() -> None:
    rows = re.findall(r"^\| (?!criterion|-)", section("Screening for an impact assessment"), re.M)
    assert len(rows) == 9


def test_the_page_is_no_legal_advice_and_cites_what_was_looked_up() -> None:
    assert "not legal advice" in PAGE
    assert {
        int(number) for number in re.findall(r"Article (\d+)(?! Working)\b", PAGE)
    } == ARTICLES_OF_GDPR
    assert set(re.findall(r"99\.\d+", PAGE)) == SECTIONS_OF_FERPA
