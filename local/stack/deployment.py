"""Build and deploy the template with the real SAM CLI."""

import fcntl
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local.stack.aws import Aws
from local.stack.process import StackError
from local.stack.servers import ROOT

STACK_NAME = "kaltura-room-reports"
BUILD = ROOT / ".aws-sam"
_INPUTS = (
    *("template.yaml", "athena/template.yaml", "samconfig.toml"),
    *("layers/room_reports", "functions/downloads", "statemachines"),
)
_STAMP = BUILD / "inputs.sha256"


def build() -> bool:
    """Run ``sam build`` if its inputs have changed; return whether it ran."""
    BUILD.mkdir(exist_ok=True)
    with _locked(BUILD / "lock"):
        inputs = _fingerprint()
        if _STAMP.exists() and _STAMP.read_text(encoding="ascii") == inputs:
            return False
        _STAMP.unlink(missing_ok=True)
        _sam({}, "build", "--build-dir", str(BUILD / "build"))
        _STAMP.write_text(inputs, encoding="ascii")
        return True


def deploy(aws: Aws, parameters: Mapping[str, str], directory: Path) -> dict[str, str]:
    """Run ``sam deploy`` on what was built; return the stack's outputs by name."""
    overrides = directory / "parameters.yaml"
    overrides.write_text(json.dumps(dict(parameters)), encoding="utf-8")
    _sam(
        aws.environment(),
        *("deploy", "--config-file", str(ROOT / "samconfig.toml"), "--config-env", "local"),
        *("--stack-name", STACK_NAME),
        *("--template-file", str(BUILD / "build" / "template.yaml")),
        *(("--parameter-overrides", overrides.as_uri()) if parameters else ()),
    )
    (stack,) = aws.cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _sam(environment: Mapping[str, str], *arguments: str) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "KALTURA_", "SAM_"))}
    # The makefiles need a python3 that has pip.
    path = f"{ROOT / '.venvs/uv/bin'}{os.pathsep}{os.environ['PATH']}"
    # The SAM CLI leaves temporary files behind.
    with tempfile.TemporaryDirectory(prefix="room-reports-sam-") as temporary:
        done = subprocess.run(
            [ROOT / ".venvs/sam/bin/sam", *arguments],
            cwd=ROOT,
            env={
                **kept,
                "PATH": path,
                "TMPDIR": temporary,
                "SAM_CLI_TELEMETRY": "0",
                "SAM_CLI_POLL_DELAY": "0.5",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode:
        said = [line for line in done.stdout.split("\n") if "Uploading to" not in line]
        raise StackError(f"sam {arguments[0]} failed:\n" + "\n".join(said))


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for name in _INPUTS:
        for path in sorted((ROOT / name).rglob("*")) or [ROOT / name]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(ROOT)}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock, so that stacks that start at the same time build once."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
