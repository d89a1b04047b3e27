"""The suppression list: who is in it, and that it says nothing about them."""

import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.kaltura.csv_format import surviving
from local.kaltura.published import published_value
from room_reports.model.pseudonyms import PLACEHOLDERS
from room_reports.model.suppression import (
    TOKEN,
    Person,
    Rows,
    Suppression,
    SuppressionList,
    ValueHash,
    comparable,
    new_token,
    parse_list,
)
from tests.support.privacy import KEY
from tests.support.tables import texts

HASH = ValueHash(KEY)
UNKNOWN = {comparable(value) for value in PLACEHOLDERS}
known = texts.filter(lambda value: comparable(value) not in UNKNOWN)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
tokens = st.from_regex(TOKEN, fullmatch=True)
hashes = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)


@st.composite
def lists(draw: st.DrawFn) -> SuppressionList:
    """Draw a list whose tokens and hashes are distinct."""
    people = [
        Person(
            token,
            tuple(draw(st.lists(hashes, min_size=1, max_size=3, unique=True))),
            draw(st.sampled_from(Rows)),
            draw(moments).replace(microsecond=0),
        )
        for token in draw(st.lists(tokens, max_size=4, unique=True))
    ]
    every = [hashed for person in people for hashed in person.hashes]
    if len(set(every)) < len(every):
        people = people[:1]
    return SuppressionList(HASH.key_id, tuple(people))


def person(*values: str) -> Person:
    return Person(
        new_token(), tuple(map(HASH.of, values)), Rows.KEEP, datetime(2026, 11, 1, tzinfo=UTC)
    )


@given(lists())
def test_a_list_is_read_as_it_was_written(people: SuppressionList) -> None:
    assert parse_list(people.to_json()) == people
    assert parse_list(people.to_json().encode()) == people


@given(known)
def test_a_hash_is_keyed_and_disregards_case(value: str) -> None:
    expected = hmac.digest(KEY, comparable(value).encode(), "sha256").hex()
    assert HASH.of(value) == expected
    assert ValueHash(KEY[::-1]).of(value) != expected


@given(known.filter(lambda value: comparable(surviving(value)) not in UNKNOWN), st.booleans())
def test_a_person_is_found_by_every_spelling(value: str, neutralise: bool) -> None:
    """As Kaltura writes it in a report, and as a file of ours has it."""
    value = surviving(value)
    suppression = Suppression([someone := person(value)], HASH)
    published = published_value(value, is_text=neutralise)
    for spelling in (value, published, f" {published} ", published.casefold()):
        assert suppression.of(spelling) is someone


@given(known, known)
def test_no_other_person_is_found(value: str, other: str) -> None:
    suppression = Suppression([person(value)], HASH)
    assert (suppression.of(other) is not None) is (comparable(value) == comparable(other))


@pytest.mark.parametrize("value", [*sorted(PLACEHOLDERS), "UNKNOWN", " 0 ", "error"])
def test_unknown_users_are_no_person(value: str) -> None:
    assert Suppression([person("anna")], HASH).of(value) is None
    with pytest.raises(ValueError, match="does not know"):
        HASH.of(value)


def test_without_people_it_is_false() -> None:
    assert not Suppression([], HASH)
    assert Suppression([person("anna")], HASH)


@given(known.filter(lambda value: len(value) > 8))
def test_the_list_says_nothing_about_a_person(value: str) -> None:
    text = SuppressionList(HASH.key_id, (person(value),)).to_json()
    assert value not in text
    assert value.encode().hex() not in text
    assert KEY.hex()[:8] not in f"{text} {HASH!r} {HASH}"


ONE = SuppressionList(HASH.key_id, (person("anna"),))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"key_id": None}, "does not name its key"),
        ({"key_id": ""}, "does not name its key"),
        ({"people": None}, "is not a JSON object with a list of people"),
        ({"people": ["anna"]}, "person 1 of the suppression list has no token"),
    ],
)
def test_a_wrong_list_is_refused(change: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_list(json.dumps(json.loads(ONE.to_json()) | change))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"token": "erased_ABC"}, "has no token"),
        ({"hashes": []}, "has no hashes"),
        ({"hashes": ["anna"]}, "has no hashes"),
        ({"rows": "all"}, "lacks rows or since"),
        ({"since": "yesterday"}, "lacks rows or since"),
        ({"since": "2026-11-01T00:00:00"}, "a time without a zone"),
    ],
)
def test_a_wrong_person_is_refused(change: dict[str, object], problem: str) -> None:
    value = json.loads(ONE.to_json())
    value["people"][0] |= change
    with pytest.raises(ValueError, match=problem) as caught:
        parse_list(json.dumps(value))
    assert "anna" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"people": {}}'])
def test_what_is_no_list_is_not_taken_for_an_empty_one(text: str) -> None:
    with pytest.raises(ValueError, match="is not a JSON object"):
        parse_list(text)


def test_a_person_is_in_the_list_once() -> None:
    (one,) = ONE.people
    for same in (replace(one, token=new_token()), replace(one, hashes=("0" * 64,))):
        with pytest.raises(ValueError, match="twice"):
            parse_list(SuppressionList(HASH.key_id, (one, same)).to_json())
