"""The view who_read_what, over the log of real requests to an S3 server."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from room_reports.api.presign import ObjectVersion, Presigner
from room_reports.aws.clients import StsCredentials
from room_reports.model.readers import Reader, format_readers
from room_reports_command.doctor.access_log_checks import lines_query
from tests.support.access_log import AccessLog, RecordingProxy
from tests.support.seaweedfs import s3_client, seaweedfs
from tests.support.world import export_key
from tools.athena.duck_athena import DuckAthena

ROOT = Path(__file__).parents[2]
BUCKET = "reports"
KEY = export_key("attendees", "us", "2026-11-22")
HOUR = "room_data/granularity=hour/region=eu/dt=2026-11-22/room_data_eu_2026-11-22T13Z.csv.gz"
ROSTER = 'reference/rosters/a b+c % "d".csv'
MALFORMED = "reference/rooms/%zz.csv"
CSV = b"entry_id,user_name\n1_abc,\xc5\x81ucja\n"
CALLER = "arn:aws:sts::123456789012:assumed-role/readers/ann+x=1,2@example.edu"
ROLE = "arn:aws:sts::123456789012:assumed-role/room-reports"
REQUESTERS = {
    "presigner": f"{ROLE}-PresignerRole-1A2B3C4D5E6F/downloads",
    "downloads": f"{ROLE}-DownloadsRole-1A2B3C4D5E6F/room-reports-Downloads",
    "exporter": f"{ROLE}-ExporterRole-1A2B3C4D5E6F/room-reports-Exporter",
    "eraser": f"{ROLE}-EraserRole-1A2B3C4D5E6F/forget-jane",
    "analyst": "arn:aws:sts::123456789012:assumed-role/Analysts/jane@example.edu",
    # A path may look like the name of a role.
    "person": "arn:aws:iam::123456789012:user/x:assumed-role/y-PresignerRole-z/joe",
}
AGENTS = (
    "curl/8.5.0",
    "-",
    "",
    'a" b',
    '" 200 - 1 1 1 1 "-" "x',
    '"" "" - - - - "',
    "\\",
    '\\"',
    "caf\u00e9",
    "x" * 2000,
    "Mozilla/5.0 (X11; Linux x86_64) [x] 'y' `z`",
)
SHOWN = ("how", "reader", "object_key", "bytes_sent")
READERS = (
    Reader("k1", "ann@example.edu", "2026-11-01T00:00:00Z"),
    Reader("k3", 'Ben "B", of IT', "2026-11-01T00:00:00Z", "", "2026-11-02T00:00:00Z"),
)


@dataclass
class Scene:
    """A server with clients, and what the view must say of their requests."""

    proxy: RecordingProxy
    versions: dict[str, str]
    expected: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By the id of the request."""

    def get(self, url: str, how: str, reader: str, **options: Any) -> bytes:
        """Follow a link, which must work, and expect a row."""
        response = requests.get(url, timeout=10, **options)
        assert response.status_code in (200, 206), response.text
        self.expect(how, reader)
        return response.content

    def expect(self, how: str, reader: str) -> None:
        """Expect a row of the latest request."""
        latest = self.proxy.recorded[-1]
        self.expected[latest.request_id] = {
            "how": how,
            "reader": reader,
            "object_key": latest.key,
            "bytes_sent": latest.sent,
        }

    def as_role(self, name: str) -> Presigner:
        """Return a presigner with the credentials of an identity."""
        until = datetime.now(UTC) + timedelta(hours=1)
        credentials = StsCredentials(name, f"{name}-secret", None, until)
        return Presigner(lambda: credentials, timedelta(minutes=5), lambda: datetime.now(UTC))

    def link(self, reader: str | None, key: str = KEY, by: str = "presigner") -> str:
        """Return a link as the API makes it, or as another principal does."""
        version = ObjectVersion(BUCKET, key, self.versions[key], "attendees.csv")
        return self.as_role(by).link(version, "GET", reader).url


