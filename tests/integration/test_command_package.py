"""The package that pipx installs: it has the command and the library, and all that they need."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (found,) = folder.glob("*.whl")
    return found


def modules(folder: Path) -> set[str]:
    return {str(path.relative_to(folder.parent)) for path in folder.rglob("*.py")}


def test_the_package_has_both_trees_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = {name for name in opened.namelist() if ".dist-info/" not in name}
    expected = modules(ROOT / "command" / "room_reports_command")
    expected |= modules(ROOT / "layers" / "room_reports" / "room_reports")
    assert names == expected | {"room_reports/py.typed"}


def test_the_installed_command_starts(wheel: Path, tmp_path: Path) -> None:
    """Run the console script's function from the package, with no source beside it."""
    program = (
        f"import sys; sys.path.insert(0, {str(wheel)!r}); sys.argv = ['room-reports', '--help']\n"
        "import room_reports, room_reports_command.app as app\n"
        f"assert app.__file__.startswith({str(wheel)!r}), app.__file__\n"
        f"assert room_reports.__file__.startswith({str(wheel)!r})\n"
        "app.main()"
    )
    ran = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "backfill" in ran.stdout


def test_the_package_needs_what_the_groups_say() -> None:
    groups = PROJECT["dependency-groups"]
    assert sorted(PROJECT["project"]["dependencies"]) == sorted(groups["layer"] + groups["command"])


def test_the_console_script_is_there() -> None:
    assert PROJECT["project"]["scripts"] == {"room-reports": "room_reports_command.app:main"}
