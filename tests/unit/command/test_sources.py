"""The API as a source: ranges that are longer than it returns at once."""

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from room_reports_command.api_source import slices

DATES = st.dates(date(2000, 1, 1), date(2100, 1, 1))


@given(DATES, st.integers(1, 4000), st.sampled_from(["", "T13:00:00Z"]))
def test_slices_cover_a_range_once_and_are_short_enough(first: date, days: int, time: str) -> None:
    begin, end = f"{first}{time}", f"{first + timedelta(days=days)}{time}"
    found = slices(begin, end)
    assert (found[0][0], found[-1][1]) == (begin, end)
    assert all(before[1] == after[0] for before, after in pairwise(found))
    lengths = [date.fromisoformat(b[:10]) - date.fromisoformat(a[:10]) for a, b in found]
    assert all(timedelta() < length <= timedelta(days=365) for length in lengths)


def test_hours_of_one_day_are_one_slice() -> None:
    both = ("2026-03-02T10:00:00Z", "2026-03-02T14:00:00Z")
    assert slices(*both) == [both]
