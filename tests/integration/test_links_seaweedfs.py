"""Presigned links, checked by SeaweedFS, another implementation of S3."""

import gzip
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
import requests

from room_reports.api.presign import ObjectVersion, Presigner
from room_reports.aws.clients import StsCredentials
from tests.support.seaweedfs import s3_client, seaweedfs
from tests.support.world import export_key

ROOT = Path(__file__).parents[2]
BUCKET = "reports"
KEY = export_key("attendees", "us", "2026-11-22")
FOREIGN = "runs/dt=2026-11-22/run.json"
NAME = "attendees_us_2026-11-22.csv"
CSV = b"entry_id,user_name\n1_abc,\xc5\x81ucja\n"
TTL = timedelta(seconds=60)


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Return the version of each object in a server where ``reader`` may only read reports."""
    actions = {"writer": ["Admin"], "reader": [f"Read:{BUCKET}/attendees/*"]}
    with seaweedfs(
        tmp_path_factory.mktemp("seaweedfs"), BUCKET, actions, "-volume.max=4"
    ) as endpoint:
        writer = s3_client(endpoint, "writer")
        writer.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        put = partial(writer.put_object, Bucket=BUCKET, ContentType="text/csv; charset=utf-8")
        found = {key: put(Key=key, Body=CSV)["VersionId"] for key in (KEY, FOREIGN)}
        put(Key=KEY, Body=b"a later version")
        zipped = put(Key=f"{KEY}.gz", Body=gzip.compress(CSV), ContentEncoding="gzip")
        found[f"{KEY}.gz"] = zipped["VersionId"]
        found["endpoint"] = endpoint
        yield found


@pytest.fixture
def presigner(versions: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Presigner:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", versions["endpoint"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    until = datetime.now(UTC) + timedelta(hours=1)
    return Presigner(
        lambda: StsCredentials("reader", "reader-secret", None, until),
        TTL,
        lambda: datetime.now(UTC),
    )


def link(presigner: Presigner, versions: dict[str, str], key: str = KEY) -> str:
    return presigner.link(ObjectVersion(BUCKET, key, versions[key], NAME), "GET").url


def changed(url: str, name: str, value: str) -> str:
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query)), name: value}
    return parts._replace(query=urlencode(query, quote_via=quote)).geturl()


def test_a_link_returns_its_version_under_the_file_name(
    presigner: Presigner, versions: dict[str, str]
) -> None:
    response = requests.get(link(presigner, versions), timeout=10)
    assert response.status_code == 200
    assert response.content == CSV
    assert response.headers["Content-Disposition"] == f'attachment; filename="{NAME}"'
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"


def test_a_compressed_object_is_decoded_by_the_client(
    presigner: Presigner, versions: dict[str, str]
) -> None:
    response = requests.get(link(presigner, versions, f"{KEY}.gz"), timeout=10)
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.content == CSV


def test_a_link_for_head_does_not_allow_get(presigner: Presigner, versions: dict[str, str]) -> None:
    url = presigner.link(ObjectVersion(BUCKET, KEY, versions[KEY], NAME), "HEAD").url
    assert requests.head(url, timeout=10).status_code == 200
    assert requests.get(url, timeout=10).status_code == 403


def test_a_modified_link_is_refused(presigner: Presigner, versions: dict[str, str]) -> None:
    url = link(presigner, versions)
    names = [name for name, _ in parse_qsl(urlsplit(url).query)]
    assert len(names) == 10
    for name in names:
        response = requests.get(changed(url, name, "9"), timeout=10)
        assert response.status_code in {400, 403}, name
        assert CSV not in response.content
    later = changed(url, "X-Amz-Expires", "86400")
    assert requests.get(later, timeout=10).status_code == 403
    elsewhere = url.replace("attendees_us", "attendees_eu")
    assert requests.get(elsewhere, timeout=10).status_code == 403
    assert requests.put(url, data=b"x", timeout=10).status_code == 403
    assert requests.delete(url, timeout=10).status_code == 403


def test_a_link_expires(versions: dict[str, str], presigner: Presigner) -> None:
    del presigner  # only its environment variables are needed
    until = datetime.now(UTC) + timedelta(hours=1)
    brief = Presigner(
        lambda: StsCredentials("reader", "reader-secret", None, until),
        timedelta(seconds=1),
        lambda: datetime.now(UTC),
    ).link(ObjectVersion(BUCKET, KEY, versions[KEY], NAME), "GET")
    left = (brief.expires_at - datetime.now(UTC)).total_seconds()
    assert left <= 1
    time.sleep(left + 1.1)
    assert requests.get(brief.url, timeout=10).status_code == 403


def test_a_link_reaches_only_what_its_role_allows(
    presigner: Presigner, versions: dict[str, str]
) -> None:
    assert requests.get(link(presigner, versions, FOREIGN), timeout=10).status_code == 403


def test_a_link_with_its_reader_works_and_the_reader_cannot_be_changed(
    presigner: Presigner, versions: dict[str, str]
) -> None:
    version = ObjectVersion(BUCKET, KEY, versions[KEY], NAME)
    caller = "arn:aws:sts::123456789012:assumed-role/readers/ann@example.edu"
    url = presigner.link(version, "GET", caller).url
    assert requests.get(url, timeout=10).content == CSV
    for name in ("x-reader", "x-link"):
        assert requests.get(changed(url, name, "another"), timeout=10).status_code == 403
    # The client that signs also reads objects. Those requests carry no mark.
    assert presigner.client().get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
