"""Small HTTP servers that answer as they are told, byte for byte, broken ways included."""

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
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The fields of its form."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def action(self) -> str:
        """The last part of its path, which is the API's action."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Answer:
    """What to send: bytes, and pauses in seconds between them."""

    parts: tuple[bytes | float, ...]
    close: bool = False
    """Whether to hang up afterwards."""


def answer(
    body: bytes,
    content_type: str = CSV,
    *,
    status: int = 200,
    headers: Sequence[tuple[str, str]] = (),
    compress: bool = False,
) -> Answer:
    """A whole answer with its length."""
    if compress:
        body = gzip.compress(body)
        headers = (*headers, ("Content-Encoding", "gzip"))
    if not any(name.lower() == "content-length" for name, _ in headers):
        headers = (*headers, ("Content-Length", str(len(body))))
    return Answer((head(status, (("Content-Type", content_type), *headers)), body))


def chunked_answer(body: bytes, content_type: str = CSV, *, whole: bool = True) -> Answer:
    """An answer in chunks; without its last chunk when it is not ``whole``."""
    headers = (("Content-Type", content_type), ("Transfer-Encoding", "chunked"))
    end = b"0\r\n\r\n" if whole else b""
    chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
    return Answer((head(200, headers), chunk + end), close=not whole)


def head(status: int, headers: Sequence[tuple[str, str]]) -> bytes:
    """The status line and the headers of an answer."""
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode()


@dataclass
class ScriptedServer:
    """Answers each request by calling ``respond``, and remembers the requests."""

    respond: Callable[[Request], Answer]
    requests: list[Request] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _listener: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self) -> None:
        """Serves until stopped."""
        with self._listener:
            while not self._stopping.is_set():
                with suppress(TimeoutError):
                    connection, _ = self._listener.accept()
                    threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def stop(self) -> None:
        """Makes ``run`` and all pauses end soon."""
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
def serving(*answers: Answer | Callable[[Request], Answer]) -> Iterator[ScriptedServer]:
    """A server that gives these answers in turn, and the last one from then on."""
    turns = iter(range(len(answers)))
    lock = threading.Lock()

    def respond(request: Request) -> Answer:
        with lock:
            given = answers[next(turns, len(answers) - 1)]
        return given if isinstance(given, Answer) else given(request)

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
