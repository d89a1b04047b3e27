"""An HTTP server that sends scripted responses byte for byte, valid or broken."""

import gzip
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

CSV = "text/csv;charset=UTF-8"
JSON = "application/json"


@dataclass(frozen=True)
class Request:
    """One received request."""

    method: str
    path: str
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The form fields of the body."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def action(self) -> str:
        """The last part of the path, which is the API's action."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Response:
    """A scripted response: bytes, and pauses in seconds between them."""

    parts: tuple[bytes | float, ...]
    close: bool = False
    """Whether to close the connection afterwards."""


def response(
    body: bytes,
    content_type: str = CSV,
    *,
    status: int = 200,
    headers: Sequence[tuple[str, str]] = (),
    compress: bool = False,
) -> Response:
    """Return a complete response with its length."""
    if compress:
        body = gzip.compress(body)
        headers = (*headers, ("Content-Encoding", "gzip"))
    if not any(name.lower() == "content-length" for name, _ in headers):
        headers = (*headers, ("Content-Length", str(len(body))))
    return Response((head(status, (("Content-Type", content_type), *headers)), body))


def chunked_response(body: bytes, content_type: str = CSV, *, whole: bool = True) -> Response:
    """Return a chunked response; without its last chunk if not ``whole``."""
    headers = (("Content-Type", content_type), ("Transfer-Encoding", "chunked"))
    end = b"0\r\n\r\n" if whole else b""
    chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
    return Response((head(200, headers), chunk + end), close=not whole)


def head(status: int, headers: Sequence[tuple[str, str]]) -> bytes:
    """Return the status line and the headers of a response."""
    lines = [f"HTTP/1.1 {status} Reason", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode()


@dataclass
class ScriptedServer:
    """Responds to each request by calling ``respond``, and records the requests."""

    respond: Callable[[Request], Response]
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    """How many were opened."""
    _stopping: threading.Event = field(default_factory=threading.Event)
    _listener: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self) -> None:
        """Serve until stopped."""
        with self._listener:
            while not self._stopping.is_set():
                with suppress(TimeoutError):
                    connection, _ = self._listener.accept()
                    self.connections += 1
                    threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def stop(self) -> None:
        """Make ``run`` and all pauses end soon."""
        self._stopping.set()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(30)
        with connection, connection.makefile("rb") as reader, suppress(OSError):
            while request := _read(reader.readline, reader.read):
                self.requests.append(request)
                given = self.respond(request)
                for part in given.parts:
                    if isinstance(part, bytes):
                        connection.sendall(part)
                    elif self._stopping.wait(part):
                        return
                if given.close:
                    connection.shutdown(socket.SHUT_RDWR)
                    return


@contextmanager
def serving(*responses: Response | Callable[[Request], Response]) -> Iterator[ScriptedServer]:
    """Serve these responses in turn, and repeat the last one."""
    turns = iter(range(len(responses)))
    lock = threading.Lock()

    def respond(request: Request) -> Response:
        with lock:
            given = responses[next(turns, len(responses) - 1)]
        return given if isinstance(given, Response) else given(request)

    server = ScriptedServer(respond)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


def _read(readline: Callable[[], bytes], read: Callable[[int], bytes]) -> Request | None:
    start = readline().decode().split()
    if not start:
        return None
    headers: dict[str, str] = {}
    while line := readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = read(int(headers.get("content-length", "0")))
    return Request(start[0], start[1], headers, body)
