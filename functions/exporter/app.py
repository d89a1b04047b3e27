"""The handler of the exporter function."""

import os
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from aws_lambda_powertools.utilities.typing import LambdaContext

from room_reports.backfill.service import BackfillService
from room_reports.deadline import Deadline
from room_reports.errors import ConfigurationError
from room_reports.export.service import Dependencies, ExporterService
from room_reports.storage.bucket import open_bucket
from room_reports.telemetry import logger, metrics

_SECRET_AGE = 300
_RESERVE = 20.0
"""The seconds of an invocation that are reserved for the run record."""


def _secret(secret_id: str) -> str:
    try:
        return str(parameters.get_secret(secret_id, max_age=_SECRET_AGE))
    except GetParameterError as error:
        raise ConfigurationError(
            [f"the secret {secret_id} cannot be read; put the Kaltura credentials into it: {error}"]
        ) from error


_exporter = ExporterService(
    Dependencies(
        environment=os.environ,
        secret=_secret,
        bucket=lru_cache(open_bucket),
        clock=lambda: datetime.now(UTC),
    )
)
_backfill = BackfillService(_exporter)


@logger.inject_lambda_context
@metrics.log_metrics(raise_on_empty_metrics=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Export the windows that the event selects, or carry out one step of a backfill.

    Raises:
        ConfigurationError: If settings, secret or event are wrong; nothing was exported.
        RunFailedError: If a task failed; the others were exported.
    """
    deadline = Deadline.after(context.get_remaining_time_in_millis() / 1000 - _RESERVE)
    service = _backfill if "backfill" in event else _exporter
    return service.invoke(event, context.aws_request_id, deadline)
