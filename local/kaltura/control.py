"""The control interface of a simulated region: JSON over HTTP, under ``/_sim/``.

GET /_sim/clock, PUT /_sim/clock {"now": unix time or null, "offset": seconds}
GET /_sim/faults, POST /_sim/faults [{"kind": …}], DELETE /_sim/faults
POST /_sim/random {"seed": 1, "rate": 0.1, "faults": [{"kind": …}]}
GET /_sim/calls?since=n, DELETE /_sim/calls
GET /_sim/at_once, the most calls at the same time since the calls were deleted
PUT /_sim/latency {"seconds": 0.1}, how long each call takes
GET /_sim/truth?report=6000&start=…&end=…[&as_of=…]
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Protocol
from urllib.parse import parse_qsl

from local.kaltura.call_log import CallLog
from local.kaltura.clock import Clock
from local.kaltura.faults import Fault, Faults, RandomFaults
from local.kaltura.request import HttpRequest
from local.kaltura.response import Response
from local.kaltura.truth import HEADERS, Truth

CONTROL_PREFIX = "/_sim/"


class Controllable(Protocol):
    """The parts of a simulated region that the control interface reads and changes."""

    clock: Clock
    faults: Faults
    calls: CallLog
    truth: Truth
    latency: float


def control(region: Controllable, request: HttpRequest) -> Response:
    """Handle a request to the control interface: 404 for an unknown path, 400 for bad values."""
    path, _, query = request.target.partition("?")
    method = "GET" if request.method == "HEAD" else request.method
    act = _ROUTES.get((method, path.removeprefix(CONTROL_PREFIX)))
    if act is None:
        return _json(404, {"error": "no such control"})
    try:
        given = json.loads(request.body or b"null")
        return _json(200, act(region, dict(parse_qsl(query)), given))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return _json(400, {"error": f"{type(error).__name__}: {error}"})


def _json(status: int, value: object) -> Response:
    return Response(status, (("Content-Type", "application/json"),), json.dumps(value).encode())


def _read_clock(region: Controllable, *_: object) -> object:
    return {"now": region.clock(), "offset": region.clock.offset}


def _set_clock(region: Controllable, _: object, given: Any) -> object:
    clock = region.clock
    if "now" in given:
        clock.pin(given["now"])
    clock.offset = float(given.get("offset", clock.offset))
    return _read_clock(region)


def _read_faults(region: Controllable, *_: object) -> object:
    return [asdict(fault) for fault in region.faults.pending()]


def _push_faults(region: Controllable, _: object, given: Any) -> object:
    region.faults.push(*(Fault(**fault) for fault in given))
    return _read_faults(region)


def _clear_faults(region: Controllable, *_: object) -> object:
    region.faults.clear()
    return []


def _set_random(region: Controllable, _: object, given: Any) -> object:
    faults = tuple(Fault(**fault) for fault in given.pop("faults"))
    region.faults.at_random(RandomFaults(faults=faults, **given))
    return {}


def _read_calls(region: Controllable, query: dict[str, str], _: object) -> object:
    return [asdict(call) for call in region.calls.all()[int(query.get("since", 0)) :]]


def _read_at_once(region: Controllable, *_: object) -> object:
    return {"most": region.calls.most_at_once}


def _set_latency(region: Controllable, _: object, given: Any) -> object:
    region.latency = float(given["seconds"])
    return {"seconds": region.latency}


def _clear_calls(region: Controllable, *_: object) -> object:
    region.calls.clear()
    return []


def _read_truth(region: Controllable, query: dict[str, str], _: object) -> object:
    report = int(query["report"])
    as_of = float(query["as_of"]) if "as_of" in query else None
    rows = region.truth.rows(report, int(query["start"]), int(query["end"]), as_of=as_of)
    return {"header": HEADERS[report], "rows": rows}


_ROUTES: dict[tuple[str, str], Callable[[Controllable, dict[str, str], Any], object]] = {
    ("GET", "clock"): _read_clock,
    ("PUT", "clock"): _set_clock,
    ("GET", "faults"): _read_faults,
    ("POST", "faults"): _push_faults,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "random"): _set_random,
    ("GET", "calls"): _read_calls,
    ("DELETE", "calls"): _clear_calls,
    ("GET", "at_once"): _read_at_once,
    ("PUT", "latency"): _set_latency,
    ("GET", "truth"): _read_truth,
}
