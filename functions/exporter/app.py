"""The handler of the exporter function."""

import os
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from room_reports.aws.init_phase import runs_on_lambda
from room_reports.aws.secret import SecretReader
from room_reports.backfill.service import BackfillService
from room_reports.deadline import Deadline
from room_reports.export.event_bus import open_event_bus
from room_reports.export.service import Dependencies, ExporterService
from room_reports.storage.bucket import open_bucket
from room_reports.telemetry import logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_RESERVE = 20.0
"""The seconds of an invocation that are reserved for the run record."""


_exporter = ExporterService(
    Dependencies(
        environment=os.environ,
        secret=SecretReader().text,
        bucket=lru_cache(open_bucket),
        clock=lambda: datetime.now(UTC),
        event_bus=lru_cache(open_event_bus),
    )
)
_backfill = BackfillService(_exporter)
if runs_on_lambda(os.environ):
    _exporter.prepare()


@logger.inject_lambda_context
@metrics.log_metrics(raise_on_empty_metrics=False)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Export the windows that the event selects, or carry out one step of a backfill.

    Raises:
        ConfigurationError: If settings, secret or event are wrong; nothing was exported.
        RunFailedError: If a task failed; the others were exported.
    """
    deadline = Deadline.after(context.get_remaining_time_in_millis() / 1000 - _RESERVE)
    service = _backfill if "backfill" in event else _exporter
    return service.invoke(event, context.aws_request_id, deadline)
