"""The local stack that the end-to-end tests share, with the simulated Kaltura."""

from collections.abc import Iterator

import pytest

from local.stack.lifecycle import local_stack
from local.stack.stack import Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The real template, deployed; at the end no secret may have shown up in any log."""
    with local_stack() as deployed:
        yield deployed
        logged = deployed.log_text()
        for region, account in deployed.kaltura.secret.items():
            for name, value in account.items():
                assert name == "partner_id" or str(value) not in logged, f"{region}: {name}"
