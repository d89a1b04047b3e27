"""The body of a response: it is proven complete, or reading it raises an error."""

import threading
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from urllib3.exceptions import HTTPError, ReadTimeoutError

from room_reports.deadline import Deadline
from room_reports.kaltura.errors import (
    DeadlineError,
    IncompleteResponseError,
    TransientError,
    UnreachableError,
)

if TYPE_CHECKING:
    import requests
    from urllib3 import HTTPResponse

_CHUNK = 1 << 16


class ResponseBody:
    """The body of a response, as a stream that can be read once."""

    def __init__(self, response: "requests.Response", deadline: Deadline) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self._raw: HTTPResponse = response.raw
        self._deadline = deadline

    def __iter__(self) -> Generator[bytes, None, None]:
        # The read timeout does not stop a server that sends a byte from time to time.
        timer = threading.Timer(max(self._deadline.remaining(), 0), self._stop)
        timer.daemon = True
        timer.start()
        try:
            yield from self._decoded(self._raw.stream(_CHUNK, decode_content=False))
        except ReadTimeoutError as error:
            raise timed_out(self._deadline) from error
        except (HTTPError, OSError, zlib.error) as error:
            raise broken(self._deadline, "the connection broke while the body was read") from error
        finally:
            timer.cancel()
        if self._deadline.remaining() <= 0:
            raise DeadlineError
        self._prove_complete()

    def _decoded(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        if self.headers.get("Content-Encoding", "").lower() not in ("gzip", "x-gzip"):
            yield from chunks
            return
        # urllib3 does not notice that a compressed stream is incomplete.
        inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        empty = True
        for chunk in chunks:
            empty = False
            if plain := inflater.decompress(chunk):
                yield plain
        if not empty and (not inflater.eof or inflater.unused_data):
            raise IncompleteResponseError(
                "the compressed body and the response do not end at the same byte"
            )

    def _stop(self) -> None:
        with suppress(ValueError, RuntimeError, OSError):  # the body was read to its end meanwhile
            self._raw.shutdown()

    def _prove_complete(self) -> None:
        declared = self.headers.get("Content-Length", "")
        if getattr(self._raw, "chunked", False):
            return  # the stream ends without an error only after the last chunk
        if not declared.isdigit():
            raise IncompleteResponseError(
                "the response has neither a length nor chunks, so its end is not known"
            )
        if self._raw.tell() != int(declared):
            raise IncompleteResponseError(f"{self._raw.tell()} of {declared} bytes were received")


def broken(deadline: Deadline, message: str) -> TransientError:
    """Return the error for a response that stopped before its end."""
    return DeadlineError() if deadline.remaining() <= 0 else IncompleteResponseError(message)


def timed_out(deadline: Deadline) -> TransientError:
    """Return the error for a response that sent nothing more within the read timeout."""
    # Not retried in this run, because the attempt may have taken minutes already.
    if deadline.remaining() <= 0:
        return DeadlineError()
    return UnreachableError("READ_TIMEOUT", "Kaltura sent nothing within the read timeout")
