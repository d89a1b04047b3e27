"""Reports as Kaltura sends them, of any size, with a share of awkward rows.

An awkward row is one of which a value must be changed, or which is broken over two lines.
"""

import random
from collections.abc import Iterator
from pathlib import Path

from room_reports.model.reports import ATTENDEES, BREAKOUT_SESSIONS, ROOM_DATA, Report

MB = 1_000_000
_ROWS = {
    ROOM_DATA: "1_room{0},{1},1_par{0},1_cue{0},1774000000,1774003600,u{0},12,0.83333333333333\n",
    ATTENDEES: "1_room{0},1_cue{0},u{0},{1},u{0}@example.edu,attendee,{0}.5,0.83333333333333\n",
    BREAKOUT_SESSIONS: (
        "1_room{0},{1},1_brk{0},Group {0},1_cue{0},u{0},1774000000,1774003600,3600,12,83.333333\n"
    ),
}
REPORTS = tuple(_ROWS)
_NAMES = ("Zażółć {0}", "User {0} Øre", "User {0}")
_AWKWARD = (
    *('Zo "Zed" {0}', '"Quoted {0}"', "=cmd {0}", "-dash {0}", "+49 {0}", "@at {0}"),
    *("two\nlines {0}", "cr\r\nlf {0}", "private \ue000 {0}"),
)


def rows(report: Report, size: int, share: float) -> Iterator[bytes]:
    """Yield the header and the rows of a report, about ``size`` bytes in all.

    The number of rows is never one at which a report may have been cut off.

    Args:
        share: Of awkward rows, from 0 to 1.
    """
    rng = random.Random(size)
    line = "\ufeff" + ",".join(column.name for column in report.columns) + "\n"
    yield line.encode()
    row = _ROWS[report]
    done = number = 0
    while done < size or number % 1000 == 0:
        name = rng.choice(_AWKWARD if rng.random() < share else _NAMES).format(number)
        data = row.format(number, name).encode()
        yield data
        done += len(data)
        number += 1


def body(report: Report, size: int, share: float) -> bytes:
    """Return a report."""
    return b"".join(rows(report, size, share))


def write_bodies(folder: Path, size: int, share: float) -> None:
    """Write a report of each kind to ``folder``, named by its id."""
    folder.mkdir(parents=True, exist_ok=True)
    for report in REPORTS:
        with (folder / f"{report.id}.csv").open("wb") as file:
            file.writelines(rows(report, size, share))
