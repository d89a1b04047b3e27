"""The downloads' handler: an HTTP request in, what it asks for out."""

import os
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from room_reports.downloads.answers import FAILURES, Answer, failure
from room_reports.downloads.page import page
from room_reports.downloads.service import Caller, downloads
from room_reports.telemetry import logger

_METHODS = ["GET", "HEAD"]
_PAGE = Path(__file__).with_name("page.html")
_origin = os.environ.get("CORS_ORIGIN")
app = APIGatewayRestResolver(cors=CORSConfig(allow_origin=_origin) if _origin else None)


def _respond(answer: Answer) -> Response[str]:
    request = app.current_event
    left = answer.for_request(request.http_method, request.headers.get("If-None-Match") or "")
    return Response(left.status, left.content_type, left.body, dict(left.headers))


@app.route("/", method=_METHODS)
def _show_page() -> Response[str]:
    return _respond(page(_PAGE, downloads().settings))


@app.route("/openapi.json", method=_METHODS)
def _describe() -> Response[str]:
    return _respond(downloads().openapi())


@app.route("/exports", method=_METHODS)
def _list() -> Response[str]:
    return _respond(downloads().exports(app.current_event.resolved_query_string_parameters))


@app.route("/exports/<report>/<region>/<granularity>/<start>", method=_METHODS)
def _export(report: str, region: str, granularity: str, start: str) -> Response[str]:
    caller = Caller.of(app.current_event.raw_event)
    return _respond(downloads().export(report, region, granularity, start, caller))


@app.route("/coverage", method=_METHODS)
def _coverage() -> Response[str]:
    return _respond(downloads().coverage(app.current_event.resolved_query_string_parameters))


app.exception_handler(FAILURES)(lambda error: _respond(failure(error)))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers one request."""
    return app.resolve(event, context)
