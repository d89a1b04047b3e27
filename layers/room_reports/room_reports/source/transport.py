"""HTTP to one Kaltura region: one POST, and an answer that is proven complete or refused."""

import json
import threading
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse, Retry, Timeout
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from room_reports.deadline import Deadline
from room_reports.source.answers import BOM, error_in, is_report, unrecognised
from room_reports.source.dialect import MalformedReportError
from room_reports.source.errors import KalturaError, TransientError
from room_reports.source.sample import KEPT_BYTES, sample

_CHUNK = 1 << 16
_RETRIED_STATUSES = (429, 502, 503, 504)


class UnreachableError(TransientError):
    """Raised when the region could not be reached, or refused the call, retries included."""


class DeadlineError(TransientError):
    """Raised when the time left is too short for an answer."""

    regional = False

    def __init__(self) -> None:
        super().__init__("OUT_OF_TIME", "the run's time was up before the answer was complete")


class IncompleteAnswerError(TransientError):
    """Raised when an answer stopped short, or cannot be proven not to have."""

    def __init__(self, message: str) -> None:
        super().__init__("INCOMPLETE_ANSWER", message)


@dataclass(frozen=True)
class HttpPolicy:
    """How patiently to talk HTTP; times are in seconds."""

    connect_timeout: float = 10.0
    read_timeout: float = 600.0
    retries: int = 2
    backoff: float = 0.5
    retry_after_max: int = 20


class _TimeLeft(Timeout):
    """Timeouts that urllib3 takes anew for each try, so that none outlasts the deadline."""

    def __init__(self, policy: HttpPolicy, deadline: Deadline) -> None:
        self._policy = policy
        self._deadline = deadline
        super().__init__(connect=policy.connect_timeout, read=policy.read_timeout)

    def clone(self) -> Timeout:
        left = max(self._deadline.remaining(), 0.001)
        return Timeout(
            connect=min(self._policy.connect_timeout, left),
            read=min(self._policy.read_timeout, left),
        )


class Transport:
    """Calls one region's API; safe to share between threads."""

    def __init__(self, base_url: str, policy: HttpPolicy) -> None:
        self._base_url = base_url
        self._policy = policy
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["Accept-Encoding"] = "gzip"
        # A read that timed out or broke is not tried again here: it may have used minutes already,
        # and only the caller knows whether there are more.
        retry = Retry(
            total=policy.retries,
            read=False,
            allowed_methods=None,
            status_forcelist=_RETRIED_STATUSES,
            backoff_factor=policy.backoff,
            backoff_jitter=policy.backoff,
            retry_after_max=policy.retry_after_max,
            raise_on_status=False,
        )
        for scheme in ("https://", "http://"):
            self._http.mount(scheme, HTTPAdapter(max_retries=retry, pool_maxsize=64))

    @contextmanager
    def report(self, form: Mapping[str, str], deadline: Deadline) -> Iterator[Iterator[bytes]]:
        """The body of a report, as a stream that ends only when it was proven complete.

        Raises:
            KalturaError: at once when the answer is not a report, or while the stream is read
                when it stops short.
        """
        with (
            self._post("report", "getCsvFromStringParams", form, deadline) as body,
            closing(iter(body)) as chunks,
        ):
            start = _head(chunks, len(BOM))
            if not is_report(body.status, body.headers, start):
                raise _refusal(body, start + _head(chunks, KEPT_BYTES), form)
            try:
                yield chain([start], chunks)
            except MalformedReportError as error:
                error.answer = sample(body.status, body.headers, start, form)
                raise

    def json(
        self, service: str, action: str, form: Mapping[str, str], deadline: Deadline
    ) -> object:
        """What an action other than a report answers.

        Raises:
            KalturaError: when it is an error, or not JSON.
        """
        with self._post(service, action, form, deadline) as body:
            text = b"".join(body)
            error = error_in(body.status, body.headers, text)
            if error:
                raise error
            try:
                answer: object = json.loads(text)
            except (ValueError, RecursionError):
                # Nothing of it is kept: it may be a new session, in a form that was not asked for.
                raise unrecognised(body.headers, text) from None
            return answer

    @contextmanager
    def _post(
        self, service: str, action: str, form: Mapping[str, str], deadline: Deadline
    ) -> Iterator["_Body"]:
        if deadline.remaining() <= 0:
            raise DeadlineError
        try:
            response = self._http.post(
                f"{self._base_url}/api_v3/service/{service}/action/{action}",
                data={"format": "1", **form},
                timeout=_TimeLeft(self._policy, deadline),  # type: ignore[arg-type]  # or urllib3's
                stream=True,
                allow_redirects=False,
            )
        except requests.ReadTimeout as error:
            raise _timed_out(deadline) from error
        except requests.RequestException as error:
            if deadline.remaining() <= 0:
                raise DeadlineError from error
            if error.args and isinstance(error.args[0], ProtocolError):
                # As a connection does that was kept open for longer than the other side wanted.
                raise _late(deadline, "the connection broke before the answer") from error
            raise UnreachableError("UNREACHABLE", _cause(error)) from error
        with response:
            if response.status_code in _RETRIED_STATUSES:
                raise UnreachableError(
                    f"HTTP_{response.status_code}",
                    f"Kaltura, or a proxy before it, refused {self._policy.retries + 1} times",
                )
            yield _Body(response, deadline)


