"""The body of a response, which is proven complete or refused."""

import zlib
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING

from urllib3.exceptions import HTTPError, ReadTimeoutError

from room_reports.deadline import Deadline
from room_reports.kaltura.errors import (
    DeadlineError,
    IncompleteResponseError,
    KalturaError,
    TimedOutError,
)

if TYPE_CHECKING:
    import socket

    import requests
    from urllib3 import HTTPResponse

_CHUNK = 1 << 16
_SHORTEST_TIMEOUT = 0.001


class ResponseBody:
    """The body of a response, which can be read once."""

    def __init__(
        self, response: "requests.Response", deadline: Deadline, read_timeout: float
    ) -> None:
        """Read the body of ``response``.

        Args:
            read_timeout: Seconds to wait for the next byte.
        """
        self.status = response.status_code
        self.headers = response.headers
        self._raw: HTTPResponse = response.raw
        self._deadline = deadline
        self._read_timeout = read_timeout

    def __iter__(self) -> Generator[bytes, None, None]:
        try:
            yield from self._decoded(self._received())
        except ReadTimeoutError as error:
            raise timed_out(self._deadline) from error
        except (HTTPError, OSError, zlib.error) as error:
            raise broken(self._deadline, "the connection broke within the body") from error
        if self._deadline.remaining() <= 0:
            raise DeadlineError
        self._prove_complete()

    def _received(self) -> Iterator[bytes]:
        """Yield what has come, whenever something has, so that the deadline is kept.

        A server that sends a byte now and then never runs into a read timeout.
        """
        connection = _socket(self._raw)
        while self._deadline.remaining() > 0:
            if connection and connection.fileno() >= 0:
                left = min(self._read_timeout, self._deadline.remaining())
                connection.settimeout(max(left, _SHORTEST_TIMEOUT))
            chunk = self._raw.read1(_CHUNK, decode_content=False)
            if not chunk:
                return
            yield chunk

    def _decoded(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        if self.headers.get("Content-Encoding", "").lower() not in ("gzip", "x-gzip"):
            yield from chunks
            return
        # Not by urllib3, which accepts a compressed stream that stops short as complete.
        inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        empty = True
        for chunk in chunks:
            empty = False
            if plain := inflater.decompress(chunk):
                yield plain
        if not empty and (not inflater.eof or inflater.unused_data):
            raise IncompleteResponseError(
                "the compressed body does not end where the response ends"
            )

    def _prove_complete(self) -> None:
        declared = self.headers.get("Content-Length", "")
        if getattr(self._raw, "chunked", False):
            return  # the stream ends without an error only after the last chunk
        if not declared.isdigit():
            raise IncompleteResponseError(
                "the body has neither a length nor chunks, so that its end cannot be known"
            )
        if self._raw.tell() != int(declared):
            raise IncompleteResponseError(f"{self._raw.tell()} of {declared} bytes were received")


def broken(deadline: Deadline, message: str) -> KalturaError:
    """Return the error for a response that stopped short."""
    return DeadlineError() if deadline.remaining() <= 0 else IncompleteResponseError(message)


def timed_out(deadline: Deadline) -> KalturaError:
    """Return the error for a response of which nothing more came."""
    return DeadlineError() if deadline.remaining() <= 0 else TimedOutError()


def _socket(raw: "HTTPResponse") -> "socket.socket | None":
    """Return the socket that a response is read from, wherever its connection keeps it."""
    connection = getattr(raw, "connection", None)
    found: socket.socket | None = getattr(connection, "sock", None)
    if found is None:  # the server closes the connection, so that the response owns the socket
        for name in ("_fp", "fp", "raw", "_sock"):
            raw = getattr(raw, name, None)  # type: ignore[assignment]
        found = raw  # type: ignore[assignment]
    return found
