"""The layer as it is built: what it contains, its size, and what the functions import from it."""

import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.stack.deployment import BUILD, build
from trim_botocore import with_services, without_documentation

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / ".venvs" / "runtime" / "bin" / "python"
MAX_ZIPPED = 5_000_000
NOT_IMPORTED = {
    "asyncio",
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.parameters",
    "boto3",
    "multiprocessing",
    "s3transfer",
}
"""Heavy modules that a dependency imports if the wrong part of it is used."""
NAIVE = "boto3, requests, aws_lambda_powertools"
"""What a function imports that uses the same packages without care."""
IMPORT = """
import awslambdaric.bootstrap, json, sys
before = set(sys.modules)
import {modules}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.fixture(scope="module")
def layer() -> Path:
    """Return the directory with the layer's packages, as ``sam build`` makes it."""
    build()
    return BUILD / "build" / "RoomReportsLayer" / "python"


@pytest.fixture(scope="module")
def bytecode_only(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a copy of the layer in which every source is broken, so that bytecode must do."""
    if not list(layer.rglob("*.pyc")):
        pytest.skip("no CPython 3.13 was found when the layer was built, so it has no bytecode")
    copy = tmp_path_factory.mktemp("layer") / "python"
    shutil.copytree(layer, copy)
    for path in copy.rglob("*.py"):
        path.write_text("raise SystemExit(f'{__file__} was compiled again')", encoding="utf-8")
    yield copy
    shutil.rmtree(copy)


def imported(modules: str, *path: Path) -> set[str]:
    """Return the modules that an import brings in, beside those of Lambda's runtime client."""
    done = subprocess.run(
        [RUNTIME, "-c", IMPORT.format(modules=modules)],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    names: list[str] = json.loads(done.stdout)
    return set(names)


def test_the_layer_has_every_dependency_and_no_machine_code(layer: Path) -> None:
    assert not [path for path in layer.rglob("*") if path.suffix in {".so", ".pyd"}]
    for package in ("room_reports", "boto3", "requests", "aws_lambda_powertools", "tzdata"):
        assert (layer / package / "__init__.py").exists()


def test_the_layer_is_small(layer: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "layer.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for path in layer.rglob("*"):
            packed.write(path, path.relative_to(layer.parent))
    assert (tmp_path / "layer.zip").stat().st_size <= MAX_ZIPPED


def services_in_code() -> set[str]:
    """Return the AWS services that the library and the functions make a client for."""
    found: set[str] = set()
    for path in [*ROOT.glob("layers/**/*.py"), *ROOT.glob("functions/**/*.py")]:
        text = path.read_text(encoding="utf-8")
        named = re.findall(r"\baws_client\(\s*\"([a-z0-9-]+)\"", text)
        calls = re.findall(r"(?<!def )\baws_client\(", text)
        assert len(named) == len(calls), f"{path} makes a client of a service that it does not name"
        found.update(named)
    return found


def test_the_layer_has_the_data_of_the_services_that_the_code_calls(layer: Path) -> None:
    data = layer / "botocore" / "data"
    assert {path.name for path in data.iterdir() if path.is_dir()} == services_in_code()
    assert {path.name for path in data.iterdir() if path.is_file()} >= {
        "_retry.json",
        "endpoints.json",
        "partitions.json",
    }


def test_documentation_is_emptied_and_nothing_else() -> None:
    model: Any = {
        "documentation": "<p>Text</p>",
        "shapes": {
            "A": {"type": "structure", "members": {"documentation": {"shape": "B"}}},
            "B": {"type": "string", "documentation": "Text", "enum": ["documentation"]},
        },
        "operations": [{"name": "x", "documentationUrl": "https://docs.example"}, 1, None],
    }
    assert without_documentation(model) == {
        "documentation": "",
        "shapes": {
            "A": {"type": "structure", "members": {"documentation": {"shape": "B"}}},
            "B": {"type": "string", "documentation": "", "enum": ["documentation"]},
        },
        "operations": [{"name": "x", "documentationUrl": ""}, 1, None],
    }


def test_endpoints_keep_partitions_and_regions() -> None:
    partition = {"partition": "aws", "regions": {"us-east-1": {}}, "services": {"s3": 1, "x": 2}}
    trimmed = with_services({"version": 3, "partitions": [partition]}, frozenset({"s3"}))
    assert trimmed == {"version": 3, "partitions": [{**partition, "services": {"s3": 1}}]}


def test_bytecode_is_never_compared_with_its_source(layer: Path) -> None:
    compiled = sorted(layer.rglob("*.pyc"))
    if not compiled:
        pytest.skip("no CPython 3.13 was found when the layer was built, so it has no bytecode")
    for path in compiled:
        assert path.name.endswith(".cpython-313.pyc")
        head = path.read_bytes()
        assert int.from_bytes(head[4:8], "little") == 0b01, path
        assert str(BUILD).encode() not in head, path


@pytest.mark.parametrize("function", ["exporter", "downloads"])
def test_the_runtime_uses_the_bytecode(function: str, bytecode_only: Path) -> None:
    assert "room_reports.settings" in imported("app", bytecode_only, ROOT / "functions" / function)


@pytest.mark.parametrize(
    ("function", "also", "share"), [("exporter", set(), 0.95), ("downloads", {"requests"}, 0.7)]
)
def test_a_function_imports_only_what_it_needs(
    function: str, also: set[str], share: float, layer: Path
) -> None:
    found = imported("app", layer, ROOT / "functions" / function)
    assert "botocore.client" in found
    assert not found & (NOT_IMPORTED | also)
    others = {name for name in found if not name.startswith("room_reports")}
    assert len(others) <= share * len(imported(NAIVE, layer))


def test_equal_sources_make_an_equal_layer(layer: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(
        ROOT / "layers" / "room_reports",
        source,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    subprocess.run(
        ["make", "-s", "build-RoomReportsLayer", f"ARTIFACTS_DIR={tmp_path / 'layer'}"],
        cwd=source,
        env={**os.environ, "PATH": f"{ROOT / '.venvs/uv/bin'}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        check=True,
    )
    again = tmp_path / "layer" / "python"
    files = {path.relative_to(layer) for path in layer.rglob("*") if path.is_file()}
    assert files == {path.relative_to(again) for path in again.rglob("*") if path.is_file()}
    assert [
        name for name in files if (layer / name).read_bytes() != (again / name).read_bytes()
    ] == []