class _Body:
    """The body of an answer, which is read once."""

    def __init__(self, response: requests.Response, deadline: Deadline) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self._raw: HTTPResponse = response.raw
        self._deadline = deadline

    def __iter__(self) -> Generator[bytes, None, None]:
        # A server that sends a byte now and then would never run into a read timeout.
        timer = threading.Timer(max(self._deadline.remaining(), 0), self._stop)
        timer.daemon = True
        timer.start()
        try:
            yield from self._decoded(self._raw.stream(_CHUNK, decode_content=False))
        except ReadTimeoutError as error:
            raise _timed_out(self._deadline) from error
        except (HTTPError, OSError, zlib.error) as error:
            raise _late(self._deadline, "the connection broke within the body") from error
        finally:
            timer.cancel()
        if self._deadline.remaining() <= 0:
            raise DeadlineError
        self._prove_complete()

    def _decoded(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        if self.headers.get("Content-Encoding", "").lower() not in ("gzip", "x-gzip"):
            yield from chunks
            return
        # Not by urllib3, which takes a compressed stream that stops short for a whole one.
        inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        empty = True
        for chunk in chunks:
            empty = False
            if plain := inflater.decompress(chunk):
                yield plain
        if not empty and (not inflater.eof or inflater.unused_data):
            raise IncompleteAnswerError("the compressed body does not end where the answer ends")

    def _stop(self) -> None:
        with suppress(ValueError, RuntimeError, OSError):  # it was read to its end meanwhile
            self._raw.shutdown()

    def _prove_complete(self) -> None:
        declared = self.headers.get("Content-Length", "")
        if getattr(self._raw, "chunked", False):
            return  # the stream ends without an error only after the last chunk
        if not declared.isdigit():
            raise IncompleteAnswerError(
                "the body has neither a length nor chunks, so that nobody can know where it ends"
            )
        if self._raw.tell() != int(declared):
            raise IncompleteAnswerError(f"{self._raw.tell()} of {declared} bytes came")


def _head(chunks: Iterator[bytes], size: int) -> bytes:
    """The next bytes of a stream: at least ``size`` of them, or all that there are."""
    head = b""
    while len(head) < size and (chunk := next(chunks, b"")):
        head += chunk
    return head


def _refusal(body: _Body, start: bytes, form: Mapping[str, str]) -> KalturaError:
    """The error that an answer is, which is not what was asked for."""
    error = error_in(body.status, body.headers, start)
    if error is None:
        error = unrecognised(body.headers, start)
        error.answer = sample(body.status, body.headers, start, form)
    return error


def _late(deadline: Deadline, message: str) -> TransientError:
    return DeadlineError() if deadline.remaining() <= 0 else IncompleteAnswerError(message)


def _timed_out(deadline: Deadline) -> TransientError:
    # Not for another try in this run: it may have taken minutes already.
    if deadline.remaining() <= 0:
        return DeadlineError()
    return UnreachableError("READ_TIMEOUT", "nothing came within the read timeout")


def _cause(error: requests.RequestException) -> str:
    """What broke, in the words of the innermost exception; no request data is in those."""
    inner: BaseException = error
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    return f"no connection to the region: {type(inner).__name__}: {inner}"
