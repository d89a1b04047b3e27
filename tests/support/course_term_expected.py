"""The rows that the views must show for a term of courses, computed without the views' SQL."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.support.course_term import UNKNOWN, CourseTerm, File, Part, local_day

Row = dict[str, Any]
DEFAULTS: dict[str, Any] = {
    "min_minutes": 0,
    "min_share": 0.75,
    "late_minutes": 0,
    "early_minutes": 0,
    "gap_minutes": 30,
    "roles": [],
    "min_class_minutes": 0,
    "min_class_users": 1,
    "ignore_case": True,
    "drop_domains": [],
    "drop_prefixes": [],
}
TWO_REPORTS = ("attendees", "room_data")


def later(day: str, count: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=count)).isoformat()


def user_key(user_id: str | None, policy: Row) -> str | None:
    """Return the id under the rules of a policy, None if nothing is left of it."""
    if user_id is None:
        return None
    cased = str.lower if policy["ignore_case"] else str
    key = cased(user_id.strip(" "))
    prefix = next((p for p in policy["drop_prefixes"] if key.startswith(cased(p))), "")
    key = key[len(prefix) :]
    local, at, domain = key.rpartition("@")
    dropped = [cased(each) for each in policy["drop_domains"]]
    if at and ("*" in dropped or domain in dropped):
        key = local
    return key or None


def is_day(text: str) -> bool:
    """Return whether a text is empty or a day as YYYY-MM-DD."""
    try:
        return not text or date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def as_day(text: str, default: str) -> str:
    """Return a bound of a roster; one that is not a day is none."""
    return text if text and is_day(text) else default


def _sum(minutes: Iterable[float | None]) -> float | None:
    known = [each for each in minutes if each is not None]
    return sum(known) if known else None


@dataclass
class Session:
    """The parts of a session that are put together."""

    region: str
    dt: str
    room: str
    cue: str
    parts: list[Part] = field(default_factory=list)
    orphans: list[Part] = field(default_factory=list)
    """Parts that room_data does not have."""

    @property
    def start(self) -> int:
        return self.parts[0].start

    @property
    def all_parts(self) -> tuple[Part, ...]:
        return (*self.parts, *self.orphans)

    def unmeasured(self, user_id: str | None) -> list[bool]:
        """Return whether each row of a user has no minutes; None is all unidentified users."""
        return [
            user in part.blank
            for part in self.all_parts
            for user in part.seconds
            if (None if user in UNKNOWN else user) == user_id
        ]


@dataclass
class Expected:
    """The expected rows of all views for a term."""

    term: CourseTerm
    session_days: int

    def __post_init__(self) -> None:
        self.policy = DEFAULTS | self.term.policy
        self.gap = 60 * Fraction(str(self.policy["gap_minutes"]))
        self.groups: dict[tuple[str, ...], Session] = {}
        for part in self.term.parts:
            age = (date.fromisoformat(part.day) - date.fromisoformat(local_day(part.start))).days
            self._group(part, later(part.day, -(age % (self.session_days + 1)))).parts.append(part)
        for part in self.term.orphans:
            self._group(part, part.day).orphans.append(part)

    def _group(self, part: Part, dt: str) -> Session:
        key = (part.region, dt, part.room, part.cue)
        return self.groups.setdefault(key, Session(*key))

    def _files(
        self, region: str, first: str, last: str, reports: tuple[str, ...]
    ) -> list[File | None]:
        found = []
        day = first
        while day <= last:
            found += [self.term.files.get((region, report, day)) for report in reports]
            day = later(day, 1)
        return found

    def certainty(self, group: Session, reports: tuple[str, ...] = TWO_REPORTS) -> Row:
        """Return what a row says about how sure it is."""
        parts = (*group.parts, *group.orphans)
        ended = max((part.end for part in group.parts), default=0)
        last, limit = max(part.day for part in parts), later(group.dt, self.session_days)
        known = max(last, min(local_day(ended), limit)) if ended else last
        files = self._files(group.region, group.dt, known, reports)
        possible = self._files(group.region, group.dt, known if ended else limit, reports)
        there = [file for file in files if file]
        lacks = any(self.lacks(part) for part in group.parts)
        start = local_day(group.parts[0].start) if group.parts else group.dt
        return {
            "final": all(file and file.state == "settled" for file in possible),
            "exported_at": min((file.exported_at for file in there), default=None),
            "missing_day": len(there) < len(files) or (lacks and reports == TWO_REPORTS),
            "findings": " | ".join(file.findings for file in there if file.findings) or None,
            "cut_off": start < group.dt or (local_day(ended) > limit if ended else last >= limit),
        }

    @staticmethod
    def lacks(part: Part) -> bool:
        """Return whether Kaltura counts clearly more users than it lists."""
        if not part.seconds:
            return part.users > 0
        surplus = part.users - len(part.seconds)
        return not set(UNKNOWN) & set(part.seconds) and surplus > 1 + Fraction(part.users, 50)

    def people(self, group: Session) -> dict[str | None, int]:
        """Return the seconds of each user in a session; None is all unidentified ones."""
        found: defaultdict[str | None, int] = defaultdict(int)
        for part in (*group.parts, *group.orphans):
            for user, seconds in part.seconds.items():
                found[None if user in UNKNOWN else user] += seconds
        return found

    def sessions(self) -> Iterator[Row]:
        for group in self.groups.values():
            if not group.parts:
                continue
            people, ended = self.people(group), max(part.end for part in group.parts)
            start = group.parts[0].start
            yield {
                "region": group.region,
                "dt": group.dt,
                "entry_id": group.room,
                "cue_point_id": group.cue,
                "start_time": float(start),
                "end_time": float(ended) if ended else None,
                "unique_users": max(len(people), *(part.users for part in group.parts)),
                "view_minutes": None
                if all(all(group.unmeasured(user)) for user in people)
                else sum(people.values()) / 60,
                "first_day": min(part.day for part in group.parts),
                "last_day": max(part.day for part in group.parts),
                **self.certainty(group),
            }

    def attendance(self) -> Iterator[Row]:
        for group in self.groups.values():
            sure = self.certainty(group)
            start = float(group.parts[0].start) if group.parts else None
            for user, seconds in self.people(group).items():
                yield {
                    "region": group.region,
                    "dt": group.dt,
                    "entry_id": group.room,
                    "cue_point_id": group.cue,
                    "start_time": start,
                    "user_id": user,
                    "view_minutes": None if all(group.unmeasured(user)) else seconds / 60,
                    **{name: sure[name] for name in ("final", "exported_at", "missing_day")},
                }

    def breakouts(self) -> Iterator[Row]:
        for group in self.groups.values():
            files = self.term.files
            shown = [p for p in group.parts if (p.region, "breakout_sessions", p.day) in files]
            if shown:
                reduced = Session(group.region, group.dt, group.room, group.cue, shown)
                sure = self.certainty(reduced, ("breakout_sessions",))
                yield {
                    "region": group.region,
                    "dt": group.dt,
                    "breakout_entry_id": f"{group.room}_b",
                    "cue_point_id": f"{group.cue}_b",
                    "participants": max(part.users for part in shown),
                    "participants_at_most": sum(part.users for part in shown),
                    **{name: sure[name] for name in ("final", "exported_at", "missing_day")},
                }

    def courses(self, room: str, dt: str) -> dict[str, str | None]:
        """Return the courses of a room on a day, with their names."""
        return {
            course: name or None
            for entry, course, name, start, end in self.term.rooms
            if entry == room and as_day(start, "") <= dt < as_day(end, "9999")
        }

    def roster(self, course: str, dt: str) -> dict[str, list[tuple[str, str]]]:
        """Return the entries of a roster on a day, user id and role, by key."""
        found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for other, user, role, start, end in sorted(set(self.term.rosters)):
            if other == course and as_day(start, "") <= dt < as_day(end, "9999"):
                key = user_key(user, self.policy)
                found[key if key else f"\0{user}"].append((user, role))
        return found

    def unclear(self, course: str, user_id: str, role: str) -> bool:
        """Return whether an entry of a roster has a day that is not written as YYYY-MM-DD."""
        return any(
            row[:3] == (course, user_id, role) and not all(map(is_day, row[3:]))
            for row in self.term.rosters
        )

    def attendance_by_course(self) -> Iterator[Row]:
        for row in self.attendance():
            key = user_key(row["user_id"], self.policy)
            courses: dict[Any, str | None] = {**self.courses(row["entry_id"], row["dt"])}
            for course, name in (courses or {None: None}).items():
                entries = self.roster(course, row["dt"]).get(key or "", []) if course else []
                yield {
                    **row,
                    "course_id": course,
                    "course_name": name,
                    "user_key": key,
                    "on_roster": bool(entries),
                    "role": min((role for _, role in entries), default=None),
                }

    def unmatched_users(self) -> Iterator[Row]:
        known = {user_key(row[1], self.policy) for row in self.term.rosters} - {None}
        grouped = self._attendances_in_courses()
        found: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
        for rows in grouped.values():
            row = rows[0]
            if row["user_id"] and not any(each["on_roster"] for each in rows):
                found[row["region"], row["dt"], row["entry_id"], row["user_id"]].append(row)
        for key, rows in found.items():
            yield {
                **dict(zip(("region", "dt", "entry_id", "user_id"), key, strict=True)),
                "on_other_roster": rows[0]["user_key"] in known,
                "sessions": len(rows),
                "view_minutes": _sum(row["view_minutes"] for row in rows),
                "final": all(row["final"] for row in rows),
            }

    def _attendances_in_courses(self) -> dict[tuple[Any, ...], list[Row]]:
        grouped: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
        for row in self.attendance_by_course():
            if row["course_id"]:
                names = ("region", "dt", "entry_id", "cue_point_id", "user_id")
                grouped[tuple(row[name] for name in names)].append(row)
        return grouped

    def unmatched_rooms(self) -> Iterator[Row]:
        found: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
        children = {part.room for part in self.term.parts if part.parent}
        for row in self.sessions():
            is_child = row["entry_id"] in children
            if not is_child and not self.courses(row["entry_id"], row["dt"]):
                found[row["region"], row["dt"], row["entry_id"]].append(row)
        for key, rows in found.items():
            yield {
                **dict(zip(("region", "dt", "entry_id"), key, strict=True)),
                "on_other_days": any(room[0] == key[2] for room in self.term.rooms),
                "sessions": len(rows),
                "most_users": max(row["unique_users"] for row in rows),
                "final": all(row["final"] for row in rows),
            }

    def match_rate(self) -> Iterator[Row]:
        weeks: defaultdict[tuple[str, str], list[tuple[bool, bool, bool, bool]]] = defaultdict(list)
        in_courses = self._attendances_in_courses()
        for row in self.attendance():
            day = date.fromisoformat(row["dt"])
            names = ("region", "dt", "entry_id", "cue_point_id", "user_id")
            rows = in_courses.get(tuple(row[name] for name in names), [])
            on_roster = any(each["on_roster"] for each in rows)
            monday = (day - timedelta(days=day.weekday())).isoformat()
            kinds = (bool(rows), on_roster, row["user_id"] is None, bool(row["final"]))
            weeks[row["region"], monday].append(kinds)
        for (region, monday), found in weeks.items():
            placed = [each for each in found if each[0]]
            yield {
                "region": region,
                "dt": monday,
                "attendances": len(found),
                "in_courses": len(placed),
                "unidentified": sum(each[2] for each in placed),
                "unmatched": sum(not each[1] and not each[2] for each in placed),
                "matched": sum(each[1] for each in placed),
                "room_rate": len(placed) / len(found),
                "user_rate": sum(e[1] for e in placed) / len(placed) if placed else None,
                "final": all(each[3] for each in found),
            }