def read_in_every_way(scene: Scene) -> None:
    """Send requests of each kind to the server."""
    link = scene.link
    assert scene.get(link("k1"), "link", "ann@example.edu") == CSV
    scene.get(link("k2"), "link", "k2")
    scene.get(link("k3", HOUR), "link", 'Ben "B", of IT')
    scene.get(link(CALLER), "link", CALLER)
    part = scene.get(link("k1"), "link", "ann@example.edu", headers={"Range": "bytes=0-4"})
    assert part == CSV[:5]
    # The same link, with its reader written in another way.
    url = link("k1").replace("x-reader=k1", "x-reader=%6B%31").replace("x-link=", "x%2Dlink=")
    scene.get(url, "link", "ann@example.edu")
    # A link of another principal says nothing about who asked, whatever it claims.
    scene.get(link("k1", by="person"), "direct", REQUESTERS["person"])
    scene.get(link("k1", by="exporter"), "exporter", REQUESTERS["exporter"])
    for agent in AGENTS:
        for header in ("User-Agent", "Referer"):
            sent = {header: agent.encode("latin-1")}
            scene.get(link("k1"), "link", "ann@example.edu", headers=sent)
    for name, how in (
        ("presigner", "api"),
        ("downloads", "api"),
        ("exporter", "exporter"),
        ("eraser", "eraser"),
        ("analyst", "athena"),
        ("person", "direct"),
    ):
        client = s3_client(scene.proxy.url, name)
        for key in (KEY, HOUR, ROSTER, MALFORMED):
            client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            scene.expect(how, REQUESTERS[name])


def do_what_is_no_read(scene: Scene) -> None:
    """Send requests that return no object."""
    client = s3_client(scene.proxy.url, "writer")
    client.head_object(Bucket=BUCKET, Key=KEY)
    client.list_objects_v2(Bucket=BUCKET, Prefix="GET.OBJECT")
    client.put_object(Bucket=BUCKET, Key="runs/GET.OBJECT", Body=b"x")
    client.delete_object(Bucket=BUCKET, Key="runs/GET.OBJECT")
    with pytest.raises(client.exceptions.NoSuchKey):
        client.get_object(Bucket=BUCKET, Key="missing")
    changed = scene.link("k1").replace("x-reader=k1", "x-reader=k3")
    assert requests.get(changed, timeout=10).status_code == 403
    assert requests.get(f"{scene.proxy.url}/{BUCKET}/{quote(KEY)}", timeout=10).status_code == 403


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    reads = [f"{action}:{BUCKET}" for action in ("Read", "List")]
    identities = {"writer": ["Admin"], **dict.fromkeys(REQUESTERS, reads)}
    with (
        pytest.MonkeyPatch.context() as patch,
        seaweedfs(tmp_path_factory.mktemp("seaweedfs"), BUCKET, identities) as endpoint,
        RecordingProxy(endpoint) as proxy,
    ):
        patch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        writer = s3_client(endpoint, "writer")
        writer.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        versions = {
            key: writer.put_object(Bucket=BUCKET, Key=key, Body=CSV)["VersionId"]
            for key in (KEY, HOUR, ROSTER, MALFORMED)
        }
        found = Scene(proxy, versions)
        read_in_every_way(found)
        do_what_is_no_read(found)
        yield found


def views_over(scene: Scene, root: Path, encodings: int = 1) -> DuckAthena:
    """Return the views over the log of what was done and the list of readers."""
    agents = {"analyst": "aws-sdk-java/2.0 (athena.amazonaws.com)"}
    log = AccessLog(root / "access_log", REQUESTERS, encodings, agents)
    log.write(scene.proxy.recorded)
    (root / "readers").mkdir()
    (root / "readers" / "readers.csv").write_bytes(format_readers(READERS))
    return DuckAthena(root)


@pytest.mark.parametrize("encodings", [1, 2])
def test_each_read_has_its_reader_and_nothing_else_is_a_read(
    scene: Scene, tmp_path: Path, encodings: int
) -> None:
    rows = views_over(scene, tmp_path, encodings).query("SELECT * FROM who_read_what")
    assert len(rows) == len(scene.expected) > 40
    found = {row["request_id"]: {name: row[name] for name in SHOWN} for row in rows}
    assert found == scene.expected


