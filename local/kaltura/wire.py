"""HTTP/1.1 on a socket: read requests, and send responses whole or damaged."""

import gzip
import socket
import struct
import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import BinaryIO

from local.kaltura.faults import Fault
from local.kaltura.request import HttpRequest
from local.kaltura.response import Response

MAX_BODY = 16 * 1024 * 1024
CHUNK = 65_536


class Hangup(Exception):  # noqa: N818 - not an error: the connection is over
    """Raised to close the connection."""


def read_request(stream: BinaryIO) -> HttpRequest | None:
    """Return the next request of a connection, or None at its end; raises Hangup if not HTTP."""
    line = stream.readline(65_536)
    if not line:
        return None
    parts = line.decode("latin-1").split()
    if len(parts) != 3:
        raise Hangup
    headers: dict[str, str] = {}
    while True:
        line = stream.readline(65_536)
        if line in {b"\r\n", b"\n", b""}:
            break
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return HttpRequest(parts[0], parts[1], headers, _read_body(stream, headers))


def _read_body(stream: BinaryIO, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while size := int(stream.readline(100).split(b";")[0] or b"0", 16):
            body += stream.read(size)
            stream.readline(10)
        stream.readline(10)
        return body
    length = int(headers.get("content-length") or 0)
    if not 0 <= length <= MAX_BODY:
        raise Hangup
    return stream.read(length)


class Sender:
    """Send the responses of one connection."""

    def __init__(
        self,
        connection: socket.socket,
        *,
        use_gzip: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._socket = connection
        self._use_gzip = use_gzip
        self._clock = clock

    def send(self, request: HttpRequest, response: Response, fault: Fault | None = None) -> bool:
        """Send a response with the fault's damage; return False to close the connection."""
        body = response.body
        headers = [(n, v) for n, v in response.headers if n != "Content-Length"]
        if self._use_gzip and body and "gzip" in request.headers.get("accept-encoding", ""):
            body = gzip.compress(body, 1)
            headers.append(("Content-Encoding", "gzip"))
        if request.method == "HEAD":
            fault = None
        kind = fault.kind if fault else ""
        if fault and kind in _DELIVERIES:
            _DELIVERIES[kind](self, fault, response.status, headers, body)
        else:
            head = self._head(response.status, [*headers, ("Content-Length", str(len(body)))])
            self._socket.sendall(head if request.method == "HEAD" else head + body)
        return kind != "close_delimited" and request.headers.get("connection", "") != "close"

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()
        raise Hangup

    def _head(self, status: int, headers: list[tuple[str, str]]) -> bytes:
        reason = HTTPStatus(status).phrase
        lines = [
            f"HTTP/1.1 {status} {reason}",
            f"Date: {formatdate(self._clock(), usegmt=True)}",
            "Server: Apache",
        ]
        lines += [f"{name}: {value}" for name, value in headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def _cut(self, fault: Fault, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send less than the announced length, and then reset or close the connection."""
        head = self._head(status, [*headers, ("Content-Length", str(len(body)))])
        self._socket.sendall(head + body[: _cut_at(fault, body)])
        if fault.kind == "reset_in_body":
            self.reset()
        raise Hangup

    def _chunked(
        self, fault: Fault, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        whole = fault.kind == "chunked"
        part = body if whole else body[: _cut_at(fault, body)]
        self._socket.sendall(self._head(status, [*headers, ("Transfer-Encoding", "chunked")]))
        for start in range(0, len(part), CHUNK):
            piece = part[start : start + CHUNK]
            self._socket.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        if not whole:
            raise Hangup
        self._socket.sendall(b"0\r\n\r\n")

    def _close_delimited(
        self, fault: Fault, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        part = body if fault.kind == "close_delimited" else body[: _cut_at(fault, body)]
        self._socket.sendall(self._head(status, [*headers, ("Connection", "close")]) + part)
        raise Hangup

    def _stall(
        self, fault: Fault, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        cut = _cut_at(fault, body)
        head = self._head(status, [*headers, ("Content-Length", str(len(body)))])
        if fault.kind == "stall":
            time.sleep(fault.seconds)
            cut = 0
        self._socket.sendall(head + body[:cut])
        if fault.kind == "stall_in_body":
            time.sleep(fault.seconds)
        self._socket.sendall(body[cut:])

    def _drip(self, fault: Fault, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        pieces = max(1, min(fault.amount if fault.amount > 1 else 10, len(body) or 1))
        size = -(-len(body) // pieces) or 1
        self._socket.sendall(self._head(status, [*headers, ("Content-Length", str(len(body)))]))
        for start in range(0, len(body), size):
            time.sleep(fault.seconds / pieces)
            self._socket.sendall(body[start : start + size])

    def _reset_at_once(
        self, _fault: Fault, _status: int, _headers: list[tuple[str, str]], _body: bytes
    ) -> None:
        self.reset()


def _cut_at(fault: Fault, body: bytes) -> int:
    """Return where to cut a body: at a share of it or after a number of bytes, before its end."""
    at = int(len(body) * fault.at) if fault.at < 1 else int(fault.at)
    return max(0, min(at, len(body) - 1))


Delivery = Callable[[Sender, Fault, int, list[tuple[str, str]], bytes], None]
_DELIVERIES: dict[str, Delivery] = {
    "reset": Sender._reset_at_once,
    "reset_in_body": Sender._cut,
    "truncate_length": Sender._cut,
    "truncate_chunked": Sender._chunked,
    "chunked": Sender._chunked,
    "truncate_close": Sender._close_delimited,
    "close_delimited": Sender._close_delimited,
    "stall": Sender._stall,
    "stall_in_body": Sender._stall,
    "drip": Sender._drip,
}
