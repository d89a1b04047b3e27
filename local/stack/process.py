"""Servers that outlive the command that started them, and can be found and stopped later."""

import os
import random
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

_STOP_SECONDS = 5.0
_PORTS = (10_000, 32_768)


class StackError(Exception):
    """Raised when the local stack cannot be started, deployed or found; the message says why."""


@dataclass(frozen=True)
class Process:
    """A running server; ``born`` distinguishes it from a later process with the same id."""

    pid: int
    born: float

    def alive(self) -> bool:
        """Return whether it still runs."""
        return self._find() is not None

    def stop(self) -> None:
        """Stop it and every process that it started."""
        found = self._find()
        if found is None:
            return
        family = [found, *found.children(recursive=True)]
        for signal in (psutil.Process.terminate, psutil.Process.kill):
            for process in family:
                try:
                    signal(process)
                except psutil.NoSuchProcess:
                    continue
            _, family = psutil.wait_procs(family, timeout=_STOP_SECONDS)

    def to_dict(self) -> dict[str, float]:
        """Return plain data that identifies it."""
        return asdict(self)

    def _find(self) -> psutil.Process | None:
        try:
            found = psutil.Process(self.pid)
            if abs(found.create_time() - self.born) < 1 and found.status() != psutil.STATUS_ZOMBIE:
                return found
        except psutil.NoSuchProcess:
            return None
        return None


def start(
    command: Sequence[str | Path], environment: Mapping[str, str], log: Path, cwd: Path
) -> Process:
    """Start a server in its own process group, with its output in ``log``."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    return Process(child.pid, psutil.Process(child.pid).create_time())


def wait_until(ready: Callable[[], bool], process: Process, log: Path, seconds: float) -> None:
    """Wait until ``ready`` returns True.

    Raises:
        StackError: If the server ends or is not ready in time; holds the end of its log.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if not process.alive() or time.monotonic() > deadline:
            state = "was not ready in time" if process.alive() else "has ended"
            raise StackError(f"{log.stem} {state}; its log ends with:\n{tail(log)}")
        time.sleep(0.05)


def tail(log: Path, lines: int = 20) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").split("\n")[-lines:])


def listens(port: int) -> bool:
    """Return whether a server listens on a TCP port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Return a port as ``free_ports`` does."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return different TCP ports of 127.0.0.1 on which no server listens.

    They are none that the kernel gives to a connection in the meantime: these begin at 32768.
    """
    ports: list[int] = []
    with ExitStack() as taken:
        while len(ports) < count:
            port = random.SystemRandom().randrange(*_PORTS)
            probe = taken.enter_context(socket.socket())
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                ports.append(port)
    return ports
