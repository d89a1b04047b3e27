"""What the functions may cost, counted and not timed, so that a busy machine changes nothing.

When a change makes something cheaper, lower its figure here. ``make bench`` has the times.
"""

import csv
import io
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.kaltura.response import BOM
from room_reports.model.reports import ATTENDEES, Report, report_with_id
from room_reports.storage import figures
from room_reports.storage.csv_file import normalise
from room_reports.storage.figures import count_figures
from tests.bench.bodies import MB, body

ROOT = Path(__file__).parents[2]
CHUNK = 1 << 16
"""Bytes that arrive at once."""

CUSTOM = report_with_id(4021)
# Each figure is about a tenth above what was counted when it was set.
MODULES = {"exporter": 356, "downloads": 220}
"""Modules that a handler imports, without those of Python's standard library."""
UNUSED = {
    "exporter": (
        *("asyncio", "boto3", "s3transfer", "multiprocessing", "room_reports.api"),
        *("aws_lambda_powertools.event_handler", "aws_lambda_powertools.utilities.parameters"),
        *("concurrent.futures.process", "jinja2", "pydantic", "unittest", "sqlite3"),
    ),
    "downloads": (
        *("requests", "charset_normalizer", "room_reports.export", "room_reports.kaltura"),
        *("asyncio", "boto3", "s3transfer", "multiprocessing", "concurrent.futures.process"),
        *("aws_lambda_powertools.event_handler", "aws_lambda_powertools.utilities.parameters"),
        *("jinja2", "pydantic", "unittest", "sqlite3"),
    ),
}
"""Modules, with all that they contain, that a handler must not import."""
CALLS_PER_CHUNK = 100
"""Function calls of the normaliser for 64 KiB of clean data."""
CALLS_PER_AWKWARD_ROW = {0.05: 33, 1.0: 12.5}
"""Function calls for each awkward row, by the share of awkward rows."""
CALLS_IN_A_CUSTOM_REPORT = {0.05: 31, 1.0: 20.5}
"""The same for a report whose last column may be text."""
PEAK_KIB = 650
"""Memory of the normaliser's Python objects, however large the report."""
PEAK_OF_CSV = 3
"""The same, as a multiple of what Python's ``csv`` needs."""
COUNT_CALLS_PER_CHUNK = 140
"""Function calls for the figures of 64 KiB: sessions, users, minutes and duplicate keys."""
COUNT_CALLS_PER_FILE = 2200
"""The same for each file: the forms of some hundred user ids are told apart."""
COUNT_PEAK_KIB = 650
"""Memory of Python's objects when more values are distinct than are kept."""
COUNT_PEAK_PER_ROW = 220
"""Bytes for a row whose session and user occur in no other row, to count both and its key."""


def normalised(data: bytes, report: Report = ATTENDEES) -> bytes:
    out = io.BytesIO()
    chunks = (data[place : place + CHUNK] for place in range(0, len(data), CHUNK))
    normalise(KalturaCsvReader(chunks, report), report, out)
    return out.getvalue()


