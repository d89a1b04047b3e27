"""The one direction of imports: handlers, then logic, then source and lake, then the words."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "layers" / "room_reports" / "room_reports"
FORBIDDEN = {
    "source": ("boto3", "botocore", "room_reports.lake", "room_reports.exporting"),
    "lake": ("requests", "urllib3", "room_reports.source", "room_reports.exporting"),
    "exporting": ("boto3", "botocore", "requests", "urllib3", "room_reports.downloads"),
    "downloads": ("requests", "urllib3", "room_reports.source", "room_reports.exporting"),
    "": (
        *("boto3", "botocore", "requests", "room_reports.source", "room_reports.lake"),
        *("room_reports.exporting", "room_reports.downloads"),
    ),
}
LONGEST = 250


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    plain = [
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    ]
    parts = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {*plain, *parts}


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_go_one_way(folder: str) -> None:
    modules = list((PACKAGE / folder).glob("*.py"))
    assert modules
    for module in modules:
        wrong = {name for name in imported(module) if name.startswith(FORBIDDEN[folder])}
        assert not wrong, f"{module.relative_to(PACKAGE)} imports {wrong}"


def test_no_module_is_too_long_to_read() -> None:
    lengths = {
        str(path.relative_to(PACKAGE)): len(path.read_text().splitlines())
        for path in PACKAGE.rglob("*.py")
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
