"""A small world in which a person is everywhere that personal data can be, and what must be left.

What files must hold is written from the description alone and shares no code with the command.
"""

import base64
import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote_plus

from local.kaltura.campus import Size
from room_reports.model.pseudonyms import Pseudonyms
from room_reports.model.suppression import SUPPRESSION_KEY, Rows, SuppressionList, ValueHash
from room_reports.settings import Settings, SettingsReader, read_settings
from room_reports_command.erasure.procedure import Outcome, Procedure
from room_reports_command.erasure.settling import Settling
from room_reports_command.erasure.subject import Subject, subject_of
from room_reports_command.erasure.suppressed import ListStore
from room_reports_command.erasure.survey import Searcher
from room_reports_command.erasure.versions import VersionedBucket
from tests.support.exporter import s3_client
from tests.support.privacy import PERSONAL, UNKNOWN, everything, university_of
from tests.support.s3.server import S3Server
from tests.support.s3.store import Item
from tests.support.world import World

KEY = bytes(range(100, 132))
TOKEN = "erased_0123456789ab"
SIZE = Size(rooms=5, attendees=6, weekly_sessions=7, special_names=0.5)
FORCED = {"from": "2026-09-16", "to": "2026-09-20", "force": True}
IDS = ("user_id", "session_host_user_id", "session_initiator")
RESULTS = "results"
Versions = Mapping[str, list[Item]]


@dataclass(frozen=True)
class Victim:
    """The person who is erased."""

    id: str
    name: str
    email: str

    @property
    def values(self) -> set[str]:
        """What must be found nowhere."""
        return {self.id, self.name, self.email}


class ErasureWorld:
    """A world with two exports of each file, quarantine, a piece, a roster and query results."""

    def __init__(self, variables: Mapping[str, str] | None = None, pseudonyms: bytes = b"") -> None:
        self._running = ExitStack()
        self.may_invoke = True
        settings = {"CATCH_UP_DAYS": "4", **(variables or {})}
        self.world = self._running.enter_context(
            World(regions=("us",), size=SIZE, variables=settings)
        )
        self.results = self._running.enter_context(
            S3Server(lambda: self.world.s3_time().timestamp())
        )
        self.pseudonyms = Pseudonyms(pseudonyms) if pseudonyms else None
        entries = json.loads(self.world.secret)
        entries["suppression"] = {"key": base64.b64encode(KEY).decode()}
        if pseudonyms:
            entries["pseudonyms"] = {"key": base64.b64encode(pseudonyms).decode()}
        self.world.secret = json.dumps(entries)
        self.world.s3.store.put(SUPPRESSION_KEY, SuppressionList().to_json().encode(), {}, {})
        self.world.run_scheduled()
        self.victim = self._a_victim()
        self._fill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.close()

    def _a_victim(self) -> Victim:
        """Return a user with the most rows among those whose values no one else has."""
        university = university_of(self.world.regions["us"].truth)
        users = [university.user(index) for index in range(1, university.population)]
        rows: list[list[str]] = []
        for key in self.world.export_keys():
            if key.startswith("attendees/"):
                rows += self.world.expected_rows(key)[1:]
        text = "\n".join(value for room in university.rooms for value in (room.name, room.entry_id))
        counts = {
            user: sum(str(user.id) in row for row in rows)
            for user in users
            if len(user.id) > 4
            and len(user.name.strip()) > 4
            and all(
                value not in text
                and sum(value in (other.id, other.name, other.email) for other in users) == 1
                for value in (user.id, user.name, user.email)
            )
        }
        if not any(counts.values()):  # all rows have pseudonyms
            assert self.pseudonyms
            counts = {
                user: sum(self.pseudonyms.of(user.id) in row for row in rows) for user in counts
            }
        best = max(counts, key=lambda user: counts[user])
        assert counts[best] > 1
        return Victim(best.id, best.name, best.email)

    def _fill(self) -> None:
        world, victim = self.world, self.victim
        world.now += timedelta(minutes=10)
        world.run(FORCED)
        put = world.s3.store.put
        head = {"origin": "x", "column": "entry_id", "fetched_at": 0.0}
        piece = gzip.compress(json.dumps(head).encode() + f"\nr1,{victim.id}\n".encode())
        put("pieces/attendees_us_2026-09-19/0123", piece, {}, {})
        put("pieces/attendees_us_2026-09-19/4567", gzip.compress(b"{}\nr1,another\n"), {}, {})
        for number, text in enumerate(encodings(victim.name)):
            put(f"quarantine/dt=2026-09-19/run/attendees_us_{number}.json", text, {}, {})
        put("quarantine/dt=2026-09-19/run/attendees_us_x.json", b'{"sample": "nothing"}', {}, {})
        roster = "course_id,user_id,role,from,to\nBIO-101,other,Student,,\n"
        put("reference/rosters/a.csv", f"{roster}B,{victim.id.upper()},S,,\n".encode(), {}, {})
        put("reference/rosters/a.csv", f"{roster}C,{victim.id},S,,\nD,b,,,\n".encode(), {}, {})
        self.results.store.put("a.csv", f'"name"\n"{victim.name}"\n'.encode(), {}, {})
        self.results.store.put("b.csv", victim.email.upper().encode(), {}, {})
        self.results.store.put("c.csv", b'"name"\n"Another User"\n', {}, {})

    # The command

    def subject(self) -> Subject:
        """Return the person as the operator gives it."""
        return subject_of((self.victim.id, self.victim.email), self.pseudonyms)

    def buckets(self, attempts: int = 5) -> tuple[VersionedBucket, VersionedBucket]:
        """Return the bucket with the reports, and the one with query results."""
        return (
            VersionedBucket(s3_client(self.world.s3.url, attempts), "bucket"),
            VersionedBucket(s3_client(self.results.url, attempts), RESULTS),
        )

    def procedure(
        self, sleep: Callable[[float], None] | None = None, attempts: int = 5, threads: int = 4
    ) -> Procedure:
        """Return the steps, on the clock of the world."""
        reports, results = self.buckets(attempts)

        def progress(what: str, done: int, total: int) -> None:
            assert what
            assert 0 <= done <= total

        settling = Settling(self.settings(), self.invoke)
        privacy = replace(self.settings().privacy, pseudonyms=self.pseudonyms)
        return Procedure(
            Searcher(reports, results, progress, threads, settling.is_hidden, privacy.digest),
            ListStore(reports, lambda: self.world.now, lambda: TOKEN),
            self.subject(),
            progress,
            lambda: self.world.now,
            sleep or self.sleep,
            threads,
            settling,
        )

    def settings(self) -> Settings:
        """Return the exporter's settings."""
        return read_settings(SettingsReader(self.world.environment))

    def invoke(self, event: Mapping[str, Any]) -> bool:
        """Run the exporter, if the world lets the command do so."""
        if self.may_invoke:
            self.world.run(event)
        return self.may_invoke

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.world.now += timedelta(seconds=seconds)

    def forget(
        self, rows: Rows = Rows.KEEP, procedure: Procedure | None = None, *, wait: bool = True
    ) -> Outcome:
        """Erase the person."""
        steps = procedure or self.procedure()
        began = self.world.now
        return steps.erase(steps.find(), began, ValueHash(KEY), rows, wait=wait)

    # Contents

    def snapshot(self) -> tuple[Versions, Versions]:
        """Return all versions in both buckets."""
        return self.world.s3.store.copy(), self.results.store.copy()

    def restore(self, snapshot: tuple[Versions, Versions]) -> None:
        """Put back what ``snapshot`` returned."""
        self.world.s3.store.restore({key: list(items) for key, items in snapshot[0].items()})
        self.results.store.restore({key: list(items) for key, items in snapshot[1].items()})

    def stored(self) -> list[bytes]:
        """Return all keys, bytes and metadata of all versions in both buckets."""
        texts: list[bytes] = []
        for versions in self.snapshot():
            texts += everything(
                {
                    key: [(item.body, item.metadata) for item in held]
                    for key, held in versions.items()
                }
            )
        return texts


