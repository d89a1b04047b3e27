"""The same seed gives the same trace, byte for byte, however busy the machine is."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.chaos.invariants import check
from tests.chaos.scenario import scenario
from tests.chaos.world import ChaosWorld

_BUSY = "while True: pass"


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


@contextmanager
def busy_interpreter() -> Iterator[None]:
    """Keep a thread busy, and let threads interrupt one another a thousand times as often."""
    ended = threading.Event()

    def burn() -> None:
        while not ended.is_set():
            pass

    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 1000)
    burner = threading.Thread(target=burn)
    burner.start()
    try:
        yield
    finally:
        ended.set()
        burner.join()
        sys.setswitchinterval(usual)


@pytest.mark.parametrize(
    ("seed", "disturbance"),
    [(3, busy_machine), (23, busy_interpreter), (57, busy_interpreter)],
)
def test_the_same_seed_gives_the_same_trace(
    seed: int, disturbance: Callable[[], AbstractContextManager[None]]
) -> None:
    alone = trace(seed)
    with disturbance():
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
