"""The table of failures in docs/how-it-stays-complete.md is that of the code."""

import re
from pathlib import Path

from room_reports.kaltura.error_codes import ERROR_RULES, Handling, error_for_status
from room_reports.kaltura.errors import (
    ForbiddenError,
    RegionError,
    ReportError,
    TooHeavyError,
    TransientError,
    UnreachableError,
)

PAGE = Path(__file__).parents[2] / "docs" / "how-it-stays-complete.md"
WORDS = {
    Handling.RETRY: "retry",
    Handling.SPLIT: "split",
    Handling.RATE_LIMIT: "wait",
    Handling.FORBIDDEN: "report",
    Handling.GIVE_UP_REPORT: "report",
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
        TransientError: (408, 425, 500, 502, *range(520, 524)),
        UnreachableError: (429, 503),
        TooHeavyError: (504, 524),
        RegionError: (301, 302, 307, 308, 401, 404, 407, 410),
        ForbiddenError: (403,),
        ReportError: (400, 405, 413, 418, 501),
    }
    for kind, statuses in kinds.items():
        assert [type(error_for_status(status)) for status in statuses] == [kind] * len(statuses)
