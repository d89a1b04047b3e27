"""Which calls a fault of the simulated Kaltura is for."""

import pytest

from local.kaltura.api import Call
from local.kaltura.faults import Fault


def call(report: int = 6001, **params: str) -> Call:
    window = {"from_date": "1000", "to_date": "2000"}
    return Call(0.0, "report", "getcsvfromstringparams", report, {**window, **params})


@pytest.mark.parametrize(("moment", "matches"), [(999, False), (1000, True), (2000, False)])
def test_a_fault_of_one_window(moment: float, matches: bool) -> None:
    assert Fault("empty", moment=moment).matches(call()) is matches


def test_a_fault_of_calls_for_all_rooms() -> None:
    fault = Fault("empty", whole=True)
    assert fault.matches(call())
    assert not fault.matches(call(entry_ids="1_a"))
    assert not fault.matches(call(report=6002, parentEntryIds="1_a,1_b"))


def test_a_fault_of_one_room() -> None:
    fault = Fault("empty", room="1_a")
    assert fault.matches(call())
    assert fault.matches(call(entry_ids="1_b,1_a"))
    assert not fault.matches(call(entry_ids="1_b"))
    assert not fault.matches(call(report=6002, parentEntryIds="1_b"))
