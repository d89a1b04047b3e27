"""Acknowledgements: which findings they are about, and what of a file is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.model.acknowledgements import COLUMNS, Acknowledgement, parse_acknowledgements

HEADER = f"{','.join(COLUMNS)}\n"
CLOSURE = "FEW_SESSIONS,us,2026-11-26,2026-11-28,Thanksgiving\n"


@pytest.mark.parametrize(
    ("code", "region", "dt", "reason"),
    [
        ("FEW_SESSIONS", "us", "2026-11-26", "Thanksgiving"),
        ("FEW_SESSIONS", "us", "2026-11-27", "Thanksgiving"),
        ("FEW_SESSIONS", "us", "2026-11-25", None),
        ("FEW_SESSIONS", "us", "2026-11-28", None),
        ("FEW_SESSIONS", "eu", "2026-11-26", None),
        ("FEW_MINUTES", "us", "2026-11-26", None),
        ("FEW_MINUTES", "eu", "2026-12-31", "everywhere"),
    ],
)
def test_the_findings_of_a_code_region_and_range(
    code: str, region: str, dt: str, reason: str | None
) -> None:
    other = "FEW_MINUTES,,2026-12-01,2027-01-01,everywhere\n"
    found, wrong = parse_acknowledgements([HEADER + CLOSURE, f"\ufeff{HEADER}{other}"])
    assert found.reason(code, region, dt) == reason
    assert wrong == 0


@pytest.mark.parametrize(
    "line",
    [
        "",
        "FEW_SESSIONS,us,2026-11-26,2026-11-28",
        "FEW_SESSIONS,us,,2026-11-28,x",
        "FEW_SESSIONS,us,2026-11-26,,x",
        "FEW_SESSIONS,us,2026-11-28,2026-11-28,x",
        "FEW_SESSIONS,us,2026-11-26,2026-11-31,x",
        "FEW_SESSIONS,us,2026-11-26,2026-11-28,",
        "FEW_SESSIONS,us,2026-11-26,2026-11-28,x | FEW_MINUTES: y",
        '"FEW_SESSIONS,us',
    ],
)
def test_a_wrong_line_is_left_out_and_counted(line: str) -> None:
    found, wrong = parse_acknowledgements([f"{HEADER}{CLOSURE}{line}\n"])
    assert found.several == (
        Acknowledgement("FEW_SESSIONS", "us", "2026-11-26", "2026-11-28", "Thanksgiving"),
    )
    assert wrong == 1
    assert parse_acknowledgements([CLOSURE]) == (type(found)(), 1)


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    parse_acknowledgements([text, HEADER + text])
