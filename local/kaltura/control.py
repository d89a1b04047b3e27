"""Steering a simulated region over HTTP, for who runs in another process: JSON under ``/_sim/``.

GET /_sim/clock, PUT /_sim/clock {"now": unix time or null, "offset": seconds}
GET /_sim/faults, POST /_sim/faults [{"kind": …}], DELETE /_sim/faults
POST /_sim/random {"seed": 1, "rate": 0.1, "faults": [{"kind": …}]}
GET /_sim/calls?since=n, DELETE /_sim/calls
GET /_sim/truth?report=6000&start=…&end=…[&as_of=…]
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from local.kaltura.faults import Fault, RandomFaults
from local.kaltura.request import HttpRequest
from local.kaltura.response import Response
from local.kaltura.truth import HEADERS

if TYPE_CHECKING:
    from local.kaltura.server import KalturaServer

CONTROL_PREFIX = "/_sim/"


def control(server: "KalturaServer", request: HttpRequest) -> Response:
    """Answer a request of the control interface; 404 for what there is not, 400 for bad values."""
    path, _, query = request.target.partition("?")
    method = "GET" if request.method == "HEAD" else request.method
    act = _ROUTES.get((method, path.removeprefix(CONTROL_PREFIX)))
    if act is None:
        return _json(404, {"error": "no such control"})
    try:
        given = json.loads(request.body or b"null")
        return _json(200, act(server, dict(parse_qsl(query)), given))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return _json(400, {"error": f"{type(error).__name__}: {error}"})


def _json(status: int, value: object) -> Response:
    return Response(status, (("Content-Type", "application/json"),), json.dumps(value).encode())


def _read_clock(server: "KalturaServer", *_: object) -> object:
    return {"now": server.clock(), "offset": server.clock.offset}


def _set_clock(server: "KalturaServer", _: object, given: Any) -> object:
    clock = server.clock
    if "now" in given:
        clock.pin(given["now"])
    clock.offset = float(given.get("offset", clock.offset))
    return _read_clock(server)


def _read_faults(server: "KalturaServer", *_: object) -> object:
    return [asdict(fault) for fault in server.faults.pending()]


def _push_faults(server: "KalturaServer", _: object, given: Any) -> object:
    server.faults.push(*(Fault(**fault) for fault in given))
    return _read_faults(server)


def _clear_faults(server: "KalturaServer", *_: object) -> object:
    server.faults.clear()
    return []


def _set_random(server: "KalturaServer", _: object, given: Any) -> object:
    faults = tuple(Fault(**fault) for fault in given.pop("faults"))
    server.faults.at_random(RandomFaults(faults=faults, **given))
    return {}


def _read_calls(server: "KalturaServer", query: dict[str, str], _: object) -> object:
    return [asdict(call) for call in server.calls.all()[int(query.get("since", 0)) :]]


def _clear_calls(server: "KalturaServer", *_: object) -> object:
    server.calls.clear()
    return []


def _read_truth(server: "KalturaServer", query: dict[str, str], _: object) -> object:
    report = int(query["report"])
    as_of = float(query["as_of"]) if "as_of" in query else None
    rows = server.truth.rows(report, int(query["start"]), int(query["end"]), as_of=as_of)
    return {"header": HEADERS[report], "rows": rows}


_ROUTES: dict[tuple[str, str], Callable[["KalturaServer", dict[str, str], Any], object]] = {
    ("GET", "clock"): _read_clock,
    ("PUT", "clock"): _set_clock,
    ("GET", "faults"): _read_faults,
    ("POST", "faults"): _push_faults,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "random"): _set_random,
    ("GET", "calls"): _read_calls,
    ("DELETE", "calls"): _clear_calls,
    ("GET", "truth"): _read_truth,
}
