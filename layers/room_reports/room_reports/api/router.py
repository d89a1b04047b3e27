"""Routes: which method of the service responds to a request, and what other web pages may read."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from room_reports.api.errors import NoSuchRouteError
from room_reports.api.request import Request
from room_reports.api.responses import EXPECTED_ERRORS, HttpResponse, error_response

Route = Callable[..., HttpResponse]
"""Called with the request, and with the parts of the path that have a name."""
_METHODS = ("GET", "HEAD")
_STAGE = re.compile(r"\A/v1(?=/|\Z)")
"""With a domain name of your own, the path begins with the name of the stage."""
_NAME = re.compile(r"<(\w+)>")
_VALUE = r"[\w~()'!*:@,;=+&$%<> \[\]{}|^.-]+"
"""One part of a path, after API Gateway has decoded it."""
_PREFLIGHT_METHODS = "GET,HEAD,OPTIONS"
_ALLOWED_HEADERS = "Authorization,Content-Type,X-Amz-Date,X-Amz-Security-Token,X-Api-Key"


class Router:
    """Responds to the events of a REST API's proxy integration."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        cors_origin: str | None,
        check: Callable[[Request], None] = lambda _: None,
    ) -> None:
        """Serve these routes.

        Args:
            routes: By path, such as ``/exports/<report>``.
            cors_origin: The origin whose pages may read responses; ``*`` for any, None for none.
            check: Called before each route; refuses the request with one of ``EXPECTED_ERRORS``.
        """
        self._routes = [(_pattern(path), route) for path, route in routes.items()]
        self._cors_origin = cors_origin
        self._check = check

    def respond(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the response to an event, in the form that API Gateway expects."""
        request = Request.of(event)
        try:
            response = self._response(_STAGE.sub("", event["path"], count=1), request)
        except EXPECTED_ERRORS as error:
            response = error_response(error)
        return self._rendered(response.for_request(request), request)

    def _response(self, path: str, request: Request) -> HttpResponse:
        if request.method in _METHODS:
            for pattern, route in self._routes:
                if match := pattern.fullmatch(path):
                    self._check(request)
                    return route(**match.groupdict(), request=request)
        if request.method == "OPTIONS" and self._cors_origin:
            headers = {"Access-Control-Allow-Methods": _PREFLIGHT_METHODS}
            return HttpResponse(204, content_type=None, headers=headers)
        raise NoSuchRouteError(f"{request.method} {path!r}")

    def _rendered(self, response: HttpResponse, request: Request) -> dict[str, Any]:
        headers = dict(response.headers)
        if response.content_type:
            headers["Content-Type"] = response.content_type
        if request.origin and self._cors_origin in (request.origin, "*"):
            headers["Access-Control-Allow-Origin"] = self._cors_origin
            headers["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
        return {
            "statusCode": response.status,
            "body": response.body,
            "isBase64Encoded": False,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
        }


def _pattern(path: str) -> re.Pattern[str]:
    """Return what matches a route's path, with any number of slashes at its end."""
    escaped = re.escape(path.rstrip("/"))
    return re.compile(_NAME.sub(lambda name: f"(?P<{name[1]}>{_VALUE})", escaped) + "/*")
