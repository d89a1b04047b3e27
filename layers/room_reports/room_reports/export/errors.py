"""The errors of a task and of a run.

ExportError
├── RowCapError         Kaltura cuts the report off, and no smaller request avoids it
├── TooLateError        a milestone passed between fetching and publishing
└── RunFailedError      at least one task of the run failed
"""

import json
from collections.abc import Mapping
from typing import Any

from room_reports.errors import RoomReportsError
from room_reports.kaltura.request import ReportRequest


class ExportError(RoomReportsError):
    """Base class of what makes a task or a run fail on this side of Kaltura and S3."""


class RowCapError(ExportError):
    """Raised when Kaltura may have cut a report off and no smaller request avoids it."""

    def __init__(self, request: ReportRequest, why: str) -> None:
        filters = "; ".join(f"{name}={','.join(ids)}" for name, ids in request.filters.items())
        piece = f"{request.report.slug} from {request.start} to {request.end}; {filters}"
        super().__init__(f"ROW_CAP: {why}, and there is no smaller piece to ask for: {piece}")


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
