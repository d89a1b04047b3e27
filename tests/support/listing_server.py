"""An S3 server for LIST and HEAD, and for GET of a few objects.

It holds any number of keys, and records each request.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import boto3
from botocore.config import Config

from room_reports.model.day_files import month_of
from room_reports.model.windows import Granularity, iso
from room_reports.storage.keys import day_index_key, parse_key

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_PAGE = 1000
_LAST = "\U0010ffff"
MODIFIED = datetime(2026, 11, 23, tzinfo=UTC)
"""When each object was written."""
_MODIFIED = f"{MODIFIED:%Y-%m-%dT%H:%M:%S.000Z}"


@dataclass
class ListingServer:
    """A bucket of objects of five bytes each, all modified at the same time."""

    keys: list[str]
    """In S3's order."""
    client: "S3Client"
    requests: list[str] = field(default_factory=list)
    """``LIST``, ``HEAD`` or ``GET``, for each request."""
    listed: int = 0
    """The keys and common prefixes that were returned."""
    contents: dict[str, bytes] = field(default_factory=dict)
    """The objects that can be read, by key. Any other read is denied, as S3 denies it to a role
    that may not list the key."""
    leaves_out_named_folder: bool = False
    """Whether it leaves out what is in the folder that ``start-after`` names, as some do."""

    def holds(self, key: str) -> bool:
        """Return whether an object with this key exists."""
        place = bisect_left(self.keys, key)
        return place < len(self.keys) and self.keys[place] == key

    def list(
        self, prefix: str, after: str, delimiter: str, most: int = _PAGE
    ) -> tuple[list[str], list[str], str]:
        """Return the keys, common prefixes and continuation token (or "") of one response."""
        keys: list[str] = []
        groups: list[str] = []
        place = bisect_left(self.keys, prefix)
        if after:
            named = f"{after.rstrip('/')}/{_LAST}" if self.leaves_out_named_folder else after
            place = max(place, bisect_right(self.keys, after), bisect_right(self.keys, named))
        while place < len(self.keys) and self.keys[place].startswith(prefix):
            if len(keys) + len(groups) == most:
                return keys, groups, keys[-1] if keys else groups[-1] + _LAST
            key = self.keys[place]
            head, found, _ = key[len(prefix) :].partition(delimiter or _LAST)
            if found:
                groups.append(prefix + head + delimiter)
                place = bisect_left(self.keys, groups[-1] + _LAST)
            else:
                keys.append(key)
                place += 1
        return keys, groups, ""

    def write_index(self) -> None:
        """Make the index of day files readable, which then knows each of them."""
        months: dict[str, list[str]] = {}
        for key in self.keys:
            parsed = parse_key(key)
            if parsed and parsed.series.granularity is Granularity.DAY:
                file = f"{parsed.series.slug},{parsed.label},settled,7,{iso(MODIFIED)}"
                index = day_index_key(parsed.series.region, month_of(parsed.label))
                months.setdefault(index, []).append(f'{file},"""x"""')
        header = "report,dt,state,rows,last_modified,etag"
        self.contents |= {
            key: "\n".join((header, *lines, "")).encode() for key, lines in months.items()
        }


@contextmanager
def listing_server(keys: Iterable[str]) -> Iterator[ListingServer]:
    """Serve a bucket that holds ``keys``."""

    class Handler(_Handler):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{server.server_address[1]}",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        region_name="us-east-1",
        config=Config(max_pool_connections=64, retries={"total_max_attempts": 1}),
    )
    Handler.listing = ListingServer(sorted(keys), client)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield Handler.listing
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    listing: ListingServer

    def do_GET(self) -> None:
        _, _, key = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
        if key:
            self._read(key)
        else:
            self._list()

    def _read(self, key: str) -> None:
        self.listing.requests.append("GET")
        if key in self.listing.contents:
            self._send(self.listing.contents[key])
        else:
            self._send(b"<Error><Code>AccessDenied</Code></Error>", 403)

    def _list(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        after = query.get("continuation-token") or query.get("start-after", "")
        self.listing.requests.append("LIST")
        keys, groups, token = self.listing.list(
            query.get("prefix", ""),
            after,
            query.get("delimiter", ""),
            min(int(query.get("max-keys", _PAGE)), _PAGE),
        )
        self.listing.listed += len(keys) + len(groups)
        more = f"<NextContinuationToken>{escape(token)}</NextContinuationToken>" if token else ""
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{_MODIFIED}</LastModified>"
            "<ETag>&quot;x&quot;</ETag><Size>5</Size></Contents>"
            for key in keys
        )
        prefixes = "".join(
            f"<CommonPrefixes><Prefix>{escape(group)}</Prefix></CommonPrefixes>" for group in groups
        )
        truncated = "true" if token else "false"
        self._send(
            f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{more}{contents}{prefixes}"
            "</ListBucketResult>".encode()
        )

    def do_HEAD(self) -> None:
        self.listing.requests.append("HEAD")
        key = unquote(urlsplit(self.path).path).split("/", 2)[2]
        self.send_response(200 if self.listing.holds(key) else 404)
        self.send_header("Content-Length", "5")
        self.send_header("Last-Modified", "Mon, 23 Nov 2026 00:00:00 GMT")
        self.send_header("ETag", '"x"')
        self.send_header("x-amz-meta-rows", "7")
        self.end_headers()
        self.wfile.flush()

    def _send(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Last-Modified", "Mon, 23 Nov 2026 00:00:00 GMT")
        self.send_header("ETag", '"x"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Suppress the log."""
