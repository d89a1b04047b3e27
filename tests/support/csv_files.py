"""Writes tables with the library and reads published files with Python's csv module."""

import csv
import gzip
import io
from collections.abc import Sequence

from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.storage.csv_file import CsvSummary, write_csv
from tests.support.tables import Table, chunked


def publish(
    table: Table, sizes: Sequence[int] = (), *, neutralise: bool = True, compress: bool = False
) -> tuple[bytes, CsvSummary]:
    """Return the file that the library writes for a table, which arrives in chunks of ``sizes``."""
    source, out = KalturaCsvReader(chunked(table.rendered(), sizes)), io.BytesIO()
    summary = write_csv(
        source.header, source, table.report, out, neutralise=neutralise, compress=compress
    )
    return out.getvalue(), summary


def strict_rows(data: bytes, *, compressed: bool = False) -> list[list[str]]:
    """Return the rows of a published file, header first, as the csv module reads them."""
    text = (gzip.decompress(data) if compressed else data).decode()
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))
