"""A download that goes on where it stopped, from a real S3 server, with and without the API."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from room_reports.model.windows import Granularity
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import Series
from room_reports_command.api_source import ApiSource
from room_reports_command.bucket_source import BucketSource
from room_reports_command.download import download
from room_reports_command.errors import DownloadError
from room_reports_command.sources import Part, Source
from tests.support.scripted_server import JSON, Request, Response, response, serving
from tests.support.seaweedfs import s3_client, seaweedfs
from tests.support.settings import read_settings

BUCKET = "reports"
DAY = "2026-11-22"
SERIES = Series("attendees", "us", Granularity.DAY)
CSV = b"entry_id,user_name\n" + b"1_abc,Ada\n" * 2000
"""It compresses so well that half of it is longer than the stored object."""
SHA256 = hashlib.sha256(CSV).hexdigest()
ENDINGS = {"csv": CSV, "csv.gz": gzip.compress(CSV)}
NAME = f"{DAY}-{SHA256[:16]}"


def key(ending: str) -> str:
    return f"attendees/granularity=day/region=us/dt={DAY}/attendees_us_{DAY}.{ending}"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with seaweedfs(
        tmp_path_factory.mktemp("seaweedfs"), BUCKET, {"writer": ["Admin"]}, "-volume.max=4"
    ) as found:
        put = partial(s3_client(found, "writer").put_object, Bucket=BUCKET)
        put(Key=key("csv"), Body=ENDINGS["csv"])
        put(Key=key("csv.gz"), Body=ENDINGS["csv.gz"], ContentEncoding="gzip")
        put(Key="empty.csv", Body=b"")
        yield found


def part(ending: str, sha256: str | None = SHA256) -> Part:
    return Part(DAY, CSV.count(b"\n") - 1, len(ENDINGS[ending]), sha256, key(ending))


def bucket_source(endpoint: str) -> BucketSource:
    client = s3_client(endpoint, "writer")
    settings = read_settings({"BUCKET_NAME": BUCKET, "SECRET_ID": "none"})
    return BucketSource(
        Bucket(client, BUCKET), client, settings, datetime(2026, 11, 25, tzinfo=UTC)
    )


@contextmanager
def api_source(endpoint: str, ending: str) -> Iterator[ApiSource]:
    """Serve the description of one export, as the API does, with a link to the server."""
    client = s3_client(endpoint, "writer")

    def described(_request: Request) -> Response:
        link = client.generate_presigned_url(
            "get_object", Params={"Bucket": BUCKET, "Key": key(ending)}, ExpiresIn=60
        )
        found = {"start": DAY, "rows": 2000, "size": len(ENDINGS[ending]), "sha256": SHA256}
        return response(json.dumps({**found, "url": link}).encode(), JSON)

    with serving(described) as server:
        yield ApiSource(server.url, "key")


@contextmanager
def source(kind: str, endpoint: str, ending: str) -> Iterator[Source]:
    if kind == "s3":
        yield bucket_source(endpoint)
    else:
        with api_source(endpoint, ending) as through_api:
            yield through_api


SOURCES = pytest.mark.parametrize("kind", ["s3", "api"])


@SOURCES
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("there", [0, 1, 50, len(CSV) // 2, len(CSV) - 1, len(CSV)])
def test_a_download_goes_on_wherever_it_stopped(
    endpoint: str, tmp_path: Path, kind: str, ending: str, there: int
) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CSV[:there])
    received: list[int] = []
    with source(kind, endpoint, ending) as chosen:
        (path,) = download(
            chosen, SERIES, [part(ending)], tmp_path, lambda _part, size: received.append(size)
        )
    assert path.read_bytes() == CSV
    assert [each.name for each in tmp_path.iterdir()] == [f"{NAME}.csv"]
    if there == len(CSV):
        assert sum(received) == 0
    elif ending == "csv":
        assert sum(received) == len(CSV) - there


@SOURCES
@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_longer_than_the_file_is_downloaded_again(
    endpoint: str, tmp_path: Path, kind: str, ending: str
) -> None:
    """A file that is not the exporter's has no SHA-256 to compare with."""
    partial_file = tmp_path / f"{DAY}-unknown.part"
    partial_file.write_bytes(CSV + b"more")
    with source(kind, endpoint, ending) as chosen:
        (path,) = download(
            chosen, SERIES, [part(ending, None)], tmp_path, lambda _part, _size: None
        )
    assert path.read_bytes() == CSV


def test_an_empty_object_can_be_read(endpoint: str) -> None:
    empty = Part(DAY, None, 0, None, "empty.csv")
    with bucket_source(endpoint).open(SERIES, empty, 0) as (begin, chunks):
        assert (begin, b"".join(chunks)) == (0, b"")


def test_a_missing_object_is_an_error(endpoint: str) -> None:
    missing = Part(DAY, None, 9, None, "missing.csv")
    with (
        pytest.raises(DownloadError, match="broke"),
        bucket_source(endpoint).open(SERIES, missing, 5),
    ):
        pass
