"""The rows that the views must show for a term of courses, computed without the views' SQL."""

from collections import defaultdict
from collections.abc import Callable, Iterator
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


@dataclass
class Session:
    """The parts of a session that are put together."""

    region: str
    dt: str
    room: str
    cue: str
    parts: list[Part] = field(default_factory=list)
    orphans: list[Part] = field(default_factory=list)
    """Parts of days without a file of room_data."""

    @property
    def start(self) -> int:
        return self.parts[0].start


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
                "view_minutes": sum(people.values()) / 60 if people else None,
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
                    "view_minutes": seconds / 60,
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
            if entry == room and start <= dt < (end or "9999")
        }

    def roster(self, course: str, dt: str) -> dict[str, list[tuple[str, str]]]:
        """Return the entries of a roster on a day, user id and role, by key."""
        found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for other, user, role, start, end in sorted(set(self.term.rosters)):
            if other == course and start <= dt < (end or "9999"):
                key = user_key(user, self.policy)
                found[key if key else f"\0{user}"].append((user, role))
        return found

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
                "view_minutes": sum(row["view_minutes"] for row in rows),
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
        for row in self.sessions():
            if not self.courses(row["entry_id"], row["dt"]):
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

    def continuations(self) -> set[int]:
        """Return the sessions that belong to a class of the day before, by ``id``."""
        ends: defaultdict[tuple[str, ...], int] = defaultdict(int)
        for part in self.term.parts:
            if local_day(part.start) == part.day:
                key = (part.region, part.room, later(part.day, 1))
                ends[key] = max(ends[key], part.end)
        found = set()
        for key, groups in self._by_room_and_day(lambda group: group.dt).items():
            busy = ends[key]
            for group in groups:
                if group.start - busy > self.gap or local_day(group.start) < group.dt:
                    break
                found.add(id(group))
                busy = max(busy, self.ended(group))
        return found

    def _by_room_and_day(
        self, day: Callable[[Session], str]
    ) -> dict[tuple[str, str, str], list[Session]]:
        rooms: defaultdict[tuple[str, str, str], list[Session]] = defaultdict(list)
        for group in self.groups.values():
            if group.parts:
                rooms[group.region, group.room, day(group)].append(group)
        return {
            key: sorted(groups, key=lambda each: (each.start, each.cue))
            for key, groups in rooms.items()
        }

    def ended(self, group: Session) -> int:
        """Return the end of a session; without one, the longest stay is its length."""
        longest = max((s for key, s in self._by_key(group).items() if key), default=0)
        return max(part.end for part in group.parts) or group.start + longest

    def left(self, group: Session) -> int:
        """Return when the last person can have left, if the one who stayed longest came first."""
        longest = max(self._by_key(group).values(), default=0)
        return min(self.ended(group), group.start + longest) if longest else self.ended(group)

    def classes(self) -> Iterator["Class"]:
        """Yield the classes of each room and day, and people without a session as one each."""
        moved = self.continuations()

        def day(group: Session) -> str:
            return later(group.dt, -1) if id(group) in moved else group.dt

        for (_, _, dt), groups in self._by_room_and_day(day).items():
            current: Class | None = None
            for group in groups:
                if current is None or group.start - current.busy > self.gap:
                    if current:
                        yield current
                    current = Class(group, dt, group.start, group.start, group.start)
                self._add(current, group)
            if current:
                yield current
        for group in self.groups.values():
            if not group.parts:
                yield Class(group, group.dt, groups=[group], seconds=self._by_key(group))

    def _add(self, current: "Class", group: Session) -> None:
        ended = max(part.end for part in group.parts)
        current.length += max(0, self.left(group) - max(group.start, current.left))
        current.busy = max(current.busy, self.ended(group))
        current.left = max(current.left, self.left(group))
        current.end = max(current.end, ended)
        current.endless |= not ended
        current.groups.append(group)
        for key, seconds in self._by_key(group).items():
            current.seconds[key] += seconds

    def _by_key(self, group: Session) -> defaultdict[str | None, int]:
        found: defaultdict[str | None, int] = defaultdict(int)
        for user, seconds in self.people(group).items():
            found[user_key(user, self.policy)] += seconds
        return found

    def neighbours(self, found: "Class") -> Iterator[str]:
        """Yield the days before and after a class that may have another part of it."""
        if found.start:
            if (day := local_day(float(found.start - self.gap))) < found.dt:
                yield day
            if (day := local_day(float(found.busy + self.gap))) > local_day(found.busy):
                yield day

    def attendance_status(self) -> Iterator[Row]:
        for each in self.classes():
            yield from self._statuses(each)

    def _statuses(self, found: "Class") -> Iterator[Row]:
        policy, first = self.policy, found.first
        sure = [self.certainty(group) for group in found.groups]
        near = [
            self.term.files.get((first.region, report, day))
            for day in self.neighbours(found)
            for report in TWO_REPORTS
        ]
        bad = any(s["missing_day"] or s["cut_off"] or s["findings"] for s in sure)
        bad |= not found.start or None in near
        final = all(s["final"] for s in sure) and all(f and f.state == "settled" for f in near)
        seen = {key for key, seconds in found.seconds.items() if key and seconds}
        anonymous = bool(found.seconds.get(None))
        counts = [part.users for group in found.groups for part in group.parts]
        users = max([*counts, len(seen) + anonymous])
        short = found.length < 60 * Fraction(str(policy["min_class_minutes"]))
        if not bad and (short or users < policy["min_class_users"]):
            return
        courses = self.courses(first.room, found.dt)
        rosters = {course: self.roster(course, found.dt) for course in courses}
        on_rosters = {course: seen & set(roster) for course, roster in rosters.items()}
        matched: set[str] = set().union(*on_rosters.values())
        unlisted = len(seen - matched)
        if anonymous:
            unlisted += max(1, users - len(seen))
        telling = {
            course: {key for key in keys if sum(key in r for r in rosters.values()) == 1}
            for course, keys in on_rosters.items()
        }
        tellers = sum(map(len, telling.values()))
        tells = not bad and unlisted <= len(matched)
        clear = [
            course
            for course in courses
            if len(courses) == 1
            or (tells and len(telling[course]) >= 2 and 3 * len(telling[course]) >= 2 * tellers)
        ]
        for course in clear or courses:
            here = Judgement(
                bad=bad,
                final=final,
                ambiguous=not clear,
                contested=tellers > 0,
                unsure=unlisted > 0 and unlisted >= len(on_rosters[course]),
            )
            for key, entries in rosters[course].items():
                counted = [e for e in entries if not policy["roles"] or e[1] in policy["roles"]]
                if counted:
                    seconds = found.seconds.get(key, 0)
                    yield {
                        "region": first.region,
                        "course_id": course,
                        "course_name": courses[course],
                        "user_id": counted[0][0],
                        "user_key": None if key.startswith("\0") else key,
                        "role": counted[0][1],
                        "class_id": f"{first.region}/{first.room}/{first.cue}",
                        "entry_id": first.room,
                        "dt": found.dt,
                        "class_start": float(found.start) if found.start else None,
                        "class_end": float(found.end) if found.end and not found.endless else None,
                        "class_minutes": found.length / 60 if found.start else None,
                        "minutes": seconds / 60,
                        "share": seconds / found.length if found.length else None,
                        "status": self._status(found, key, seconds, here),
                        "final": final,
                        "exported_at": min(
                            (s["exported_at"] for s in sure if s["exported_at"]), default=None
                        ),
                    }

    def _status(self, found: "Class", key: str, seconds: int, here: "Judgement") -> str:
        if here.bad or key.startswith("\0"):
            return "no_data"
        if not here.final:
            return "provisional"
        if here.ambiguous and (here.contested or not seconds):
            return "no_data"
        if not seconds:
            return "no_data" if here.unsure else "not_seen"
        number = {name: Fraction(str(self.policy[name])) for name in _NUMBERS}
        grace = 60 * (number["late_minutes"] + number["early_minutes"])
        needed = number["min_share"] * max(Fraction(0), found.length - grace)
        enough = seconds >= 60 * number["min_minutes"] and seconds >= needed
        return "present" if enough else "partial"

    def last_attendance(self) -> Iterator[Row]:
        people: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.attendance_status():
            people[row["course_id"], row["user_key"] or f"\0{row['user_id']}"].append(row)
        for (course, person), rows in people.items():
            undecided = [row["dt"] for row in rows if row["status"] in ("provisional", "no_data")]
            last = max((row["dt"] for row in rows if row["minutes"]), default=None)
            begins, ends = self._enrolled(course, person)
            known = self.known_until(last or begins, undecided)
            needed = min(later(ends, -1), self.term.now().date().isoformat())
            yield {
                "course_id": course,
                "user_id": min(row["user_id"] for row in rows),
                "user_key": rows[0]["user_key"],
                "last_dt": last,
                "classes": len(rows),
                "classes_seen": sum(row["minutes"] > 0 for row in rows),
                "classes_undecided": len(undecided),
                "known_until": known,
                "final": known is not None and known >= needed,
            }

    def _enrolled(self, course: str, person: str) -> tuple[str, str]:
        entries = [
            row
            for row in self.term.rosters
            if row[0] == course and (user_key(row[1], self.policy) or f"\0{row[1]}") == person
        ]
        return min(row[3] for row in entries), max(row[4] or "9999-12-31" for row in entries)

    def known_until(self, first: str, undecided: list[str]) -> str | None:
        """Return the last day up to which all is known from a day on, None for no day."""
        found = [later(day, -1) for day in undecided if day >= first]
        reports = {
            (region, day) for region, report, day in self.term.files if report in TWO_REPORTS
        }
        for region in {region for region, _ in reports}:
            day = max(first, min(day for other, day in reports if other == region))
            if not self.settled(region, day):
                return None
            while self.settled(region, day):
                day = later(day, 1)
            found.append(later(day, -1))
        return min(found) if min(found) >= first else None

    def settled(self, region: str, day: str) -> bool:
        """Return whether both files of a day are there and settled."""
        files = [self.term.files.get((region, report, day)) for report in TWO_REPORTS]
        return all(file and file.state == "settled" for file in files)


_NUMBERS = ("min_minutes", "min_share", "late_minutes", "early_minutes")


@dataclass(frozen=True)
class Judgement:
    """What is known of a class for one course of its room."""

    bad: bool
    final: bool
    ambiguous: bool
    contested: bool
    unsure: bool


@dataclass
class Class:
    """Sessions of a room that are one class; times in Unix seconds, 0 if they are not known."""

    first: Session
    dt: str
    start: int = 0
    busy: int = 0
    left: int = 0
    end: int = 0
    length: int = 0
    endless: bool = False
    groups: list[Session] = field(default_factory=list)
    seconds: defaultdict[str | None, int] = field(default_factory=lambda: defaultdict(int))
