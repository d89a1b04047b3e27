"""Sets of sessions in few bits: what two of them tell of the difference of the sets."""

import base64
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from room_reports.model.day_files import DayFile
from room_reports.model.quality import Facts, unpaired
from room_reports.storage.session_bits import BITS, bits_text, parse_bits, toggled

SESSIONS = st.sets(st.tuples(st.binary(max_size=4), st.binary(max_size=4)), max_size=40)


@given(SESSIONS, SESSIONS, st.randoms())
def test_the_order_and_the_way_do_not_matter(
    one: set[tuple[bytes, bytes]], other: set[tuple[bytes, bytes]], random: Random
) -> None:
    shuffled = sorted(one | other)
    random.shuffle(shuffled)
    bits = toggled(0, shuffled)
    assert bits == toggled(toggled(0, one), other - one)
    assert parse_bits(bits_text(bits)) == bits


@given(st.text(max_size=20))
def test_other_texts_are_no_bits(text: str) -> None:
    assert parse_bits(text) is None


@given(st.binary(max_size=200))
def test_texts_of_another_length_are_no_bits(data: bytes) -> None:
    found = parse_bits(base64.b64encode(data).decode())
    assert (found is not None) == (len(data) == BITS // 8)


def facts(sessions: set[int], *, known: bool = True, state: str = "settled") -> Facts:
    row = DayFile(
        *("attendees", "2026-09-16", state, "", "", "", "", str(len(sessions)), "", "", "", "")
    )
    bits = toggled(0, ((b"1_a", b"%d" % each) for each in sessions))
    return Facts(row, session_bits=bits if known else None)


SETS = st.sets(st.integers(0, 60), max_size=60)


@given(SETS, SETS)
def test_the_numbers_are_those_of_the_sets_or_less(one: set[int], other: set[int]) -> None:
    found = unpaired(facts(one), facts(other))
    assert found is not None
    assert found[0] - found[1] == len(one) - len(other)
    assert 0 <= found[0] <= len(one - other)
    assert 0 <= found[1] <= len(other - one)


@given(SETS, SETS)
def test_files_of_older_versions_are_compared_by_number(one: set[int], other: set[int]) -> None:
    more = len(one) - len(other)
    for pair in ((facts(one, known=False), facts(other)), (facts(one), facts(other, known=False))):
        assert unpaired(*pair) == (max(0, more), max(0, -more))
    assert unpaired(facts(one, state="settling"), facts(other)) is None


def test_hardly_any_difference_is_missed() -> None:
    """One session of five hundred is another one: they have the same bit once in 1,024 times."""
    equal = 0
    for trial in range(2_000):
        one = set(range(trial * 1_000, trial * 1_000 + 500))
        other = {*one, trial * 1_000 + 700} - {trial * 1_000}
        equal += unpaired(facts(one), facts(other)) != (1, 1)
    assert equal <= 8
