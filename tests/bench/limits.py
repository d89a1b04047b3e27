"""The CPU that a Lambda function of some size has, as far as this machine can limit it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_ONE_CPU = 1769
"""MB of memory with which a Lambda function has one vCPU."""
_PERIOD = 20_000
"""Microseconds in which a share of the CPU is granted; Lambda's is 20 ms, too."""
_V2, _V1 = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/cpu")


@dataclass(frozen=True)
class Limit:
    """A way to start a command with less CPU than the machine has."""

    memory: int
    """MB of the function that it simulates."""
    prefix: Sequence[str]
    complete: bool
    """False if the command is only pinned to one CPU, but has all of it."""


@contextmanager
def limit(memory: int) -> Iterator[Limit]:
    """Yield a limit for commands; one CPU by pinning, less than that by a quota of cgroups."""
    pin = ["taskset", "--cpu-list", str(max(os.sched_getaffinity(0)))]
    if memory >= _ONE_CPU:
        yield Limit(memory, pin, complete=True)
        return
    quota = _PERIOD * memory // _ONE_CPU
    group = _group(quota)
    if group is None:
        yield Limit(memory, pin, complete=False)
        return
    enter = f'echo $$ > {group}/cgroup.procs && exec "$@"'
    try:
        yield Limit(memory, [*pin, "bash", "-c", enter, "_"], complete=True)
    finally:
        with suppress(OSError):
            group.rmdir()


def _group(quota: int) -> Path | None:
    """Return a new cgroup with a quota, or None where that is not allowed."""
    name = f"bench-{os.getpid()}"
    for root, settings in (
        (_V1, {"cpu.cfs_period_us": str(_PERIOD), "cpu.cfs_quota_us": str(quota)}),
        (_V2, {"cpu.max": f"{quota} {_PERIOD}"}),
    ):
        group = root / name
        with suppress(OSError):
            group.mkdir()
            if all((group / file).exists() for file in settings):
                for file, value in settings.items():
                    (group / file).write_text(value, encoding="ascii")
                return group
            group.rmdir()
    return None
