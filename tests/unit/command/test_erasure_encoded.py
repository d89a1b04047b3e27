"""The search of bytes for a person: every encoding, and a short id only as a word."""

import base64
import gzip
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports_command.erasure.encoded import EncodedSearch, is_opaque

VALUES = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs")), min_size=5, max_size=20
)
AROUND = st.binary(max_size=12)


def encoded(value: str) -> list[bytes]:
    in_json = json.dumps({"user": value})
    return [
        value.encode(),
        quote(value).encode(),
        quote_plus(value).encode(),
        quote(value, safe="").lower().encode(),
        in_json.encode(),
        json.dumps(in_json).encode(),
        json.dumps({"user": value}, ensure_ascii=False).encode(),
        html.escape(value).encode(),
        ('"' + value.replace('"', '""') + '"').encode(),
        value.encode().hex().encode(),
    ]


@given(VALUES, AROUND, AROUND)
def test_every_encoding_is_found(value: str, before: bytes, after: bytes) -> None:
    search = EncodedSearch([value])
    for form in encoded(value):
        assert search.is_in(before + form + after), form
        assert search.is_in(gzip.compress(before + form + after)), form


@given(VALUES, AROUND, AROUND)
def test_base64_is_found_at_every_offset(value: str, before: bytes, after: bytes) -> None:
    search = EncodedSearch([value])
    plain = before + value.encode() + after
    assert search.is_in(base64.b64encode(plain))
    assert search.is_in(base64.urlsafe_b64encode(plain))


@given(st.text("abcdefgh", min_size=5, max_size=12))
def test_upper_and_lower_case_are_the_same(value: str) -> None:
    search = EncodedSearch([value])
    assert search.is_in(value.upper().encode())
    assert search.is_in(value.title().encode())


@given(VALUES, st.lists(VALUES))
def test_nothing_is_found_in_other_texts(value: str, others: list[str]) -> None:
    text = "\n".join(others)
    if value.casefold() not in text.casefold() and value.isascii() and value.isalpha():
        assert not EncodedSearch([value]).is_in(text.encode())


@pytest.mark.parametrize("text", [b"a,17,b", b"?u=17&x", b'{"u": "17"}', b"%3D17%26", rb"\n17\n"])
def test_a_short_value_is_found_as_a_word(text: bytes) -> None:
    assert EncodedSearch(["17"]).is_in(text)


@pytest.mark.parametrize("text", [b"a,117,b", b"2017-01-01", b"x17", b"170"])
def test_a_short_value_is_not_found_within_a_word(text: bytes) -> None:
    assert not EncodedSearch(["17"]).is_in(text)


@pytest.mark.parametrize("values", [[], [""], [" "]])
def test_no_value_is_in_nothing(values: list[str]) -> None:
    assert not EncodedSearch(values).is_in(b"any text ,, \n")


@pytest.mark.parametrize(
    ("body", "opaque"),
    [
        (b"PAR1...", True),
        (gzip.compress(b"PAR1..."), True),
        (b"\x1f\x8bbroken", True),
        (b"a,b\n", False),
        (gzip.compress(b"a,b\n"), False),
        (b"", False),
    ],
)
def test_formats_that_cannot_be_searched_are_known(body: bytes, opaque: bool) -> None:
    assert is_opaque(body) is opaque
