"""A proxy that records requests to an S3 server, and S3's server access log of them.

The local S3 servers write no such log. The lines have the fields of AWS's page "Amazon S3 server
access log format", and what the requests and responses really had in them.
"""

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

_ERROR = re.compile(rb"<Code>(\w+)</Code>")
_CREDENTIAL = re.compile(r"Credential=([^/]+)/")
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Recorded:
    """One request, as the server saw it."""

    request_id: str
    at: datetime
    access_key: str
    """Empty if the request was not signed."""
    presigned: bool
    method: str
    line: str
    """The first line of the request."""
    status: int
    error: str
    sent: int
    """Bytes of the response's body."""
    size: str
    """Bytes of the object, ``-`` if it is not known."""
    headers: Mapping[str, str]
    """Of the request, with names in lower case."""
    copies: bool

    @property
    def key(self) -> str:
        """The key of the object, empty for a request to the bucket."""
        _, _, key = unquote(urlsplit(self.line.split(" ")[1]).path).lstrip("/").partition("/")
        return key

    @property
    def operation(self) -> str:
        """The operation as the log names it."""
        return f"REST.{'COPY' if self.copies else self.method}.{'OBJECT' if self.key else 'BUCKET'}"


class RecordingProxy:
    """Passes requests on to an S3 server, unchanged; use as a context manager."""

    def __init__(self, endpoint: str) -> None:
        self.recorded: list[Recorded] = []
        self.host = urlsplit(endpoint).netloc
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """The endpoint for clients."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: RecordingProxy

    def _pass_on(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        upstream = http.client.HTTPConnection(self.owner.host, timeout=30)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _HOP_BY_HOP or name.lower() == "content-length":
                upstream.putheader(name, value.encode("latin-1"))
        upstream.endheaders(body)
        response = upstream.getresponse()
        content = response.read()
        upstream.close()
        self.owner.recorded.append(self._recorded(response, content))
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", response.getheader("Content-Length") or "0")
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        self._pass_on()

    def do_HEAD(self) -> None:
        self._pass_on()

    def do_PUT(self) -> None:
        self._pass_on()

    def do_DELETE(self) -> None:
        self._pass_on()

    def _recorded(self, response: http.client.HTTPResponse, content: bytes) -> Recorded:
        query = parse_qs(urlsplit(self.path).query)
        presigned = "X-Amz-Signature" in query
        credential = _CREDENTIAL.search(self.headers.get("Authorization", ""))
        access_key = (
            query["X-Amz-Credential"][0].split("/")[0]
            if presigned
            else (credential[1] if credential else "")
        )
        error = _ERROR.search(content) if response.status >= 400 else None
        whole = (response.getheader("Content-Range") or "").rpartition("/")[2]
        return Recorded(
            request_id=f"{len(self.owner.recorded) + 1:016X}",
            at=datetime.now(UTC),
            access_key=access_key,
            presigned=presigned,
            method=self.command,
            line=self.requestline,
            status=response.status,
            error=error[1].decode() if error else "-",
            sent=len(content),
            size=whole or (str(len(content)) if response.status == 200 else "-"),
            headers={name.lower(): value for name, value in self.headers.items()},
            copies="x-amz-copy-source" in self.headers,
        )

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Suppress the log."""


@dataclass
class AccessLog:
    """Writes the log of recorded requests under a folder, by day, as S3 does by event time."""

    folder: Path
    requesters: Mapping[str, str]
    """The ARN or canonical id of the principal, by access key."""
    encodings: int = 1
    """How often the key is URL-encoded. AWS's page does not say; logs with two have been seen."""
    agents: Mapping[str, str] = field(default_factory=dict)
    """User agents in the place of those that were sent, by access key: what a service sends for a
    principal is not known to the principal's client."""

    def write(self, recorded: list[Recorded]) -> None:
        """Write the lines of requests, into one file for each day."""
        by_day: dict[str, list[str]] = {}
        for each in recorded:
            by_day.setdefault(f"{each.at:%Y/%m/%d}", []).append(self.line(each))
        for day, lines in by_day.items():
            path = self.folder / day / f"{day.replace('/', '-')}-00-00-00-0123456789ABCDEF"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def line(self, request: Recorded) -> str:
        """Return the line of a request."""
        key = request.key
        for _ in range(self.encodings if key else 0):
            key = quote(key, safe="/")
        agent = self.agents.get(request.access_key, request.headers.get("user-agent", "-"))
        signed = bool(request.access_key)
        return " ".join(
            (
                "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be reports",
                f"[{request.at:%d/%b/%Y:%H:%M:%S} +0000] 192.0.2.3",
                self.requesters.get(request.access_key, "-"),
                f"{request.request_id} {request.operation} {key or '-'}",
                f'"{request.line}" {request.status} {request.error}',
                f"{request.sent or '-'} {request.size} 17 16",
                f'"{request.headers.get("referer", "-")}" "{agent or "-"}"',
                "- s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234=",
                "SigV4 TLS_AES_128_GCM_SHA256" if signed else "- TLS_AES_128_GCM_SHA256",
                ("QueryString" if request.presigned else "AuthHeader") if signed else "-",
                "reports.s3.us-east-1.amazonaws.com TLSv1.3 - - us-east-1",
            )
        )
