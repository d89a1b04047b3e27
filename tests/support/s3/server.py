"""The HTTP server of the S3 double."""

import json
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR
from threading import Thread
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.support.s3.store import Item, PreconditionFailedError, Store

Fault = Callable[[str, str], str | None]
"""Maps a request's method and key to an error code, ``reset`` (close the connection), ``lost``
(execute the request, then close the connection without a response) or None."""

Observer = Callable[[str, str, str], None]

_STATUS = {"AccessDenied": 403, "SlowDown": 503, "InternalError": 500, "NoSuchKey": 404}
_PAGE = 1000


class S3Server:
    """One bucket on 127.0.0.1, under any name; use as a context manager."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.store = Store(clock)
        self.fault: Fault = lambda _method, _key: None
        self.requests: list[tuple[str, str]] = []
        """Method and key, or ``LIST`` and prefix, of every request."""
        self.observe: Observer = lambda _method, _key, _response: None
        """Called right before each response with the request and its status, or with ``reset`` or
        ``lost`` when there is none."""
        server = self

        class Handler(_Handler):
            s3 = server

        self._http = _QuietServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """The endpoint, for path-style addressing."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._http.server_close()


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore closed connections of killed clients; print every other error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Headers(dict[str, str]):
    """Headers of a request, whatever the case of their names."""

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(name.lower(), value)

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """Return the value of a header."""
        return super().get(name.lower(), default)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    s3: S3Server
    raw_requestline: bytes

    def parse_request(self) -> bool:
        """Parse the request line and the headers.

        The standard library parses headers as those of an email, which takes a third of the CPU
        time of a request here.
        """
        line = str(self.raw_requestline, "iso-8859-1").rstrip("\r\n")
        self.requestline = line
        self.command, self.path, self.request_version = line.split(" ")
        self.close_connection = False
        self.headers = _Headers()  # type: ignore[assignment]
        while (header := self.rfile.readline()) not in (b"\r\n", b""):
            name, _, value = header.decode("iso-8859-1").partition(":")
            self.headers[name] = value.strip()
        return self.headers.get("Expect") != "100-continue" or self.handle_expect_100()

    def do_GET(self) -> None:
        key, query = self._where()
        if not key and "versions" in query:
            self._list_versions(query)
        elif not key:
            self._list(query)
        elif self._begin("GET", key):
            version = query.get("versionId", [None])[0]
            self._item(self.s3.store.get(key, version), with_body=True)
            self._end()

    def do_HEAD(self) -> None:
        key, _ = self._where()
        if self._begin("HEAD", key):
            self._item(self.s3.store.get(key), with_body=False)
            self._end()

    def do_DELETE(self) -> None:
        key, query = self._where()
        if not self._begin("DELETE", key):
            return
        # Without a version, S3 would add a delete marker. Nothing does that here.
        self.s3.store.delete(key, query["versionId"][0])
        if self._lost:
            self._hang_up()
            return
        self._send(204, b"")

    def do_PUT(self) -> None:
        key, _ = self._where()
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:  # the client was killed: nothing is written
            self.close_connection = True
            return
        if not self._begin("PUT", key):
            return
        metadata, headers = self._metadata(), {}
        for name in ("Content-Type", "Content-Encoding"):
            if value := self.headers.get(name):
                headers[name] = value
        source = self.headers.get("x-amz-copy-source")
        try:
            if source:
                item = self._copy(key, unquote(source), metadata, headers)
            else:
                item = self.s3.store.put(
                    key,
                    body,
                    metadata,
                    headers,
                    if_match=self.headers.get("If-Match"),
                    if_none_match=self.headers.get("If-None-Match") == "*",
                )
        except PreconditionFailedError:
            self._error("PreconditionFailed", 412)
            return
        if self._lost:
            self._hang_up()
            return
        text = f"<R><ETag>{escape(item.etag)}</ETag></R>" if source else ""
        self._send(200, text.encode(), {"ETag": item.etag, "x-amz-version-id": item.id})

    def _copy(
        self, key: str, source: str, metadata: dict[str, str], headers: dict[str, str]
    ) -> Item:
        origin = self.s3.store.get(source.lstrip("/").split("/", 1)[1])
        wanted = self.headers.get("x-amz-copy-source-if-match")
        if origin is None or (wanted and wanted != origin.etag):
            raise PreconditionFailedError(source)
        return self.s3.store.put(
            key, origin.body, metadata, headers, if_match=self.headers.get("If-Match")
        )

    def _list(self, query: dict[str, list[str]]) -> None:
        prefix = query.get("prefix", [""])[0]
        if not self._begin("LIST", prefix):
            return
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        size = min(int(query.get("max-keys", [str(_PAGE)])[0]), _PAGE)
        keys = self.s3.store.keys(prefix, after)
        page, more = keys[:size], len(keys) > size
        entries = "".join(self._entry(key) for key in page)
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        self._send(
            200,
            f"<ListBucketResult><IsTruncated>{json.dumps(more)}</IsTruncated>{token}{entries}"
            "</ListBucketResult>".encode(),
        )

    def _list_versions(self, query: dict[str, list[str]]) -> None:
        """List all versions of the objects under a prefix on one page."""
        prefix = query.get("prefix", [""])[0]
        if not self._begin("LIST", prefix):
            return
        entries = [
            f"<{'DeleteMarker' if item.is_marker else 'Version'}>{_fields(key, item)}"
            f"<VersionId>{item.id}</VersionId>"
            f"<IsLatest>{json.dumps(item is versions[-1])}</IsLatest>"
            f"</{'DeleteMarker' if item.is_marker else 'Version'}>"
            for key in self.s3.store.all_keys(prefix)
            for versions in [self.s3.store.versions(key)]
            for item in reversed(versions)
        ]
        found = "".join(entries)
        self._send(
            200,
            "<ListVersionsResult><IsTruncated>false</IsTruncated>"
            f"{found}</ListVersionsResult>".encode(),
        )

    def _entry(self, key: str) -> str:
        item = self.s3.store.get(key)
        return f"<Contents>{_fields(key, item)}</Contents>" if item else ""

    def _where(self) -> tuple[str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        _, _, key = unquote(parts.path).lstrip("/").partition("/")
        return key, parse_qs(parts.query, keep_blank_values=True)

    def _metadata(self) -> dict[str, str]:
        return {
            name.lower().removeprefix("x-amz-meta-"): value
            for name, value in self.headers.items()
            if name.lower().startswith("x-amz-meta-")
        }

    def _begin(self, method: str, key: str) -> bool:
        """Record the request; return False if a fault has already responded."""
        self.s3.requests.append((method, key))
        self._request = method, key
        fault = self.s3.fault(method, key)
        self._lost = fault == "lost"
        if fault == "reset":
            self._hang_up()
        elif fault and not self._lost:
            self._error(fault, _STATUS[fault])
        return fault is None or self._lost

    def _end(self) -> None:
        if self._lost:
            self._hang_up()

    def _hang_up(self) -> None:
        self.s3.observe(*self._request, "lost" if self._lost else "reset")
        self.close_connection = True
        self.connection.shutdown(SHUT_RDWR)

    def _item(self, item: Item | None, *, with_body: bool) -> None:
        if self._lost:
            return
        if item is None:
            self._error("NoSuchKey", 404)
            return
        headers = {
            "ETag": item.etag,
            "x-amz-version-id": item.id,
            "Last-Modified": f"{item.last_modified:%a, %d %b %Y %H:%M:%S} GMT",
            **item.headers,
            **{f"x-amz-meta-{name}": value for name, value in item.metadata.items()},
        }
        self._send(200, item.body, headers, with_body=with_body)

    def _error(self, code: str, status: int) -> None:
        body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
        self._send(status, body, with_body=self.command != "HEAD")

    def _send(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        *,
        with_body: bool = True,
    ) -> None:
        self.s3.observe(*self._request, str(status))
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)
        self.wfile.flush()

    def handle_expect_100(self) -> bool:
        """Flush the response that a client waits for before it sends a body."""
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return proceed

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Suppress the log."""


def _fields(key: str, item: Item) -> str:
    return (
        f"<Key>{escape(key)}</Key>"
        f"<LastModified>{item.last_modified:%Y-%m-%dT%H:%M:%S}.000Z</LastModified>"
        f"<ETag>{escape(item.etag)}</ETag><Size>{len(item.body)}</Size>"
    )
