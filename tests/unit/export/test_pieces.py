"""What an earlier run has fetched of a report in pieces is not asked for again."""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar, cast

from hypothesis import given
from hypothesis import strategies as st

from room_reports.deadline import Deadline
from room_reports.export.fetch import ReportFetcher
from room_reports.export.pieces import Piece
from room_reports.export.receive import Receiver
from room_reports.kaltura.errors import TooHeavyError, TransientError
from room_reports.kaltura.request import ReportRequest
from room_reports.model.reports import ATTENDEES, ROOM_DATA
from room_reports.storage.csv_file import read_csv
from tests.support.settings import read_settings

if TYPE_CHECKING:
    from room_reports.kaltura.client import KalturaRegion

_T = TypeVar("_T")
CAP = 50
SETTINGS = read_settings({"BUCKET_NAME": "b", "SECRET_ID": "s", "ROW_CAPS": str(CAP)})
REQUEST = ReportRequest(ATTENDEES, 0, 86400)
USERS = st.dictionaries(
    st.tuples(st.sampled_from("abcde"), st.integers(0, 3)), st.integers(1, CAP - 1), min_size=1
)
"""The number of users of each session: (room, number)."""


class Region:
    """Returns attendees by room, at most ``CAP`` rows, and fails after some calls."""

    def __init__(self, users: dict[tuple[str, int], int], hidden: str) -> None:
        self.users = users
        self.hidden = hidden
        """A room that only rows returned for another room mention."""
        self.calls_left = 1_000
        self.done: list[tuple[str, ...]] = []

    def fetch(
        self, request: ReportRequest, consume: Callable[[Iterator[bytes]], _T], _: Deadline
    ) -> _T:
        rooms = request.filters.get("entry_ids", ())
        sessions = request.filters.get("cue_point_ids", ())
        if request.report == ATTENDEES:
            if not rooms:
                raise TooHeavyError("HTTP_504", "too heavy")
            if not self.calls_left:
                raise TransientError("HTTP_503", "down")
            self.calls_left -= 1
        rows = [
            [f"1_{room}", f"{room}{number}", f"u{user}"]
            for (room, number), count in sorted(self.users.items())
            for user in range(count)
            if (room != self.hidden or rooms) and (not rooms or f"1_{room}" in rooms)
            if not sessions or f"{room}{number}" in sessions
        ]
        if rooms and not sessions and f"1_{self.hidden}" not in rooms and len(rows) < CAP - 1:
            rows.append([f"1_{self.hidden}", "mentioned", "u0"])
        if request.report == ROOM_DATA:
            rows = list({(row[0], row[1]): row for row in rows}.values())
        elif len(rows) < CAP and rooms:
            self.done.append((*sorted(rooms), *sorted(sessions)))
        names = [column.name for column in request.report.columns]
        full = [row + ["0"] * (len(names) - 3) for row in rows]
        if request.report == ROOM_DATA:
            full = [[row[0], "name", "0", row[1], *["0"] * (len(names) - 4)] for row in rows]
        else:
            full = full[:CAP]
        text = "".join(",".join(row) + "\n" for row in [names, *full])
        return consume(iter([b"\xef\xbb\xbf" + text.encode()]))


class Store:
    """Keeps pieces in memory."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []

    def load(self, _: ExitStack) -> list[Piece]:
        return list(self.pieces)

    def save(self, piece: Piece) -> None:
        content = io.BytesIO()
        piece.file.seek(0)
        content.write(piece.file.read())
        self.pieces.append(Piece(**{**vars(piece), "file": content}))


@given(USERS, st.integers(0, 12))
def test_nothing_is_fetched_twice_and_no_room_is_left_out(
    users: dict[tuple[str, int], int], calls: int
) -> None:
    users = {**users, ("z", 0): 3, ("y", 0): 4, ("x", 0): 1}
    region = Region(users, hidden="z")
    store = Store()
    region.calls_left = calls
    for _ in range(50):
        out = io.BytesIO()
        receiver = Receiver(SETTINGS, cast("KalturaRegion", region), Deadline.after(60))
        try:
            ReportFetcher(receiver, store).fetch(REQUEST, out, compress=False)
            break
        except TransientError:
            region.calls_left = max(calls, 8)
    got = sorted(tuple(row[:3]) for row in list(read_csv(out))[1:])
    assert got == sorted(
        (f"1_{room}", f"{room}{number}", f"u{user}")
        for (room, number), count in users.items()
        for user in range(count)
    )
    assert len(region.done) == len(set(region.done))
