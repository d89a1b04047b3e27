"""The handler of the Downloads function: HTTP requests in, HTTP responses out."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from room_reports.api.request import Request
from room_reports.api.responses import EXPECTED_ERRORS, HttpResponse, error_response
from room_reports.api.service import downloads_service
from room_reports.api.web_page import web_page
from room_reports.telemetry import logger

_METHODS = ["GET", "HEAD"]
_ARTEFACT = Path(__file__).parent
_origin = os.environ.get("CORS_ORIGIN")
app = APIGatewayRestResolver(cors=CORSConfig(allow_origin=_origin) if _origin else None)


def _respond(route: Callable[[Request], HttpResponse]) -> Response[str]:
    request = Request.of(app.current_event.raw_event)
    response = route(request).for_request(request)
    return Response(response.status, response.content_type, response.body, dict(response.headers))


@app.route("/", method=_METHODS)
def _page() -> Response[str]:
    return _respond(lambda _: web_page(_ARTEFACT, downloads_service().settings))


@app.route("/openapi.json", method=_METHODS)
def _openapi() -> Response[str]:
    return _respond(downloads_service().openapi)


@app.route("/exports", method=_METHODS)
def _exports() -> Response[str]:
    return _respond(downloads_service().exports)


@app.route("/exports/<report>/<region>/<granularity>/<start>", method=_METHODS)
def _export(report: str, region: str, granularity: str, start: str) -> Response[str]:
    return _respond(partial(downloads_service().export, report, region, granularity, start))


@app.route("/coverage", method=_METHODS)
def _coverage() -> Response[str]:
    return _respond(downloads_service().coverage)


app.exception_handler(EXPECTED_ERRORS)(lambda error: _respond(lambda _: error_response(error)))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Respond to one request."""
    return app.resolve(event, context)