def calls(work: Callable[[], object]) -> int:
    """Return how many functions are called, those that are written in C included."""
    count = 0

    def observe(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(observe)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def peak(work: Callable[[], object]) -> int:
    """Return the most bytes that Python's objects take at any time, beside those of before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def with_normaliser(data: bytes) -> None:
    chunks = (data[place : place + CHUNK] for place in range(0, len(data), CHUNK))
    with Path(os.devnull).open("wb") as out:
        normalise(KalturaCsvReader(chunks, ATTENDEES), ATTENDEES, out)


def with_csv(data: bytes) -> None:
    source = io.BytesIO(data)
    source.seek(len(BOM))
    lines = io.TextIOWrapper(source, encoding="utf-8", newline="")
    with Path(os.devnull).open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows(csv.reader(lines, quoting=csv.QUOTE_NONE))


def test_clean_data_costs_calls_by_the_chunk_and_not_by_the_row() -> None:
    data = body(ATTENDEES, MB, 0.0)
    assert normalised(data) == data.removeprefix(BOM)
    assert calls(lambda: normalised(data)) <= CALLS_PER_CHUNK * (len(data) / CHUNK)


@pytest.mark.parametrize("share", CALLS_PER_AWKWARD_ROW)
def test_an_awkward_row_costs_few_calls(share: float) -> None:
    data = body(ATTENDEES, MB, share)
    assert calls_per_awkward_row(data, ATTENDEES, share) <= CALLS_PER_AWKWARD_ROW[share]


@pytest.mark.parametrize("share", CALLS_IN_A_CUSTOM_REPORT)
def test_an_awkward_row_of_a_custom_report_costs_few_calls(share: float) -> None:
    # Its last column may be text, so that a line without a comma belongs to the row before it.
    data = body(ATTENDEES, MB, share).replace(b"two\nlines", b'"two" lines')
    assert calls_per_awkward_row(data, CUSTOM, share) <= CALLS_IN_A_CUSTOM_REPORT[share]


def calls_per_awkward_row(data: bytes, report: Report, share: float) -> float:
    """Return the calls for each awkward row, beside those that clean data would need."""
    awkward = share * normalised(data, report).count(b"\n")
    chunks = CALLS_PER_CHUNK * (len(data) / CHUNK)
    return (calls(lambda: normalised(data, report)) - chunks) / awkward


def counted(data: bytes) -> None:
    columns = [column.name for column in ATTENDEES.columns]
    count_figures(io.BytesIO(data), columns, ATTENDEES, compressed=False)


def test_figures_cost_calls_by_the_chunk_and_not_by_the_row() -> None:
    data = normalised(body(ATTENDEES, MB, 0.0))
    allowed = COUNT_CALLS_PER_FILE + COUNT_CALLS_PER_CHUNK * (len(data) / CHUNK)
    assert allowed * 0.75 <= calls(lambda: counted(data)) <= allowed


def test_the_memory_for_figures_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = normalised(body(ATTENDEES, 4 * MB, 0.0))
    assert peak(lambda: counted(data)) <= COUNT_PEAK_KIB * 1024 + COUNT_PEAK_PER_ROW * data.count(
        b"\n"
    )
    for name in ("MOST_SESSIONS", "MOST_USERS", "MOST_ROWS"):
        assert 1 << 14 <= getattr(figures, name) <= 1 << 17
        monkeypatch.setattr(figures, name, 1 << 10)
    assert peak(lambda: counted(data)) <= COUNT_PEAK_KIB * 1024 + len(data)


@pytest.mark.parametrize("share", [0.0, 0.05])
def test_memory_does_not_grow_with_the_report(share: float) -> None:
    small, large = (body(ATTENDEES, size, share) for size in (MB, 4 * MB))
    peaks = [peak(lambda data=data: with_normaliser(data)) for data in (small, large)]  # type: ignore[misc]
    assert peaks[1] <= 1.2 * peaks[0]
    assert max(peaks) <= PEAK_KIB * 1024


def test_memory_is_a_small_multiple_of_that_of_csv() -> None:
    data = body(ATTENDEES, MB, 0.0)
    assert peak(lambda: with_normaliser(data)) <= PEAK_OF_CSV * peak(lambda: with_csv(data))


@pytest.fixture(scope="module", params=MODULES)
def imported(request: pytest.FixtureRequest) -> tuple[str, set[str]]:
    """Return a function's name and the modules that its handler imports."""
    program = (
        "import sys, json; before = set(sys.modules); import app; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    function: str = request.param
    folder = ROOT / "functions" / function
    path = os.pathsep.join([str(folder), str(ROOT / "layers/room_reports")])
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path, "AWS_DEFAULT_REGION": "us-east-1"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return function, set(json.loads(done.stdout))


def test_a_handler_imports_few_modules(imported: tuple[str, set[str]]) -> None:
    function, modules = imported
    installed = [name for name in modules if name.split(".")[0] not in sys.stdlib_module_names]
    assert "room_reports.settings" in installed
    assert len(installed) <= MODULES[function]


def test_a_handler_does_not_import_what_it_does_not_use(imported: tuple[str, set[str]]) -> None:
    function, modules = imported
    parts = {
        ".".join(name.split(".")[:length])
        for name in modules
        for length in range(1, name.count(".") + 2)
    }
    assert "room_reports" in parts
    assert not parts & set(UNUSED[function])
