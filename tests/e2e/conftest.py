"""The local stack that the end-to-end tests share, with the simulated Kaltura."""

from collections.abc import Iterator

import pytest

from local.stack.stack import Stack
from tests.e2e.deployed import watched_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Return the stack that most tests share."""
    with watched_stack() as deployed:
        yield deployed
