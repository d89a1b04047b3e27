"""The layers of the library: imports go down, never up and never in a circle."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "layers" / "room_reports"
LAYERS = (
    ("errors", "deadline", "runtime", "telemetry"),
    ("model",),
    ("settings",),
    ("kaltura", "storage"),
    ("export", "api"),
    ("backfill",),
)
"""From the bottom up; what stands in one layer knows nothing of its neighbours."""
OWNERS = {
    "boto3": ("storage", "api.presign", "api.service"),
    "botocore": ("storage", "api.presign"),
    "requests": ("kaltura",),
    "urllib3": ("kaltura",),
}
"""The packages and modules of the library that may import a client of the outside world."""


class Tree:
    """The modules of a library, and what each of them imports."""

    def __init__(self, root: Path) -> None:
        self.paths = {
            module_name(path, root): path for path in sorted((root / "room_reports").rglob("*.py"))
        }
        self.imports = {name: self._imported(path) for name, path in self.paths.items()}

    def _imported(self, path: Path) -> set[str]:
        """Return every module that a file imports, at whatever depth and for whatever purpose."""
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: relative import"
                submodules = {f"{node.module}.{alias.name}" for alias in node.names}
                names.update(submodules & set(self.paths) or {node.module or ""})
        return names

    def forbidden(self) -> list[str]:
        """Return each import that goes up or sideways, or whose owner is another package."""
        return [
            f"{module} imports {name}"
            for module, names in self.imports.items()
            if package_of(module)
            for name in sorted(names)
            if not allowed(module, name)
        ]

    def circle(self) -> list[str]:
        """Return modules that import each other in a circle; empty if none do."""
        graph = {name: names & set(self.paths) for name, names in self.imports.items()}
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            return list(error.args[1])
        return []


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def level_of(module: str) -> int:
    return next(place for place, names in enumerate(LAYERS) if package_of(module) in names)


def allowed(module: str, name: str) -> bool:
    """Return whether ``module`` may import ``name``."""
    root, inside = name.split(".", maxsplit=1)[0], module.removeprefix("room_reports.")
    if root in OWNERS:
        return any(f"{inside}.".startswith(f"{owner}.") for owner in OWNERS[root])
    if root != "room_reports" or package_of(name) in ("", package_of(module)):
        return root != "app"
    return level_of(name) < level_of(module)


TREE = Tree(LIBRARY)


def test_every_package_has_a_layer() -> None:
    named = {name for layer in LAYERS for name in layer}
    assert {package_of(name) for name in TREE.paths} - {""} == named


def test_no_import_goes_up_or_sideways() -> None:
    assert not TREE.forbidden()


def test_no_imports_go_in_a_circle() -> None:
    assert not TREE.circle(), " -> ".join(TREE.circle())


def tree(root: Path, **sources: str) -> Tree:
    """Return a library of these modules; ``__`` in a name separates a package from a module."""
    for name, source in sources.items():
        path = root / "room_reports" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return Tree(root)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("model__a", "from room_reports.settings import Settings"),
        ("model__a", "def late() -> None:\n    import room_reports.kaltura.client"),
        ("model__a", "if TYPE_CHECKING:\n    from room_reports.export import run"),
        ("kaltura__a", "from room_reports.storage import keys"),
        ("export__a", "from room_reports.api.params import Query"),
        ("errors", "from room_reports.telemetry import logger"),
        ("export__a", "import boto3"),
        ("api__responses", "import boto3"),
        ("api__service", "from botocore.config import Config"),
        ("api__presigner", "import boto3"),
        ("storage__a", "import requests"),
        ("settings", "import urllib3.exceptions"),
        ("export__a", "import app"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, module: str, source: str) -> None:
    assert len(tree(tmp_path, **{module: source}).forbidden()) == 1


def test_an_allowed_import_is_not_found(tmp_path: Path) -> None:
    library = tree(
        tmp_path,
        api__presign="import boto3, botocore.config\nfrom room_reports.model import windows",
        export__a="from room_reports.storage.keys import Series\nfrom room_reports.export import b",
        export__b="import json, room_reports.errors",
    )
    assert not library.forbidden()
    assert not library.circle()


def test_a_circle_is_found(tmp_path: Path) -> None:
    library = tree(
        tmp_path,
        export__a="from room_reports.export import b",
        export__b="def late() -> None:\n    from room_reports.export.c import C",
        export__c="import room_reports.export.a",
        export__d="import room_reports.export.a",
    )
    assert {name.removeprefix("room_reports.export.") for name in library.circle()} == {*"abc"}


@pytest.mark.parametrize("folder", ["tools", "local", "functions", "layers"])
def test_only_tests_import_tests(folder: str) -> None:
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in getattr(node, "names", [])]
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert not [name for name in names if name.split(".")[0] == "tests"], path
