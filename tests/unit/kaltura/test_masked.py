"""The sample of a response that is kept under PrivacyColumns names no person."""

import re

from hypothesis import given
from hypothesis import strategies as st

from room_reports.kaltura.redaction import masked
from room_reports.model.reports import REPORTS
from tests.support.tables import BOM, Table, tables

COLUMNS = {column.name.encode() for report in REPORTS for column in report.columns}
STRUCTURE = re.compile(rb"[^,\n\"]")


@given(st.one_of(st.binary(max_size=80), st.text(max_size=80).map(str.encode)))
def test_no_letter_and_no_digit_is_left(text: bytes) -> None:
    shown = masked(text).removeprefix(BOM)
    for word in re.findall(rb"[A-Za-z0-9_]+", shown):
        assert word in COLUMNS or not re.search(rb"[^x0_]", word)
    assert not re.search(rb"[\x80-\xfe]", shown)
    assert masked(text).startswith(BOM) is text.startswith(BOM)


@given(tables(st.sampled_from(REPORTS)))
def test_the_structure_of_a_report_is_left(table: Table) -> None:
    body = table.rendered()
    shown = masked(body)
    assert STRUCTURE.sub(b"", shown) == STRUCTURE.sub(b"", body)
    assert shown.split(b"\n")[0] == body.split(b"\n")[0]


@given(st.text(st.characters(codec="latin-1", categories=["L"]), max_size=20))
def test_letters_of_another_encoding_are_masked(name: str) -> None:
    assert re.fullmatch(rb"[x\xff]*", masked(name.encode("latin-1")))


def test_an_example() -> None:
    body = BOM + "entry_id,user_name\n1_ab,Łukasz Müller <a@b.example>\nbad,é".encode()[:-1]
    assert masked(body) == (BOM + b"entry_id,user_name\n0_xx,xxxxxx xxxxxx <x@x.xxxxxxx>\nxxx,\xff")
