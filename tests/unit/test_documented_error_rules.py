"""The table of failures in docs/completeness.md is that of the code."""

import re
from pathlib import Path

from room_reports.kaltura.error_codes import ERROR_RULES, Handling, error_for_status
from room_reports.kaltura.errors import RegionError, TaskError, TransientError

PAGE = Path(__file__).parents[2] / "docs" / "completeness.md"
WORDS = {
    Handling.RETRY: "retry",
    Handling.SPLIT: "split",
    Handling.GIVE_UP_TASK: "task",
    Handling.GIVE_UP_REGION: "region",
}


def documented() -> dict[str, tuple[str, str]]:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\w+) \| (.*)\|$", PAGE.read_text(), re.MULTILINE)
    return {code: (word, wait.strip()) for code, word, wait in rows}


def test_every_code_is_on_the_page_with_its_handling() -> None:
    assert documented() == {
        code: (WORDS[rule.handling], f"{rule.wait:g} s" if rule.wait else "")
        for code, rule in ERROR_RULES.items()
    }


def test_statuses_are_treated_as_the_page_says() -> None:
    kinds = {
        TransientError: (408, 425, 429, 500, 502, 503, 504, *range(520, 525)),
        RegionError: (301, 302, 307, 308, 401, 403, 404, 407, 410),
        TaskError: (400, 405, 413, 418, 501),
    }
    for kind, statuses in kinds.items():
        assert [type(error_for_status(status)) for status in statuses] == [kind] * len(statuses)
