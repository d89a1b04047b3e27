"""The errors of a task and of a run.

ExportError
├── RowCapError         Kaltura cuts the report off, and no smaller request avoids it
├── TooLateError        a milestone passed between fetching and publishing
└── RunFailedError      at least one task of the run failed
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from room_reports.errors import RoomReportsError
from room_reports.kaltura.request import ReportRequest
from room_reports.model.reports import PERSONAL_FILTERS
from room_reports.model.windows import iso


class ExportError(RoomReportsError):
    """Base class of what makes a task or a run fail although Kaltura and S3 work."""


class RowCapError(ExportError):
    """Raised when Kaltura may have cut a report off and no smaller request avoids it."""

    def __init__(self, request: ReportRequest, why: str) -> None:
        filters = "; ".join(f"{name}={_shown(name, ids)}" for name, ids in request.filters.items())
        moments = [iso(datetime.fromtimestamp(at, UTC)) for at in (request.start, request.end)]
        window = f"{request.report.slug} from {moments[0]} to {moments[1]}"
        super().__init__(
            f"ROW_CAP: {why}, and the request cannot be split further "
            f"({window}; {filters or 'all rooms'}); name Kaltura's row cap in RowCaps, "
            "or export hours"
        )


def _shown(name: str, ids: tuple[str, ...]) -> str:
    return f"({len(ids)} values)" if name in PERSONAL_FILTERS else ",".join(ids)


class FewerRowsError(ExportError):
    """Raised when a report lacks rows of the published file, asked for in two ways.

    Attributes:
        before: The number of rows in the published file.
        now: The number of rows that Kaltura returns.
    """

    retryable = True

    def __init__(self, key: str, before: int, now: int) -> None:
        self.before = before
        self.now = now
        super().__init__(
            f"FEWER_ROWS: {key} has {before} rows and Kaltura now returns {now}, so that the "
            "published file stays as it is; if the rows were really deleted, invoke the exporter "
            'for this window with "force": true'
        )


class TooLateError(ExportError):
    """Raised when a milestone passed, or is about to pass, between fetching and publishing.

    The planner would take the file for one that was fetched after the milestone.
    """

    retryable = True


class RunFailedError(ExportError):
    """Raised at the end of a run in which a task failed; the message is the response, as JSON.

    Attributes:
        response: The response that the contract describes.
    """

    retryable = True

    def __init__(self, response: Mapping[str, Any]) -> None:
        self.response = response
        super().__init__(json.dumps(response, ensure_ascii=False))
