"""Each benchmark is one that ``make bench`` runs."""

import ast
from pathlib import Path

import pytest

from tests.bench.__main__ import ORDER

MODULES = {path.stem.removeprefix("bench_"): path for path in Path("tests/bench").glob("bench_*")}


def test_make_bench_runs_every_module() -> None:
    assert len(ORDER) == len(set(ORDER))
    assert set(ORDER) == set(MODULES)


@pytest.mark.parametrize("name", ORDER)
def test_a_module_has_what_make_bench_needs(name: str) -> None:
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert "measure" in defined
    assert "TITLE" in assigned
