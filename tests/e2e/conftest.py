"""The local stacks that the end-to-end tests share, with the simulated Kaltura."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from local.stack.stack import Stack
from tests.e2e.deployed import watched_stack
from tests.e2e.operator import Operator

ORIGIN = "https://reports.example.edu"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Return the stack that most tests share. It keeps a log of who read what."""
    with watched_stack({"AccessLog": "true"}) as deployed:
        yield deployed


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """Return the operator of a stack of its own, in which a doctor finds nothing.

    It has exported all that is due, and some days of March 2026.
    """
    # A run in the ten minutes before a day settles waits for it, so no day settles in these hours.
    settle_hours = "48" if 6 <= datetime.now(UTC).hour < 18 else "60"
    parameters = {
        "AlarmEmail": "operator@example.edu",
        "CorsOrigin": ORIGIN,
        "CatchUpDays": "2",
        "SettleHours": settle_hours,
    }
    with watched_stack(parameters) as deployed:
        assert deployed.run_schedule(datetime.now(UTC)).error is None
        for day in range(2, 5):
            event = {"from": f"2026-03-0{day}", "to": f"2026-03-0{day + 1}"}
            assert deployed.invoke(event).error is None
        yield Operator(deployed, tmp_path_factory.mktemp("operator"))
