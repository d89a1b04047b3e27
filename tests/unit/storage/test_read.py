"""Reading an object: again when its body stops short, and never with half of a body."""

import io

import pytest

from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import StorageError
from tests.support.exporter import s3_client
from tests.support.scripted_server import Response, ScriptedServer, head, response, serving

BODY = bytes(range(256)) * 4096
TEXT = "text/csv"
CUT = Response(
    (head(200, [("Content-Length", str(len(BODY)))]), BODY[: len(BODY) // 2]), close=True
)
MISSING = response(b"<Error><Code>NoSuchKey</Code></Error>", "application/xml", status=404)
DENIED = response(b"<Error><Code>AccessDenied</Code></Error>", "application/xml", status=403)


def bucket(server: ScriptedServer) -> Bucket:
    return Bucket(s3_client(server.url, attempts=1), "bucket")


@pytest.mark.parametrize("broken", [0, 1, 3])
def test_a_body_that_stops_short_is_read_again(broken: int) -> None:
    with serving(*[CUT] * broken, response(BODY, TEXT)) as server:
        out = io.BytesIO()
        out.write(b"before")
        assert bucket(server).read("key", out)
        assert out.getvalue() == b"before" + BODY
        assert len(server.requests) == broken + 1


def test_a_body_that_always_stops_short_is_an_error() -> None:
    with serving(CUT) as server:
        with pytest.raises(StorageError):
            bucket(server).read("key", io.BytesIO())
        assert len(server.requests) == 4


def test_a_missing_object_is_no_error_and_a_denied_one_is() -> None:
    with serving(MISSING, DENIED) as server:
        assert not bucket(server).read("key", io.BytesIO())
        with pytest.raises(StorageError, match="AccessDenied"):
            bucket(server).read("key", io.BytesIO())
        assert len(server.requests) == 2
