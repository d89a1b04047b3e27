"""What is published of a generated term: lost, header-only and early files, lost rows, findings.

The files and the index are written from the parts of sessions in each day, which the expected rows
are computed from as well.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from room_reports.model.reports import ATTENDEES, ROOM_DATA
from tests.support.course_term import (
    REPORTS,
    TICK,
    UNKNOWN,
    CourseTerm,
    File,
    Meeting,
    Part,
    day_start,
)
from tests.support.world import export_key

INDEX_COLUMNS = (
    *("report", "dt", "state", "exported_at", "window_start", "window_end", "rows", "sessions"),
    *("users", "minutes", "findings", "last_modified"),
)


def add_parts(term: CourseTerm, drawn: Random, region: str) -> None:
    """Add the files of a region, and what they say of its sessions."""
    now = term.now().date()
    for day in term.days():
        begin, end = day_start(day), day_start(day + timedelta(days=1))
        age = (now - day).days
        for report in REPORTS:
            lost = drawn.random() < 0.04
            if age < 0 or lost:
                continue
            state = "settled" if age > 2 else "settling" if age > 0 else "open"
            hours = {"settled": 49, "settling": 1, "open": -3}[state]
            finding = "FEW_ROWS: 3 rows, usually 40" if drawn.random() < 0.02 else ""
            exported = end + 3600 * hours + drawn.randrange(3000)
            term.files[region, report, day.isoformat()] = File(state, exported, finding)
        rooms = term.files.get((region, ROOM_DATA.slug, day.isoformat()))
        people = term.files.get((region, ATTENDEES.slug, day.isoformat()))
        header_only = people is not None and drawn.random() < 0.04
        for meeting in term.meetings:
            if meeting.region != region:
                continue
            part = _part(meeting, day.isoformat(), begin, end, rooms, people)
            if header_only or drawn.random() < 0.01:
                part = replace(part, seconds={})
            elif drawn.random() < 0.1 and _can_lose(part):
                kept = drawn.sample([*part.seconds], len(part.seconds) - drawn.choice([2, 3]))
                part = replace(part, seconds={user: part.seconds[user] for user in kept})
                term.partly_lost.append((region, part.day, part.cue))
            _add_part(term, drawn, _with_flaws(part, drawn), has_rooms=rooms is not None)


def _add_part(term: CourseTerm, drawn: Random, part: Part, *, has_rooms: bool) -> None:
    lost = bool(part.users and part.seconds) and drawn.random() < 0.015
    if has_rooms and part.users and not lost:
        term.parts.append(part)
    elif part.seconds and (lost or not has_rooms):
        term.orphans.append(part)


def _with_flaws(part: Part, drawn: Random) -> Part:
    """Return a part in which minutes are 0 or left empty, or a row is there twice."""
    if part.seconds and drawn.random() < 0.06:
        user = drawn.choice([*part.seconds])
        if drawn.random() < 0.3:
            return replace(part, twice=frozenset([user]))
        blank = frozenset([user] if drawn.random() < 0.5 else [])
        return replace(part, seconds=part.seconds | {user: 0}, blank=blank)
    return part


def _can_lose(part: Part) -> bool:
    """Return whether rows can be lost; beside those of unknown users no check would notice it."""
    return len(part.seconds) > 3 and not set(UNKNOWN).intersection(part.seconds)


def _part(  # noqa: PLR0917 - a private step
    meeting: Meeting, day: str, begin: int, end: int, rooms: File | None, people: File | None
) -> Part:
    seen = _seconds(meeting, begin, end, rooms.exported_at if rooms else end)
    seconds = _seconds(meeting, begin, end, people.exported_at) if people else {}
    ended = rooms is not None and rooms.exported_at >= meeting.end and not meeting.endless
    return Part(
        *(meeting.region, day, meeting.room, meeting.cue, meeting.start),
        *(meeting.end if ended else 0, len(seen), seconds),
        parent=meeting.parent,
    )


def _seconds(meeting: Meeting, begin: int, end: int, exported_at: int) -> dict[str, int]:
    """Return what an export has of each user; of a stay that goes on, the time until then."""
    found: dict[str, int] = {}
    for stay in meeting.stays:
        seconds = min(stay.end, end, exported_at) - max(stay.start, begin)
        if seconds > 0 and (stay.known_at <= exported_at or exported_at < stay.end):
            found[stay.user_id] = found.get(stay.user_id, 0) + seconds // TICK * TICK
    return {user: seconds for user, seconds in found.items() if seconds}


def publish(term: CourseTerm, root: Path) -> None:
    """Write the files of a term, its index and its reference data under ``root``, by their keys."""
    for region, report, day in term.files:
        lines = list(_lines(term, region, report, day))
        _write(root / export_key(report, region, day), ["header"], lines)
    for region, month in {(region, day[:7]) for region, _, day in term.files}:
        rows = [
            _index_row(report, day, file)
            for (other, report, day), file in sorted(term.files.items())
            if (other, day[:7]) == (region, month)
        ]
        name = f"index/day_files/region={region}/month={month}/day_files_{region}_{month}.csv"
        _write(root / name, INDEX_COLUMNS, rows)
    header = ("entry_id", "course_id", "course_name", "from", "to")
    _write(root / "reference/rooms/rooms.csv", header, term.rooms)
    half = len(term.rosters) // 2
    header = ("course_id", "user_id", "role", "from", "to")
    _write(root / "reference/rosters/a.csv", header, term.rosters[:half])
    _write(root / "reference/rosters/b.csv", header, term.rosters[half:])
    if term.policy:
        path = root / "reference/policy/policy.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(term.policy) + "\n", encoding="utf-8")


def _lines(term: CourseTerm, region: str, report: str, day: str) -> Iterator[tuple[Any, ...]]:
    orphans = term.orphans if report == ATTENDEES.slug else []
    parts = [p for p in (*term.parts, *orphans) if (p.region, p.day) == (region, day)]
    for part in parts:
        if report == ROOM_DATA.slug:
            name = f"Room {part.room}"
            times = (part.start, part.end)
            yield (part.room, name, part.parent or "0", part.cue, *times, "host", part.users, "0.5")
        elif report == ATTENDEES.slug:
            for user, seconds in part.seconds.items():
                written = f"'{user}" if user[:1] in tuple("=+-@") else user
                minutes = "" if user in part.blank else f"{seconds / 60:.14g}"
                yield (part.room, part.cue, written, "Name", "0", "attendee", minutes, "0.5")
                if user in part.twice:
                    fewer = f"{seconds / 120:.14g}"
                    yield (part.room, part.cue, written, "Name", "0", "attendee", fewer, "0.5")
        else:
            ids = (f"{part.room}_b", "Group", f"{part.cue}_b")
            times = (part.start, part.end)
            length = max(0, part.end - part.start)
            yield (part.room, "Room", *ids, "host", *times, length, part.users, "0.5")


def _index_row(report: str, day: str, file: File) -> tuple[str, ...]:
    exported = iso(file.exported_at)
    empty = ("", "", "", "", "", "")
    return (report, day, file.state, exported, *empty, file.findings, exported)


def _write(path: Path, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")
