"""A report that is assembled from pieces has every row of the capped report."""

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar, cast

import pytest

from room_reports.deadline import Deadline
from room_reports.export.errors import RowCapError
from room_reports.export.fetch import ReportFetcher
from room_reports.export.receive import Receiver
from room_reports.kaltura.errors import MalformedReportError, TooHeavyError
from room_reports.kaltura.request import ReportRequest
from room_reports.model.reports import BREAKOUT_SESSIONS, ROOM_DATA
from room_reports.storage.csv_file import read_csv
from tests.support.settings import read_settings

if TYPE_CHECKING:
    from room_reports.kaltura.client import KalturaRegion

_T = TypeVar("_T")
CAP = 4
SETTINGS = read_settings({"BUCKET_NAME": "b", "SECRET_ID": "s", "ROW_CAPS": str(CAP)})
REQUEST = ReportRequest(BREAKOUT_SESSIONS, 0, 86400)


class CappedRegion:
    """Returns the breakout sessions of some rooms, and caps every report at ``CAP`` rows."""

    def __init__(self, *rooms: str) -> None:
        self.rooms = rooms

    def fetch(
        self, request: ReportRequest, consume: Callable[[Iterator[bytes]], _T], _: Deadline
    ) -> _T:
        wanted = request.filters.get(request.report.room_filter or "", self.rooms)
        width = len(request.report.columns)
        rows = [
            [room, *(f"{column}{number}" for column in range(1, width - 1)), "0.5"]
            for number, room in enumerate(self.rooms)
            # As in Kaltura, a filter by the id 0 finds nothing.
            if room in wanted and (not request.filters or room != "0")
        ]
        if request.report == ROOM_DATA:
            rows = []
        header = [column.name for column in request.report.columns]
        if request.filters and "1_new" in wanted:
            header, rows = [*header, "new"], [[*row, "0"] for row in rows]
        text = "".join(",".join(row) + "\n" for row in [header, *rows[:CAP]])
        return consume(iter([b"\xef\xbb\xbf" + text.encode()]))


def fetched(region: object) -> list[str]:
    """Return the room of each row of the report as it is fetched from a region, in order."""
    out = io.BytesIO()
    receiver = Receiver(SETTINGS, cast("KalturaRegion", region), Deadline.after(60))
    ReportFetcher(receiver).fetch(REQUEST, out, compress=False)
    header, *rows = read_csv(out)
    assert header[0] == REQUEST.report.columns[0].name
    return sorted(row[0] for row in rows)


def fetched_rooms(*rooms: str) -> list[str]:
    return fetched(CappedRegion(*rooms))


def test_pieces_add_up_to_the_whole_report() -> None:
    assert fetched_rooms("1_a", "1_a", "1_b", "1_c", "1_c") == ["1_a", "1_a", "1_b", "1_c", "1_c"]


def test_an_id_that_begins_like_a_formula_is_fetched() -> None:
    assert fetched_rooms("1_a", "1_b", "-1_d", "1_c", "1_c") == sorted(
        ["1_a", "1_b", "'-1_d", "1_c", "1_c"]
    )


@pytest.mark.parametrize("odd", ["0", ""])
def test_rows_missing_from_all_pieces_raise_row_cap_error(odd: str) -> None:
    with pytest.raises(RowCapError, match="ROW_CAP: its pieces lack 1 of the rows that came"):
        fetched_rooms("1_a", "1_b", odd, "1_c", "1_c")


def test_pieces_with_different_headers_are_rejected() -> None:
    with pytest.raises(MalformedReportError, match="came with different headers in its pieces"):
        fetched_rooms("1_a", "1_new", "1_b", "1_c", "1_c")


class TimedRegion:
    """Returns the rows of some moments, capped; no row is found by the room ``0``."""

    def __init__(self, *rooms: str) -> None:
        self.rows = [(number * 3600, room) for number, room in enumerate(rooms)]

    def fetch(
        self, request: ReportRequest, consume: Callable[[Iterator[bytes]], _T], _: Deadline
    ) -> _T:
        ids = request.filters.get(request.report.room_filter or "")
        width = len(request.report.columns)
        rows = [
            [room, *(f"{column}at{moment}" for column in range(1, width - 1)), "0.5"]
            for moment, room in self.rows
            if request.start <= moment < request.end
            and (ids is None or (room in ids and room != "0"))
            and request.report != ROOM_DATA
        ]
        header = [column.name for column in request.report.columns]
        text = "".join(",".join(row) + "\n" for row in [header, *rows[:CAP]])
        return consume(iter([b"\xef\xbb\xbf" + text.encode()]))


