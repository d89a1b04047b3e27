"""The layers of the library: imports go down, never up and never in a circle."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "layers" / "room_reports"
PACKAGE = LIBRARY / "room_reports"
LAYERS = (
    ("errors", "deadline", "telemetry"),
    ("model",),
    ("settings",),
    ("kaltura", "storage"),
    ("export", "api"),
)
"""From the bottom up; what stands in one layer knows nothing of its neighbours."""
OWNERS = {
    "boto3": ("storage", "api"),
    "botocore": ("storage", "api"),
    "requests": ("kaltura",),
    "urllib3": ("kaltura",),
}
"""The packages of the library that may import a client of the outside world."""


def module_name(path: Path) -> str:
    parts = path.relative_to(LIBRARY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported_modules(path: Path) -> set[str]:
    """Return every module that a file imports, at whatever depth and for whatever purpose."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & set(MODULES)
            names.update(submodules or {node.module or ""})
    return names


def package_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def level_of(module: str) -> int:
    return next(place for place, names in enumerate(LAYERS) if package_of(module) in names)


def test_every_package_has_a_layer() -> None:
    named = {name for layer in LAYERS for name in layer}
    assert {package_of(name) for name in MODULES} - {""} == named


@pytest.mark.parametrize("module", [name for name in MODULES if package_of(name)])
def test_no_import_goes_up_or_sideways(module: str) -> None:
    for name in imported_modules(MODULES[module]):
        root = name.split(".")[0]
        if root in OWNERS:
            assert package_of(module) in OWNERS[root], f"{module} imports {name}"
        if root != "room_reports" or package_of(name) in ("", package_of(module)):
            continue
        assert level_of(name) < level_of(module), f"{module} imports {name}"


def test_no_imports_go_in_a_circle() -> None:
    graph = {name: imported_modules(path) & set(MODULES) for name, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("package", [name for layer in LAYERS for name in layer])
def test_only_the_handlers_are_above(package: str) -> None:
    modules = [path for name, path in MODULES.items() if package_of(name) == package]
    assert modules
    for path in modules:
        assert not {name for name in imported_modules(path) if name.startswith("app")}
