"""The downloads' handler: an HTTP request in, what it asks for out."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from room_reports.downloads.answers import FAILURES, Answer, failure
from room_reports.downloads.page import page
from room_reports.downloads.request import Request
from room_reports.downloads.service import downloads
from room_reports.telemetry import logger

_METHODS = ["GET", "HEAD"]
_origin = os.environ.get("CORS_ORIGIN")
app = APIGatewayRestResolver(cors=CORSConfig(allow_origin=_origin) if _origin else None)


def _answer(route: Callable[[Request], Answer]) -> Response[str]:
    request = Request.of(app.current_event.raw_event)
    answer = route(request).for_request(request)
    return Response(answer.status, answer.content_type, answer.body, dict(answer.headers))


@app.route("/", method=_METHODS)
def _show_page() -> Response[str]:
    return _answer(lambda _: page(Path(__file__).parent / "page/index.html", downloads().settings))


@app.route("/openapi.json", method=_METHODS)
def _describe() -> Response[str]:
    return _answer(downloads().openapi)


@app.route("/exports", method=_METHODS)
def _list() -> Response[str]:
    return _answer(downloads().exports)


@app.route("/exports/<report>/<region>/<granularity>/<start>", method=_METHODS)
def _export(report: str, region: str, granularity: str, start: str) -> Response[str]:
    return _answer(partial(downloads().export, report, region, granularity, start))


@app.route("/coverage", method=_METHODS)
def _coverage() -> Response[str]:
    return _answer(downloads().coverage)


app.exception_handler(FAILURES)(lambda error: _answer(lambda _: failure(error)))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers one request."""
    return app.resolve(event, context)
