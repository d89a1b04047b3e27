"""How far tests go whose time grows with a number: further in ``make test-all``, with LONG=1."""

import os

import pytest

LONG = bool(os.environ.get("LONG"))
long_test = pytest.mark.skipif(not LONG, reason="part of make test-all")


def extent(short: int, long: int) -> int:
    """Return the number that applies to this run of the tests."""
    return long if LONG else short
