"""The rooms and sessions that a published file's rows belong to."""

import io

import pytest

from room_reports.export.room_sessions import RoomSessions, room_sessions_in
from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.model.reports import ATTENDEES, ROOM_DATA, Report
from room_reports.storage.csv_file import normalise
from tests.support.tables import BOM, unknown_report

ROOM_ROWS = b"1_a,Room,1_parent,1_c,1,2,host,3,0.5\n-1_b,Two\nlines,,=1_d,1,2,host,3,0.5\n"


def published(report: Report, rows: bytes, *, compress: bool = False) -> io.BytesIO:
    header = ",".join(column.name for column in report.columns) or "id,name"
    out = io.BytesIO()
    reader = KalturaCsvReader([BOM + header.encode() + b"\n" + rows], report)
    normalise(reader, report, out, compress=compress)
    return out


@pytest.mark.parametrize("compress", [False, True])
def test_ids_are_those_that_kaltura_sent(compress: bool) -> None:
    file = published(ROOM_DATA, ROOM_ROWS, compress=compress)

    found = room_sessions_in(file, ROOM_DATA, compressed=compress)

    assert found == RoomSessions(frozenset({("1_a", "1_c"), ("1_parent", "1_c"), ("-1_b", "=1_d")}))


def test_a_report_without_rows_or_sessions_has_none() -> None:
    assert room_sessions_in(published(ATTENDEES, b""), ATTENDEES) == RoomSessions()
    assert room_sessions_in(published(unknown_report, b"1_a,b\n"), unknown_report) == RoomSessions()
    assert room_sessions_in(io.BytesIO(), ATTENDEES) == RoomSessions()
