"""A report that is assembled from pieces has every row of the capped report."""

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar, cast

import pytest

from room_reports.deadline import Deadline
from room_reports.export.errors import RowCapError
from room_reports.export.fetch import fetch_report
from room_reports.export.receive import Receiver
from room_reports.kaltura.errors import MalformedReportError
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


def fetched_rooms(*rooms: str) -> list[str]:
    region = cast("KalturaRegion", CappedRegion(*rooms))
    out = io.BytesIO()
    fetch_report(Receiver(SETTINGS, region, Deadline.after(60)), REQUEST, out, compress=False)
    return sorted(row[0] for row in list(read_csv(out))[1:])


def test_pieces_add_up_to_the_whole_report() -> None:
    assert fetched_rooms("1_a", "1_a", "1_b", "1_c", "1_c") == ["1_a", "1_a", "1_b", "1_c", "1_c"]


@pytest.mark.parametrize("odd", ["0", "", "-1_d"])
def test_rows_missing_from_all_pieces_raise_row_cap_error(odd: str) -> None:
    with pytest.raises(RowCapError, match="ROW_CAP: its pieces lack 1 of the rows that came"):
        fetched_rooms("1_a", "1_b", odd, "1_c", "1_c")


def test_pieces_with_different_headers_are_rejected() -> None:
    with pytest.raises(MalformedReportError, match="came with different headers in its pieces"):
        fetched_rooms("1_a", "1_new", "1_b", "1_c", "1_c")
