"""The list of readers: what is written can be read, and nothing is left out in silence."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.model.errors import ReadersError
from room_reports.model.readers import COLUMNS, Reader, format_readers, parse_readers
from room_reports.model.windows import iso

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HEADER = ",".join(COLUMNS)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=20)
readers = st.builds(Reader, texts.filter(bool), texts, texts, texts, texts)


@given(st.lists(readers, unique_by=lambda reader: reader.key_id))
def test_what_is_written_is_read(given_readers: list[Reader]) -> None:
    text = format_readers(given_readers).decode()
    assert parse_readers(text) == {reader.key_id: reader for reader in given_readers}


def test_no_list_has_no_readers() -> None:
    assert parse_readers(f"{HEADER}\n") == {}


@given(texts.filter(lambda text: text != HEADER))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ReadersError):
        parse_readers(text)


@pytest.mark.parametrize(
    "line", ["a1", "a1,ann", ",ann,,,", "a1,ann,,,,", 'a1,"ann,,,', 'a1,"ann"x,,,', ""]
)
def test_a_line_that_is_not_one_of_a_reader_is_refused(line: str) -> None:
    with pytest.raises(ReadersError):
        parse_readers(f"{HEADER}\nb2,ben,,,\n{line}\n")


@given(st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_a_key_is_refused_from_its_expiry_on(left: timedelta) -> None:
    expires_at = iso(NOW + left)
    refused = Reader("a1", "ann", expires_at=expires_at).refused(NOW)
    assert refused == (datetime.fromisoformat(expires_at) <= NOW)


@pytest.mark.parametrize(
    ("expires_at", "revoked_at", "refused"),
    [
        ("", "", False),
        ("2026-11-24", "", False),
        ("2026-11-23", "", True),
        ("2026-11-23T12:00:00Z", "", True),
        ("2026-11-23T12:00:01Z", "", False),
        ("2026-11-23T13:00:00+02:00", "", True),
        ("soon", "", True),
        ("", "2026-11-01T00:00:00Z", True),
        ("2026-11-24", "x", True),
    ],
)
def test_which_keys_are_refused(expires_at: str, revoked_at: str, *, refused: bool) -> None:
    assert Reader("a1", "ann", "", expires_at, revoked_at).refused(NOW) is refused
