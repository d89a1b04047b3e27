"""The operator: runs the command ``room-reports`` in a process of its own, as a shell does."""

import json
import os
import pty
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from local.stack.stack import Stack
from room_reports_command.stack import Connection, DeployedStack
from tests.e2e.deployed import settings, simulation

ROOT = Path(__file__).parents[2]
_SECONDS = 120.0
_TERMINAL_SECONDS = 30.0
_SOURCES = (ROOT, ROOT / "layers" / "room_reports", ROOT / "command")


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON that it printed."""
        return json.loads(self.out)


@contextmanager
def slow_kaltura(stack: Stack, seconds: float) -> Iterator[None]:
    """Let each call to Kaltura take some time."""
    for region in stack.kaltura.urls:
        simulation(stack, region, "latency", "PUT", {"seconds": seconds})
    try:
        yield
    finally:
        for region in stack.kaltura.urls:
            simulation(stack, region, "latency", "PUT", {"seconds": 0})


@contextmanager
def failing_report(stack: Stack, days: int) -> Iterator[None]:
    """Let a report of eu fail on days that were not exported before, and heal it afterwards.

    Args:
        days: How many days a run looks back meanwhile.
    """
    fault = {"kind": "api_error", "code": "SERVICE_FORBIDDEN", "times": None, "report": 6001}
    simulation(stack, "eu", "faults", "POST", [fault])
    with settings(stack, CATCH_UP_DAYS=str(days)):
        assert stack.run_schedule(datetime.now(UTC)).error is not None
        yield
        simulation(stack, "eu", "faults", "DELETE")
        assert stack.run_schedule(datetime.now(UTC)).error is None


class Operator:
    """Runs commands against a stack, in a folder of its own."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack = stack
        self.folder = folder
        script = folder / "bin" / "room-reports"
        script.parent.mkdir()
        script.write_text(
            f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m room_reports_command "$@"\n'
        )
        script.chmod(0o700)
        script.with_name("aws").symlink_to(ROOT / ".venvs/awscli/bin/aws")
        self.environment = {
            "PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONPATH": os.pathsep.join(map(str, _SOURCES)),
            "PYTHONDONTWRITEBYTECODE": "1",
            **stack.aws.environment(),
        }

    def run(
        self,
        *arguments: str,
        stdin: str = "",
        environment: Mapping[str, str] | None = None,
        seconds: float = _SECONDS,
    ) -> Ran:
        """Run ``room-reports`` without a terminal."""
        done = subprocess.run(
            ["room-reports", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**self.environment, **(environment or {})},
            timeout=seconds,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def shell(self, line: str, environment: Mapping[str, str] | None = None) -> Ran:
        """Run a line of a shell, as a page of the documentation has it."""
        done = subprocess.run(
            # With a second command, bash stays the parent, from which typer tells the shell.
            ["bash", "-c", f"{line}\nexit $?"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**self.environment, **(environment or {})},
            timeout=_SECONDS,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def interrupted(self, arguments: Sequence[str], after: str, times: int = 2) -> Ran:
        """Run ``room-reports`` without a terminal, and press Ctrl-C when it has said something.

        Args:
            after: What it says, on stdout or stderr.
            times: How often it has to say it.
        """
        return self.heard(arguments, after, lambda ran: ran.send_signal(signal.SIGINT), times)

    def heard(
        self,
        arguments: Sequence[str],
        after: str,
        then: Callable[["subprocess.Popen[str]"], object],
        times: int = 1,
    ) -> Ran:
        """Run ``room-reports`` without a terminal, and do something when it has said something."""
        with subprocess.Popen(
            ["room-reports", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env={**self.environment, "PYTHONUNBUFFERED": "1"},
        ) as process:
            assert process.stdout is not None
            said, done = "", False
            for line in process.stdout:
                said += line
                if not done and said.count(after) >= times:
                    then(process)
                    done = True
            return Ran(process.wait(_SECONDS), said, "")

    def type(self, arguments: Sequence[str], typed: Sequence[tuple[str, str]]) -> tuple[int, str]:
        """Run ``room-reports`` on a terminal; return its exit code and all that it showed.

        Args:
            typed: What to type, each after the terminal shows the text before it.
        """
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execvpe(
                "room-reports",
                ["room-reports", *arguments],
                {**self.environment, "TERM": "xterm", "COLUMNS": "120"},
            )
        shown, place, waiting = "", 0, list(typed)
        deadline = time.monotonic() + _TERMINAL_SECONDS
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                received = os.read(terminal, 65_536)
            except OSError:
                break  # the command has ended
            if not received:
                break
            shown += received.decode(errors="replace")
            while waiting and (found := shown.find(waiting[0][0], place)) >= 0:
                place = found + len(waiting[0][0])
                # What is typed before the terminal stops to echo is discarded.
                time.sleep(0.5)
                os.write(terminal, waiting.pop(0)[1].encode())
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown

    def deployed(self, name: str | None = None) -> DeployedStack:
        """Return the stack as the command sees it, for use in this process."""
        aws = self.stack.aws
        return DeployedStack(
            Connection(name or self.stack.name),
            boto3.Session(aws.access_key_id, aws.secret_access_key, region_name=aws.region),
            aws.endpoint_url,
        )
