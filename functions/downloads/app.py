"""The downloads' handler: an HTTP request in, what it asks for out."""

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
_origin = os.environ.get("CORS_ORIGIN")
app = APIGatewayRestResolver(cors=CORSConfig(allow_origin=_origin) if _origin else None)


def _answer(route: Callable[[Request], HttpResponse]) -> Response[str]:
    request = Request.of(app.current_event.raw_event)
    answer = route(request).for_request(request)
    return Response(answer.status, answer.content_type, answer.body, dict(answer.headers))


@app.route("/", method=_METHODS)
def _show_page() -> Response[str]:
    return _answer(
        lambda _: web_page(Path(__file__).parent / "page/index.html", downloads_service().settings)
    )


@app.route("/openapi.json", method=_METHODS)
def _describe() -> Response[str]:
    return _answer(downloads_service().openapi)


@app.route("/exports", method=_METHODS)
def _list() -> Response[str]:
    return _answer(downloads_service().exports)


@app.route("/exports/<report>/<region>/<granularity>/<start>", method=_METHODS)
def _export(report: str, region: str, granularity: str, start: str) -> Response[str]:
    return _answer(partial(downloads_service().export, report, region, granularity, start))


@app.route("/coverage", method=_METHODS)
def _coverage() -> Response[str]:
    return _answer(downloads_service().coverage)


app.exception_handler(EXPECTED_ERRORS)(lambda error: _answer(lambda _: error_response(error)))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers one request."""
    return app.resolve(event, context)
