"""Pseudonyms: the same for the same person, and nothing else to be learnt from them."""

import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.kaltura.published import published_value
from room_reports.model.pseudonyms import PLACEHOLDERS, Pseudonyms, as_shown
from tests.support.privacy import KEY, pseudonym
from tests.support.tables import texts

PSEUDONYMS = Pseudonyms(KEY)
signs = st.sampled_from(("", "'", "=", "+", "-", "@", "\t", " ", "\r", "\n", "'=", "' ", "''="))
values = st.builds(lambda sign, text: sign + text, signs, texts)


def in_a_view(published: str) -> str:
    """Return a published value as the views show it; the condition is that of the views."""
    return published[1:] if re.match(r"'[-=+@\t ]", published) else published


@given(values, st.booleans())
def test_a_pseudonym_is_that_of_the_value_in_a_view(value: str, neutralise: bool) -> None:
    shown = in_a_view(published_value(value, is_text=neutralise))
    assert as_shown(value) == shown
    assert PSEUDONYMS.of(value) == PSEUDONYMS.of(published_value(value, is_text=neutralise))


@given(values, values)
def test_two_values_have_one_pseudonym_exactly_if_they_are_shown_as_one(
    one: str, other: str
) -> None:
    same = in_a_view(published_value(one, is_text=True)) == in_a_view(
        published_value(other, is_text=True)
    )
    assert (PSEUDONYMS.of(one) == PSEUDONYMS.of(other)) is same


@given(values)
def test_it_is_a_keyed_hash(value: str) -> None:
    found = PSEUDONYMS.of(value)
    assert found == pseudonym(as_shown(value))
    shown = as_shown(value)
    keyed = hmac.digest(KEY, shown.encode(), "sha256").hex()
    assert found == (shown if shown in PLACEHOLDERS else f"p_{keyed[:20]}")
    assert found in PLACEHOLDERS or re.fullmatch(r"p_[0-9a-f]{20}", found)


@given(values, st.binary(min_size=32, max_size=32))
def test_another_key_gives_other_pseudonyms(value: str, key: bytes) -> None:
    other = Pseudonyms(key)
    differs = key != KEY and as_shown(value) not in PLACEHOLDERS
    assert (PSEUDONYMS.of(value) != other.of(value)) is differs
    assert (PSEUDONYMS.key_id != other.key_id) is (key != KEY)


@pytest.mark.parametrize("value", sorted(PLACEHOLDERS))
def test_an_unknown_user_stays_unknown(value: str) -> None:
    assert PSEUDONYMS.of(value) == value


def test_the_key_is_not_shown() -> None:
    shown = f"{PSEUDONYMS!r} {PSEUDONYMS} {PSEUDONYMS.key_id}"
    assert KEY.hex()[:8] not in shown
    assert repr(KEY)[2:10] not in shown
