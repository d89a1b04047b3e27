"""Leaving out the rows of people whose rows are to be removed, once a report is complete."""

import shutil
from collections.abc import Collection
from typing import IO

from room_reports.export.receive import spool
from room_reports.model.reports import Report
from room_reports.storage.csv_file import CsvSummary, read_csv, write_csv


def leave_out(
    file: IO[bytes],
    summary: CsvSummary,
    report: Report,
    tokens: Collection[str],
    *,
    compress: bool,
) -> CsvSummary:
    """Remove the rows of some users from a file of strict CSV, and return what it is then.

    Only a report of which each row is about one user has such rows. No row is left out before:
    whether Kaltura has returned all of a report is told by the rows that it has sent.

    Args:
        file: The file; rewritten if it has such rows.
        summary: What the file is.
        tokens: What stands for the users.
        compress: Whether the file is compressed with gzip.
    """
    if not tokens or report.user_column is None or report.user_column not in summary.columns:
        return summary
    place = summary.columns.index(report.user_column)
    if not any(row[place] in tokens for row in read_csv(file, compressed=compress)):
        return summary
    with spool() as whole:
        file.seek(0)
        shutil.copyfileobj(file, whole)
        file.seek(0)
        file.truncate()
        rows = read_csv(whole, compressed=compress)
        return write_csv(
            next(rows),
            (row for row in rows if row[place] not in tokens),
            report,
            file,
            neutralise=False,
            compress=compress,
        )
