"""Fetching in batches: the rows of every id come once, for any sizes."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.export.batches import in_batches
from room_reports.kaltura.errors import TooHeavyError

CAP = 10
SIZES = st.dictionaries(st.sampled_from([f"1_{n:03}" for n in range(60)]), st.integers(0, 25))


@dataclass(frozen=True)
class Rows:
    """The result of one request for some ids."""

    wanted: tuple[str, ...]
    count: int
    ids: frozenset[str]

    @property
    def has_headroom(self) -> bool:
        return self.count < CAP / 4


@dataclass
class FakeReport:
    """A report with a number of rows per id; some rows reveal a further id."""

    sizes: dict[str, int]
    discovered: dict[str, str]

    def __post_init__(self) -> None:
        self.requests: list[tuple[str, ...]] = []

    def ask(self, ids: tuple[str, ...]) -> Rows:
        self.requests.append(ids)
        count = sum(self.sizes.get(one, 0) for one in ids)
        if count >= CAP:
            raise TooHeavyError("ROW_CAP", "too many")
        seen = {self.discovered[one] for one in ids if one in self.discovered}
        return Rows(ids, count, frozenset({*ids, *seen}))

    def split(self, one: str) -> list[Rows]:
        return [Rows((one,), self.sizes[one], frozenset({one}))]


@given(SIZES, st.data())
def test_every_id_is_fetched_once_including_discovered_ids(
    sizes: dict[str, int], data: st.DataObject
) -> None:
    small = [one for one, size in sizes.items() if size < CAP]
    discovered = {
        one: f"2_{data.draw(st.integers(0, 5))}" for one in small if data.draw(st.booleans())
    }
    report = FakeReport(sizes, discovered)
    batches = list(in_batches(sizes, report.ask, report.split))
    came = Counter(one for batch in batches for one in batch.wanted)
    assert set(came) == {*sizes, *discovered.values()}
    assert set(came.values()) <= {1}
    # Only ids that exceed the cap alone are split.
    assert {b.wanted for b in batches if b.count >= CAP} == {
        (one,) for one, size in sizes.items() if size >= CAP
    }


@given(st.dictionaries(st.integers(0, 5000).map(str), st.just(0), min_size=1, max_size=1200))
def test_many_small_ids_need_few_requests_of_bounded_size(sizes: dict[str, int]) -> None:
    report = FakeReport(sizes, {})
    assert sum(len(batch.wanted) for batch in in_batches(sizes, report.ask)) == len(sizes)
    assert max(map(len, report.requests)) <= 500
    assert len(report.requests) <= 2 + len(sizes) // 400 or len(report.requests) <= 4


@given(SIZES)
def test_without_split_the_first_oversized_id_raises(sizes: dict[str, int]) -> None:
    report = FakeReport(sizes, {})
    if max(sizes.values(), default=0) < CAP:
        assert sum(b.count for b in in_batches(sizes, report.ask)) == sum(sizes.values())
        return
    with pytest.raises(TooHeavyError):
        list(in_batches(sizes, report.ask))
    assert len(report.requests[-1]) == 1


def test_no_ids_need_no_requests() -> None:
    report = FakeReport({}, {})
    assert list(in_batches([], report.ask)) == []
    assert report.requests == []
