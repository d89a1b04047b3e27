"""``sam deploy --guided`` as the README says: it saves what is entered, and in no tracked file."""

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

from local.stack.servers import ROOT
from local.stack.stack import Stack
from local.stack.template import load_template


def test_what_is_entered_is_saved_in_the_file_that_is_named(stack: Stack, tmp_path: Path) -> None:
    tracked = (ROOT / "samconfig.toml").read_bytes()
    saved = tmp_path / "deploy.toml"
    shutil.copy(ROOT / "samconfig.toml", saved)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SAM_"))}
    # The stack's name, and Enter for every other question. The deployment itself fails: the bucket
    # that the SAM CLI makes for it requires TLS.
    done = subprocess.run(
        [ROOT / ".venvs/sam/bin/sam", "deploy", "--guided", "--config-file", saved],
        cwd=ROOT,
        env={**kept, **stack.aws.environment(), "SAM_CLI_TELEMETRY": "0", "TMPDIR": str(tmp_path)},
        input="guided\n" + "\n" * 100,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Saved arguments to config file" in done.stdout, done.stdout + done.stderr
    assert (ROOT / "samconfig.toml").read_bytes() == tracked
    saved_values = tomllib.loads(saved.read_text(encoding="utf-8"))["default"]
    assert saved_values["deploy"]["parameters"]["stack_name"] == "guided"
    overrides = saved_values["deploy"]["parameters"]["parameter_overrides"]
    for name in load_template()["Parameters"]:
        assert f"{name}=" in str(overrides), name
