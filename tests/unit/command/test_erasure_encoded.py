"""The search of bytes for a person: every encoding, and a short id only as a word."""

import base64
import gzip
import html
import json
import tracemalloc
from threading import Lock
from typing import Literal
from unicodedata import normalize
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.runtime import ThreadRuntime, map_concurrently
from room_reports_command.erasure.encoded import EncodedSearch, is_opaque
from room_reports_command.erasure.in_flight import InFlight

VALUES = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs")), min_size=5, max_size=20
)
AROUND = st.binary(max_size=12)


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("given_as", ["NFC", "NFD"])
def test_an_accent_is_found_in_both_forms(
    stored: Literal["NFC", "NFD"], given_as: Literal["NFC", "NFD"]
) -> None:
    for body in encoded(normalize(stored, "José Núñez")):
        assert EncodedSearch([normalize(given_as, "josé núñez")]).is_in(body)


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


@given(VALUES, AROUND, AROUND, st.sampled_from([1, 7, 100, 2**20]))
def test_every_encoding_is_found(value: str, before: bytes, after: bytes, chunk: int) -> None:
    search = EncodedSearch([value], chunk)
    for form in encoded(value):
        text = before + b"," + form + b"," + after
        assert search.is_in(text), form
        assert search.is_in(gzip.compress(text, mtime=0)), form


@pytest.mark.parametrize(
    "before", ["%2C", "%252c", r"\n", r"\\t", r"\x0a", r"\u00e9", "&#39;", "_"]
)
def test_an_encoded_sign_before_a_word_is_none_of_its_letters(before: str) -> None:
    for value in ("12345", "jane@x.edu", "17"):
        assert EncodedSearch([value]).is_in(f"abc{before}{value}".encode())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("12345", b"r1,1712345678,other"),
        ("ann@x.edu", b"joann@x.edu"),
        ("jane@x.ed", b"jane@x.edu"),
        ("Jane Doe", b"Jane Doering"),
        ("smith", b"blacksmiths@x.edu"),
    ],
)
def test_a_value_is_not_found_within_a_longer_one(value: str, text: bytes) -> None:
    for chunk in (1, 5, 2**20):
        assert not EncodedSearch([value], chunk).is_in(text)
        assert EncodedSearch([value], chunk).is_in(text + b" " + value.encode())


@given(st.integers(0, 400), st.integers(0, 400), st.integers(1, 200))
def test_a_large_file_is_searched_in_parts(before: int, after: int, chunk: int) -> None:
    search = EncodedSearch(["12345"], chunk)
    assert search.is_in(b"x" * before + b" 12345 " + b"y" * after)
    assert not search.is_in(b"1" * before + b"12345" + b"9" * (after + 1))
    assert not search.is_in(b"1" * (before + 1) + b"12345" + b"9" * after)


def test_a_large_file_takes_little_memory() -> None:
    body = '"1_abcdefgh","2026-11-22 10:00:00","s999999","Żoe Smith"\n'.encode() * 300_000
    search = EncodedSearch(["s000123", "Jane Doe"])
    tracemalloc.start()
    try:
        assert not search.is_in(body)
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()


def test_only_so_many_bytes_are_in_flight() -> None:
    held: list[int] = []
    most: list[int] = []
    in_flight, lock = InFlight(10), Lock()

    def work(size: int) -> None:
        with in_flight.hold(size):
            with lock:
                held.append(min(size, 10))
                most.append(sum(held))
            with lock:
                held.remove(min(size, 10))

    map_concurrently(ThreadRuntime(8), work, [3, 4, 5, 100, 1, 0] * 30, 8)
    assert max(most) <= 10
    assert len(most) == 180


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
        (gzip.compress(b"PAR1...", mtime=0), True),
        (b"\x1f\x8bbroken", True),
        (b"a,b\n", False),
        (gzip.compress(b"a,b\n", mtime=0), False),
        (b"", False),
    ],
)
def test_formats_that_cannot_be_searched_are_known(body: bytes, opaque: bool) -> None:
    assert is_opaque(body) is opaque
