"""The same seed gives the same trace, byte for byte, however busy the machine is."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.chaos.invariants import check
from tests.chaos.scenario import scenario
from tests.chaos.world import ChaosWorld

_BUSY = "while True: pass"
SEEDS = (3, 23, 57)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_gives_the_same_trace(seed: int) -> None:
    alone = trace(seed)
    with busy_machine():
        disturbed = trace(seed)
    assert alone.splitlines() == disturbed.splitlines()
    assert alone.encode() == disturbed.encode()
    assert len(alone.splitlines()) > 100


def test_another_seed_gives_another_trace() -> None:
    assert trace(1) != trace(2)


def trace(seed: int) -> str:
    with ChaosWorld(scenario(seed)) as world:
        world.live_through(check)
        world.catch_up()
        return world.trace.text()


@contextmanager
def busy_machine() -> Iterator[None]:
    """Keep more processes busy than the machine has cores."""
    burners = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(3)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
