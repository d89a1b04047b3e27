"""Show what each stack of a fleet is deployed with, or with ``--deploy`` deploy it."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from local.stack.servers import ROOT
from tools.fleet.config import FleetError, FleetStack, read_fleet


def command(stack: FleetStack, parameters: Path) -> list[str]:
    """Return the command that deploys a stack, whose parameters are in a file."""
    return [
        *("sam", "deploy", "--config-file", str(ROOT / "samconfig.toml")),
        *("--stack-name", stack.name, "--profile", stack.profile, "--region", stack.region),
        "--no-confirm-changeset",
        *("--parameter-overrides", parameters.as_uri()),
    ]


def write_parameters(stack: FleetStack, directory: Path) -> Path:
    """Write the parameters of a stack as the SAM CLI reads them, and return the file."""
    path = directory / f"{stack.name}.yaml"
    path.write_text(json.dumps(dict(stack.parameters)), encoding="utf-8")
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy, or show, the stacks that are named, or all.

    Returns:
        The exit status: 0, 1 if a stack could not be deployed, or 2 if the file is wrong.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.fleet", description=__doc__)
    parser.add_argument("file", type=Path, help="the TOML file that lists the stacks")
    parser.add_argument("names", nargs="*", help="only these stacks")
    parser.add_argument("--deploy", action="store_true", help="deploy them, one at a time")
    options = parser.parse_args(arguments)
    try:
        stacks = read_fleet(options.file)
    except (FleetError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    known = {stack.name for stack in stacks}
    if unknown := sorted(set(options.names) - known):
        print(f"{options.file} has no stack {', '.join(unknown)}", file=sys.stderr)
        return 2
    chosen = [stack for stack in stacks if not options.names or stack.name in options.names]
    with tempfile.TemporaryDirectory() as directory:
        return _deploy(chosen, Path(directory), run=options.deploy)


def _deploy(stacks: Sequence[FleetStack], directory: Path, *, run: bool) -> int:
    failed = []
    for stack in stacks:
        if not run:
            print(f"{stack.name}: profile {stack.profile}, {stack.region}")
            for key, value in sorted(stack.parameters.items()):
                print(f"  {key}={value}")
            continue
        words = command(stack, write_parameters(stack, directory))
        # A stack that fails does not hold up the others.
        if subprocess.run(words, cwd=ROOT, check=False).returncode:
            failed.append(stack.name)
    if failed:
        print(f"Not deployed: {' '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
