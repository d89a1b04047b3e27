"""The cure of doctor that changes the deployment: it cures, and lasts after the next deployment."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack.servers import ROOT
from local.stack.template import load_template
from room_reports_command.doctor import CHECKS
from room_reports_command.doctor.check import Result, State, carry_out
from room_reports_command.doctor.examination import Examination
from tests.e2e.deployed import watched_stack
from tests.e2e.operator import Operator
from tests.support.extent import long_test

pytestmark = pytest.mark.e2e

ADDRESS = "operator@example.edu"


@pytest.fixture(scope="module")
def without_email(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """Return the operator of a stack of this module's own, without an address for alarms."""
    with watched_stack() as deployed:
        yield Operator(deployed, tmp_path_factory.mktemp("operator"))


def guided(operator: Operator, path: Path) -> None:
    """Write what ``sam deploy --guided`` leaves: a value for every parameter.

    The local AWS cannot deploy with the bucket that the SAM CLI makes, so that it is named here.
    """
    values = {
        name: str(parameter.get("Default", ""))
        for name, parameter in load_template()["Parameters"].items()
    }
    values["KalturaRegions"] = operator.stack.kaltura.regions
    overrides = ",\n".join(f"""  '{name}="{value}"'""" for name, value in values.items())
    path.write_text(
        "version = 0.1\n[default.deploy.parameters]\n"
        f'stack_name = "{operator.stack.name}"\ncapabilities = "CAPABILITY_IAM"\n'
        's3_bucket = "artifacts"\nregion = "us-east-1"\nconfirm_changeset = false\n'
        f"fail_on_empty_changeset = false\nparameter_overrides = [\n{overrides}\n]\n",
        encoding="utf-8",
    )


def deploy(operator: Operator, command: str, folder: Path) -> None:
    """Run a command of the SAM CLI on what was built, in a folder with the file deploy.toml."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SAM_"))}
    ran = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={
            **kept,
            **operator.stack.aws.environment(),
            "PATH": f"{ROOT / '.venvs/sam/bin'}{os.pathsep}{os.environ['PATH']}",
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.5",
            "TMPDIR": str(folder),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def alarm_email(operator: Operator) -> Result:
    check = next(each for each in CHECKS if each.name == "alarm-email")
    (result,) = carry_out(check, Examination(operator.deployed()))
    return result


@long_test
def test_an_address_for_alarms_stays_after_the_next_deployment(
    without_email: Operator, tmp_path: Path
) -> None:
    found = alarm_email(without_email)
    assert (found.state, found.found) == (State.FINDING, "AlarmEmail is empty")
    change, _, command = found.cure.partition(", then run: ")
    assert change == "Set AlarmEmail in deploy.toml"
    build, _, deployment = command.partition(" && ")
    assert build == "sam build"  # done already, when the stack was made
    shutil.copytree(ROOT / ".aws-sam" / "build", tmp_path / ".aws-sam" / "build")
    for name in ("functions", "statemachines"):  # to which what was built refers
        (tmp_path / name).symlink_to(ROOT / name)
    saved = tmp_path / "deploy.toml"
    guided(without_email, saved)
    before = saved.read_text(encoding="utf-8")
    saved.write_text(before.replace("""'AlarmEmail=""'""", f"""'AlarmEmail="{ADDRESS}"'"""))
    assert saved.read_text(encoding="utf-8") != before
    for _ in range(2):
        deploy(without_email, deployment, tmp_path)
        assert alarm_email(without_email).state is State.OK
