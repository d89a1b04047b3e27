"""HTTP to one Kaltura region: one POST, and a response that is proven complete or refused."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, Retry, Timeout
from urllib3.exceptions import ProtocolError

from room_reports.deadline import Deadline
from room_reports.kaltura.errors import (
    DeadlineError,
    KalturaError,
    MalformedReportError,
    UnreachableError,
)
from room_reports.kaltura.redaction import KEPT_BYTES, response_sample
from room_reports.kaltura.response import BOM, error_in, is_report, retry_after, unrecognised
from room_reports.kaltura.response_body import ResponseBody, broken, timed_out

_RETRIED_STATUSES = (429, 503)
"""Statuses that mean that the whole region refuses calls for a moment."""


@dataclass(frozen=True)
class HttpPolicy:
    """How long to wait and how often to retry HTTP requests; times are in seconds."""

    connect_timeout: float = 10.0
    read_timeout: float = 600.0
    retries: int = 2
    backoff: float = 0.5
    retry_after_max: int = 8
    adapter: type[HTTPAdapter] = HTTPAdapter
    """What sends the requests; a simulation replaces it to add latency."""


class _TimeLeft(Timeout):
    """Timeouts that urllib3 reads again for each attempt, so that none outlasts the deadline."""

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
        self._refused_until = float("-inf")
        """When Kaltura wants the next call, on the deadlines' clock."""
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["Accept-Encoding"] = "gzip"
        # A read that timed out or broke is not retried here: it may have used minutes already, and
        # only the caller knows whether there are more.
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
            self._http.mount(scheme, policy.adapter(max_retries=retry, pool_maxsize=64))

    def connect(self) -> None:
        """Open a connection, which the next call uses. Nothing is sent.

        Raises:
            OSError: If the region cannot be reached.
            urllib3.exceptions.HTTPError: The same, or its certificate is wrong.
        """
        adapter = self._http.get_adapter(self._base_url)
        assert isinstance(adapter, HTTPAdapter)  # so were they mounted
        request = requests.Request("POST", self._base_url).prepare()
        pool = adapter.get_connection_with_tls_context(request, verify=True)
        assert isinstance(pool, HTTPConnectionPool)
        adapter.cert_verify(pool, self._base_url, verify=True, cert=None)  # type: ignore[no-untyped-call]
        # urllib3 has no public name for this: a pool connects when a request is sent.
        connection = pool._get_conn()
        connection.timeout = self._policy.connect_timeout
        connection.connect()
        pool._put_conn(connection)

    @contextmanager
    def report(self, form: Mapping[str, str], deadline: Deadline) -> Iterator[Iterator[bytes]]:
        """Return the body of a report, as a stream that ends only when it is proven complete.

        Raises:
            KalturaError: At once if the response is not a report, or while the stream is read if
                it stops short.
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
                around = error.excerpt or start
                error.response_sample = response_sample(body.status, body.headers, around, form)
                error.excerpt = b""
                raise

    def json(
        self, service: str, action: str, form: Mapping[str, str], deadline: Deadline
    ) -> object:
        """Return the response of an action other than a report.

        Raises:
            KalturaError: If it is an error, or not JSON.
        """
        with self._post(service, action, form, deadline) as body:
            text = b"".join(body)
            error = error_in(body.status, body.headers, text)
            if error:
                raise error
            try:
                value: object = json.loads(text)
            except (ValueError, RecursionError):
                # Nothing of it is kept: it may be a new Kaltura session in an unexpected form.
                raise unrecognised(body.headers, text) from None
            return value

    @contextmanager
    def _post(
        self, service: str, action: str, form: Mapping[str, str], deadline: Deadline
    ) -> Iterator[ResponseBody]:
        wait = min(self._refused_until - deadline.clock(), deadline.remaining())
        if wait > 0:
            time.sleep(wait)
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
            raise timed_out(deadline) from error
        except requests.RequestException as error:
            if deadline.remaining() <= 0:
                raise DeadlineError from error
            if error.args and isinstance(error.args[0], ProtocolError):
                # So does a connection that was kept open for longer than the server wanted.
                raise broken(deadline, "the connection broke before the response") from error
            raise UnreachableError("UNREACHABLE", _cause(error)) from error
        with response:
            if response.status_code in _RETRIED_STATUSES:
                # The next call may be one of another thread, for another report.
                pause = min(retry_after(response.headers), self._policy.retry_after_max)
                self._refused_until = deadline.clock() + pause
                raise UnreachableError(
                    f"HTTP_{response.status_code}",
                    "Kaltura, or a proxy in front of it, refused all "
                    f"{self._policy.retries + 1} attempts",
                )
            yield ResponseBody(response, deadline, self._policy.read_timeout)


def _head(chunks: Iterator[bytes], size: int) -> bytes:
    """Return the next bytes of a stream: at least ``size`` of them, or all that there are."""
    head = b""
    while len(head) < size and (chunk := next(chunks, b"")):
        head += chunk
    return head


def _refusal(body: ResponseBody, start: bytes, form: Mapping[str, str]) -> KalturaError:
    """Return the error for a response that is not a report."""
    error = error_in(body.status, body.headers, start)
    if error is None:
        error = unrecognised(body.headers, start)
        error.response_sample = response_sample(body.status, body.headers, start, form)
    return error


def _cause(error: requests.RequestException) -> str:
    """Return what broke, in the words of the innermost exception, which has no request data."""
    inner: BaseException = error
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    return f"no connection to the region: {type(inner).__name__}: {inner}"
