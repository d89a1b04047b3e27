"""Requests a second, with several clients at once."""

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from tests.bench.bench_latency import LIMIT_1, LINK, downloads, routes
from tests.bench.figures import QUICK
from tests.bench.section import Section
from tests.support.handlers import Context

TITLE = "Requests a second"
COLUMNS = ("route", "1 client", "8 clients", "32 clients")
_CLIENTS = (1, 8, 32)
_SECONDS = 1.0 if QUICK else 5.0
_NOTES = (
    f"In {_SECONDS:.0f} seconds. Each client has a process of its own, as each has an execution "
    "environment on Lambda, and sends one request after the other. Unlike on Lambda, all of them, "
    "and the S3 server, share this machine's cores."
)
_FORK = multiprocessing.get_context("fork")
Handler = Callable[..., dict[str, Any]]


def measure() -> Section:
    """Run more and more clients."""
    with downloads() as (handler, _):
        rows = [
            (name, *(f"{_rate(clients, handler, routes()[name]):.0f}" for clients in _CLIENTS))
            for name in (LINK, LIMIT_1)
        ]
    return Section(COLUMNS, rows, _NOTES)


def _rate(clients: int, handler: Handler, event: dict[str, Any]) -> float:
    """Return the requests a second that all clients together have done."""
    ends = [_FORK.Pipe() for _ in range(clients)]
    running = [
        _FORK.Process(target=_client, args=(end, handler, event), daemon=True) for _, end in ends
    ]
    for process in running:
        process.start()
    for _, end in ends:
        end.close()  # so that the end of a client that failed is noticed
    ours = [end for end, _ in ends]
    for end in ours:
        end.recv()  # ready
    for end in ours:
        end.send("go")
    done: int = sum(end.recv() for end in ours)
    for process in running:
        process.join()
    return done / _SECONDS


def _client(end: Connection, handler: Handler, event: dict[str, Any]) -> None:
    """Warm up, wait, send requests until the time is over, and send back how many."""
    context = Context("downloads")
    handler(event, context)
    end.send("ready")
    end.recv()
    until = time.monotonic() + _SECONDS
    done = 0
    while time.monotonic() < until:
        response = handler(event, context)
        if response["statusCode"] != 200:
            raise RuntimeError(f"a request got {response['statusCode']}")
        done += 1
    end.send(done)
