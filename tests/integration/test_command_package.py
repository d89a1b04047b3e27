"""The package that pipx installs: it has the command and the library, and all that they need.

With INSTALL=1, pipx and uv really install it, which downloads what it needs.
"""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALLS = pytest.mark.skipif(
    not os.environ.get("INSTALL"), reason="downloads packages: set INSTALL=1"
)
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


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the files that Git tracks, as an operator has them."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    folder = tmp_path / "checkout"
    for name in listed.stdout.decode().rstrip("\0").split("\0"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def works(command: Sequence[Path | str], folder: Path) -> None:
    """Check that a command is the one of this checkout, and gets as far as calling AWS."""
    environment = {
        **own_environment(),
        "HOME": str(folder),
        "AWS_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    }

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*command, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    version = run("--version")
    assert (version.returncode, version.stdout.strip()) == (0, PROJECT["project"]["version"]), (
        version.stderr
    )
    status = run("status")
    assert (status.returncode, status.stdout) == (3, "")
    assert "AWS cannot be used" in status.stderr


def own_environment() -> dict[str, str]:
    """Return this environment without what would make this checkout visible."""
    kept = {"PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME"}
    return {name: value for name, value in os.environ.items() if name not in kept}


@INSTALLS
def test_pipx_installs_a_command_that_works(checkout: Path, tmp_path: Path) -> None:
    bin_folder = tmp_path / "bin"
    subprocess.run(
        [ROOT / ".venvs/pipx/bin/pipx", "install", "."],
        cwd=checkout,
        env={
            **own_environment(),
            "PIPX_HOME": str(tmp_path / "pipx"),
            "PIPX_BIN_DIR": str(bin_folder),
            "PIPX_DEFAULT_PYTHON": sys.executable,
        },
        check=True,
    )
    works([bin_folder / "room-reports"], tmp_path)


@INSTALLS
def test_uv_runs_a_command_that_works(checkout: Path) -> None:
    works([ROOT / ".venvs/uv/bin/uv", "run", "--quiet", "room-reports"], checkout)


def test_the_package_needs_what_the_groups_say() -> None:
    groups = PROJECT["dependency-groups"]
    assert sorted(PROJECT["project"]["dependencies"]) == sorted(groups["layer"] + groups["command"])


def test_the_console_script_is_there() -> None:
    assert PROJECT["project"]["scripts"] == {"room-reports": "room_reports_command.app:main"}
