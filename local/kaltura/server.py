"""The simulated Kaltura of one region as an HTTP server on 127.0.0.1."""

import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from threading import Lock, Thread
from types import TracebackType
from typing import Self

from local.kaltura import damage
from local.kaltura.account import Account
from local.kaltura.api import KalturaApi
from local.kaltura.call_log import CallLog
from local.kaltura.clock import Clock
from local.kaltura.control import CONTROL_PREFIX, control
from local.kaltura.faults import Fault, Faults
from local.kaltura.report_action import ReportSettings
from local.kaltura.request import HttpRequest
from local.kaltura.response import Response
from local.kaltura.truth import Truth, UniversityTruth
from local.kaltura.university import University
from local.kaltura.wire import Hangup, Sender, read_request


class KalturaServer:
    """One region: use it as a context manager, or call ``start`` and ``stop``.

    ``source`` is a generated university, or another Truth.
    ``clock`` returns the simulated time in Unix seconds; a Clock can be changed meanwhile.
    """

    def __init__(
        self,
        source: University | Truth,
        *,
        account: Account | None = None,
        clock: Callable[[], float] = time.time,
        settings: ReportSettings | None = None,
        use_gzip: bool = False,
        port: int = 0,
    ) -> None:
        self.truth: Truth = UniversityTruth(source) if isinstance(source, University) else source
        if account is None:
            seed = source.seed if isinstance(source, University) else 0
            region = source.region if isinstance(source, University) else "us"
            account = Account.generated(seed, region)
        self.account = account
        self.clock = clock if isinstance(clock, Clock) else Clock(clock)
        self.api = KalturaApi(account, self.truth, settings or ReportSettings())
        self.faults = Faults()
        self.calls = CallLog()
        self.latency = 0.0
        """Seconds of real time that each call takes at least."""
        self._use_gzip = use_gzip
        self._port = port
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._lock = Lock()

    @property
    def url(self) -> str:
        """The region's URL, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> Self:
        """Accept connections, after ``stop`` on the same port as before."""
        listener = socket.create_server(("127.0.0.1", self._port), backlog=256)
        self._port = listener.getsockname()[1]
        self._listener = listener
        Thread(target=self._accept, args=(listener,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Refuse connections and close the open ones, until ``start`` is called again."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            open_now: Iterable[socket.socket] = list(self._connections)
        for connection in open_now:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections.add(connection)
            Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        sender = Sender(connection, use_gzip=self._use_gzip, clock=self.clock)
        try:
            with connection.makefile("rb") as stream:
                while (request := read_request(stream)) is not None:
                    if not self._respond(request, sender):
                        break
        except (Hangup, OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _respond(self, request: HttpRequest, sender: Sender) -> bool:
        if request.target.startswith(CONTROL_PREFIX):
            return sender.send(request, control(self, request))
        with self.calls.under_way():
            if self.latency:
                time.sleep(self.latency)
            response, fault = self._handle(request)
        return sender.send(request, response, fault)

    def _handle(self, request: HttpRequest) -> tuple[Response, Fault | None]:
        call, raw = self.api.note(request, self.clock())
        fault = self.faults.take(call)
        if fault is None:
            handled = self.api.respond(request, call, raw, None)
            self.calls.add(handled.call)
            return handled.response, None
        error = damage.refusal(fault, call.report)
        handled = self.api.respond(request, call, raw, error)
        response = damage.damaged(fault, handled)
        outcome = handled.call.outcome if response.status == 200 else f"http {response.status}"
        self.calls.add(replace(handled.call, fault=fault.kind, outcome=outcome))
        return response, fault
