"""docs/attendance.md and docs/contract.md say what the command does, name by name."""

import json
import re
from pathlib import Path

import pytest

from room_reports_command.attendance.statuses import STATUSES
from room_reports_command.reference.brightspace import CourseColumn, UserColumn
from room_reports_command.reference.data_sets import COLUMNS, DataSet
from room_reports_command.reference.policy import DEFAULTS, SETTINGS
from room_reports_command.reference.rosters import USER_COLUMNS
from room_reports_command.reference.tables import ROOMS, ROSTERS, TABLES, Table
from tests.support.brightspace import LAYOUTS

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "attendance.md").read_text(encoding="utf-8")
CONTRACT = (DOCS / "contract.md").read_text(encoding="utf-8")
SHOWN = {"all": [], "none": [], "true": True}


def rows_of(page: str, title: str) -> list[list[str]]:
    """Return the cells of the first table under a heading, without its header."""
    text = page.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_each_setting_has_its_default_and_its_meaning() -> None:
    rows = rows_of(PAGE, "The policy")
    assert [row[0].strip("`") for row in rows] == list(DEFAULTS)
    for row, setting in zip(rows, SETTINGS, strict=True):
        assert SHOWN.get(row[1], row[1]) in (setting.default, json.dumps(setting.default))
        words = re.sub(r"[`]|; all if there are none", "", setting.meaning)
        assert row[2].replace("`", "") == words


def test_each_status_has_its_word_and_its_meaning() -> None:
    rows = rows_of(PAGE, "The workbook")
    assert [(row[0].strip("`"), row[1], row[2]) for row in rows] == [
        (status.name, status.word, status.meaning) for status in STATUSES
    ]


@pytest.mark.parametrize("data_set", DataSet)
def test_each_data_set_has_its_columns_with_their_types(data_set: DataSet) -> None:
    (row,) = (row for row in rows_of(PAGE, "Import from Brightspace") if f"[{data_set}]" in row[0])
    assert "https://community.d2l.com/brightspace/kb/articles/" in row[0]
    types: dict[str, str] = {}
    for names, kind in re.findall(r"((?:`\w+`,? ?)+)\((\w+)[^)]*\)", row[1]):
        types |= dict.fromkeys(re.findall(r"`(\w+)`", names), kind)
    layouts = {name.lower(): columns for name, columns in LAYOUTS.items()}
    documented = layouts[data_set.replace(" ", "").lower()]
    assert types == {name: documented[name] for name in COLUMNS[data_set]}


@pytest.mark.parametrize("table", TABLES)
def test_each_table_has_its_columns(table: Table) -> None:
    assert f"```text\n{','.join(table.columns)}\n" in PAGE
    named = ", ".join(f"`{column}`" for column in table.columns)
    assert f"| `reference/{table.name}/{{name}}.csv` | {named} |" in CONTRACT


def test_the_contract_names_each_setting_of_the_policy() -> None:
    (text,) = re.findall(r"with any of\n(.+?)\. \[attendance", CONTRACT, re.DOTALL)
    assert re.findall(r"`(\w+)`", text) == list(DEFAULTS)


def test_what_can_be_chosen_are_columns_of_the_data_sets() -> None:
    assert {str(each) for each in UserColumn} == set(USER_COLUMNS) == set(COLUMNS[DataSet.USERS])
    assert {str(each) for each in CourseColumn} <= set(COLUMNS[DataSet.ORGANIZATIONAL_UNITS])
    assert (ROOMS.needed, ROSTERS.needed) == (("entry_id", "course_id"), ("course_id", "user_id"))