def encodings(value: str) -> Iterable[bytes]:
    """Return files in which a value is encoded in different ways."""
    plain = value.encode()
    yield json.dumps({"sample": f"row,{value}\n"}).encode()
    yield json.dumps({"sample": json.dumps([value])}).encode()
    yield f"https://example.edu/?user={quote_plus(value)}&x=1".encode()
    yield base64.b64encode(b"r1," + plain + b",x")
    yield base64.urlsafe_b64encode(b"a long beginning " + plain + b" and an end")
    yield gzip.compress(b"\n".join((b"x", plain)))
    yield value.upper().encode()
    yield f"<td>{value}</td>".encode()


def lines_of(item: Item) -> list[str]:
    """Return the lines of a report's file, header first."""
    body = gzip.decompress(item.body) if item.body[:2] == b"\x1f\x8b" else item.body
    return body.decode().split("\n")


def expected_lines(
    key: str, lines: list[str], victim: Victim, rows: Rows, also: Iterable[str] = ()
) -> list[str]:
    """Return what the lines of a report's file must be once a person was erased.

    Args:
        also: Pseudonyms of the person.
    """
    slug = key.partition("/")[0]
    header = lines[0].split(",")
    meant = {victim.id, victim.email, *also} - set(UNKNOWN)
    expected = [lines[0]]
    for line in lines[1:]:
        row = next(csv.reader(io.StringIO(line)), [])
        found = [name for name, value in zip(header, row, strict=False) if _plain(value) in meant]
        if not any(name in PERSONAL[slug] for name in found):
            expected.append(line)
        elif slug != "attendees" or rows is Rows.KEEP:
            changed = [
                (TOKEN if name in IDS else "") if name in PERSONAL[slug] else value
                for name, value in zip(header, row, strict=True)
            ]
            out = io.StringIO()
            csv.writer(out, lineterminator="").writerow(changed)
            expected.append(out.getvalue())
    return expected


def _plain(value: str) -> str:
    return value[1:] if value[:1] == "'" and value[1:2] in tuple("=+-@\t ") else value


def latest(versions: Versions) -> dict[str, Any]:
    """Return the latest version of each report's file."""
    return {key: held[-1] for key, held in versions.items() if "/granularity=" in key}
