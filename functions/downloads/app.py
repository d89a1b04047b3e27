"""The handler of the Downloads function: HTTP requests in, HTTP responses out."""

from collections.abc import Callable
from functools import lru_cache
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


@lru_cache(maxsize=1)
def _app() -> APIGatewayRestResolver:
    service = downloads_service()
    origin = service.settings.cors_origin
    app = APIGatewayRestResolver(cors=CORSConfig(allow_origin=origin) if origin else None)

    def respond(route: Callable[[Request], HttpResponse]) -> Response[str]:
        request = Request.of(app.current_event.raw_event)
        response = route(request).for_request(request)
        headers = dict(response.headers)
        return Response(response.status, response.content_type, response.body, headers)

    def add(path: str, route: Callable[..., HttpResponse]) -> None:
        app.route(path, method=_METHODS)(
            lambda **names: respond(lambda request: route(**names, request=request))
        )

    add("/", lambda **_: web_page(_ARTEFACT, service.settings, service.links_source))
    add("/openapi.json", service.openapi)
    add("/exports", service.exports)
    add("/exports/<report>/<region>/<granularity>/<start>", service.export)
    add("/coverage", service.coverage)
    app.exception_handler(EXPECTED_ERRORS)(lambda error: respond(lambda _: error_response(error)))
    return app


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Respond to one request.

    Raises:
        ConfigurationError: If a setting is wrong; it is raised for every request.
    """
    return _app().resolve(event, context)