def test_a_row_says_which_file_and_when(scene: Scene, tmp_path: Path) -> None:
    rows = views_over(scene, tmp_path).query("SELECT * FROM who_read_what")
    recorded = {each.request_id: each for each in scene.proxy.recorded}
    parts = {
        KEY: ("attendees", "us", "day", "2026-11-22"),
        HOUR: ("room_data", "eu", "hour", "2026-11-22T13Z"),
        ROSTER: (None,) * 4,
        MALFORMED: (None,) * 4,
    }
    for row in rows:
        names = ("report", "region", "granularity", "window_label")
        assert tuple(row[name] for name in names) == parts[row["object_key"]]
        at = recorded[row["request_id"]].at
        assert row["read_at"] == int(at.timestamp())
        assert row["log_day"] == f"{at:%Y/%m/%d}"
        assert row["remote_ip"] == "192.0.2.3"
        if row["how"] == "link":
            assert 0 <= row["read_at"] - row["link_signed_at"] < 60
        else:
            assert row["link_id"] is row["link_signed_at"] is None
    links = [row["link_id"] for row in rows if row["how"] == "link"]
    assert len(set(links)) == len(links)
    assert all(len(link) == 16 for link in links)


def test_every_line_is_understood(scene: Scene, tmp_path: Path) -> None:
    athena = views_over(scene, tmp_path)
    (counted,) = athena.query("SELECT count(*) AS n, count(bucket) AS read FROM access_log")
    assert counted == dict.fromkeys(("n", "read"), len(scene.proxy.recorded))


def test_the_hostile_names_are_in_the_log(scene: Scene, tmp_path: Path) -> None:
    rows = views_over(scene, tmp_path).query("SELECT rest FROM access_log")
    text = "\n".join(row["rest"] for row in rows)
    for agent in AGENTS:
        assert f'"{agent or "-"}" - ' in text


def test_without_a_list_of_readers_the_ids_are_shown(scene: Scene, tmp_path: Path) -> None:
    AccessLog(tmp_path / "access_log", REQUESTERS).write(scene.proxy.recorded)
    rows = DuckAthena(tmp_path).query(
        "SELECT DISTINCT reader FROM who_read_what WHERE how = 'link'"
    )
    assert {row["reader"] for row in rows} == {"k1", "k2", "k3", CALLER}


def test_the_query_of_the_page_shows_what_readers_read(scene: Scene, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    (sql,) = re.findall(r"^```sql\n(.+?)^```", page, re.M | re.S)
    since = f"'{scene.proxy.recorded[0].at:%Y/%m/%d}'"
    athena = views_over(scene, tmp_path)
    rows = athena.query(re.sub(r"'\d{4}/\d\d/\d\d'", since, sql))
    wanted = [
        each["reader"]
        for each in scene.expected.values()
        if each["how"] in ("link", "athena", "direct") and each["object_key"] == KEY
    ]
    assert sorted(row["reader"] for row in rows) == sorted(wanted)
    (unread,) = re.findall(r"`(SELECT count.+?)`", page)
    counted = athena.query(re.sub(r"'\d{4}/\d\d/\d\d'", since, unread))
    assert list(counted[0].values()) == [0]


def test_doctor_counts_the_lines(scene: Scene, tmp_path: Path) -> None:
    since = scene.proxy.recorded[0].at
    athena = views_over(scene, tmp_path)
    (counted,) = athena.query(lines_query(since))
    recorded = len(scene.proxy.recorded)
    by_link = [each for each in scene.expected.values() if each["how"] == "link"]
    # The reads of the API's own client have no link, which in its real use are of no report.
    assert (counted["lines"], counted["understood"]) == (recorded, recorded)
    assert counted["named"] == len(by_link)
    assert counted["links"] == len(by_link) + 2
    assert athena.query(lines_query(since + timedelta(days=1)))[0]["lines"] == 0