def fetched_by_time(*rooms: str) -> list[str]:
    return fetched(TimedRegion(*rooms))


def test_rooms_beyond_the_cap_are_found_in_shorter_windows() -> None:
    rooms = [f"1_{number}" for number in range(10)]
    assert sorted(fetched_by_time(*rooms)) == rooms


def test_rows_that_no_piece_reaches_are_taken_from_the_whole_if_it_has_them_all() -> None:
    rooms = ["0", "1_a", "0", "1_b", "1_c", "1_d", "1_e"]
    assert sorted(fetched_by_time(*rooms)) == sorted(rooms)


def test_rows_that_neither_the_whole_nor_a_piece_has_are_named() -> None:
    with pytest.raises(RowCapError, match=r"lack 2 of the rows that came \(parent_entry_id: '0'\)"):
        fetched_by_time("0", "1_a", "1_b", "1_c", "1_d", "0")


class HeavyRegion(TimedRegion):
    """Returns a report only for named rooms; the report of rooms is always light."""

    def fetch(
        self, request: ReportRequest, consume: Callable[[Iterator[bytes]], _T], deadline: Deadline
    ) -> _T:
        if request.report != ROOM_DATA and not request.filters:
            raise TooHeavyError("HTTP_504", "too heavy")
        return super().fetch(request, consume, deadline)


def test_a_heavy_report_without_any_room_is_not_taken_for_an_empty_one() -> None:
    with pytest.raises(TooHeavyError):
        fetched(HeavyRegion())


class HeavyDayRegion(TimedRegion):
    """Returns a report for half a day, or for named rooms; no room is in the report of rooms."""

    def fetch(
        self, request: ReportRequest, consume: Callable[[Iterator[bytes]], _T], deadline: Deadline
    ) -> _T:
        long = request.end - request.start > 43_200
        if request.report != ROOM_DATA and not request.filters and long:
            raise TooHeavyError("HTTP_504", "too heavy")
        return super().fetch(request, consume, deadline)


def fetched_by_half(*rooms: str) -> list[str]:
    return fetched(HeavyDayRegion(*rooms))


def test_rooms_of_a_heavy_report_are_found_in_both_halves_of_its_window() -> None:
    rooms = ["1_a", *["1_b"] * 12, "1_c"]
    assert fetched_by_half(*rooms[:2], *rooms[-1:]) == ["1_a", "1_b", "1_c"]


def test_rows_of_a_heavy_report_that_no_room_reaches_are_counted() -> None:
    with pytest.raises(RowCapError, match="lack 1 of the rows that came for half of its window"):
        fetched_by_half("1_a", "0", "1_b")


class QuietDayRegion(HeavyRegion):
    """Has a room before the window and none in it; asked by room, it may have failed as well."""

    def __init__(self, *, by_room: bool) -> None:
        super().__init__()
        self.by_room = by_room

    def fetch(
        self, request: ReportRequest, consume: Callable[[Iterator[bytes]], _T], deadline: Deadline
    ) -> _T:
        if request.report == ROOM_DATA and request.start < 0:
            header = [column.name for column in ROOM_DATA.columns]
            row = ["1_a", "name", "0", "s1", "0", "0", "u", "1", "1"]
            text = ",".join(header) + "\n" + ",".join(row) + "\n"
            return consume(iter([b"\xef\xbb\xbf" + text.encode()]))
        if request.filters and not self.by_room:
            raise TooHeavyError("HTTP_504", "too heavy")
        return super().fetch(request, consume, deadline)


def test_a_heavy_report_is_empty_when_earlier_rooms_have_no_row_in_it() -> None:
    region = cast("KalturaRegion", QuietDayRegion(by_room=True))
    out = io.BytesIO()
    ReportFetcher(Receiver(SETTINGS, region, Deadline.after(60))).fetch(
        REQUEST, out, compress=False
    )
    assert list(read_csv(out)) == [[column.name for column in REQUEST.report.columns]]


def test_a_heavy_report_fails_when_it_does_not_work_by_room_either() -> None:
    with pytest.raises(TooHeavyError):
        fetched(QuietDayRegion(by_room=False))
