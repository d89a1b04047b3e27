"""The handler of the Downloads function: HTTP requests in, HTTP responses out."""

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from room_reports.api.router import Route, Router
from room_reports.api.service import downloads_service
from room_reports.api.web_page import web_page
from room_reports.aws.init_phase import prepare, runs_on_lambda
from room_reports.telemetry import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_ARTEFACT = Path(__file__).parent


@lru_cache(maxsize=1)
def _router() -> Router:
    service = downloads_service()
    routes: dict[str, Route] = {
        "/": lambda **_: web_page(_ARTEFACT, service.settings, service.links_source),
        "/openapi.json": service.openapi,
        "/exports": service.exports,
        "/exports/<report>/<region>/<granularity>/<start>": service.export,
        "/coverage": service.coverage,
    }
    return Router(routes, service.settings.cors_origin, service.readers.check)


def _prepare() -> None:
    _router()
    downloads_service().prepare()


if runs_on_lambda(os.environ):
    prepare(_prepare)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: "LambdaContext") -> dict[str, Any]:
    """Respond to one request.

    Raises:
        ConfigurationError: If a setting is wrong; it is raised for every request.
    """
    return _router().respond(event)
