"""The rows that attendance_status and last_attendance must show for a term of courses."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from tests.support.course_classes_expected import Class, ExpectedClasses
from tests.support.course_term_expected import TWO_REPORTS, Row, as_day, later, user_key

_NUMBERS = ("min_minutes", "min_share", "late_minutes", "early_minutes")


@dataclass(frozen=True)
class Judgement:
    """What is known of a class for one course of its room."""

    bad: bool
    final: bool
    clear: bool
    contested: bool
    unsure: bool
    goes_on: bool


class ExpectedStatuses(ExpectedClasses):
    """Who was there, and how sure that is."""

    def attendance_status(self) -> Iterator[Row]:
        self._stays: defaultdict[tuple[str, str, str], list[Class]] = defaultdict(list)
        classes = list(self.classes())
        for found in classes:
            bad, final = self._quality(found)
            for course in self.all_courses(found):
                for key in self.roster(course, found.dt):
                    if bad or not final or key in found.seconds:
                        self._stays[found.dt, course, key].append(found)
        for found in classes:
            yield from self._statuses(found)

    def all_courses(self, found: Class) -> dict[str, str | None]:
        """Return the courses of the room of a class, and of the room that this belongs to."""
        inherited = self.courses(found.parent, found.dt) if found.parent else {}
        return inherited | self.courses(found.first.room, found.dt)

    def _quality(self, found: Class) -> tuple[bool, bool]:
        """Return whether the data of a class are incomplete, and whether they are final."""
        sure = [self.certainty(group) for group in found.groups]
        near = [
            self.term.files.get((found.first.region, report, day))
            for day in self.neighbours(found)
            for report in TWO_REPORTS
        ]
        bad = any(s["missing_day"] or s["cut_off"] or s["findings"] for s in sure)
        bad |= not found.start or None in near or self.lost_sessions(found)
        return bad, all(s["final"] for s in sure) and all(f and f.state == "settled" for f in near)

    def _statuses(self, found: Class) -> Iterator[Row]:
        policy, first = self.policy, found.first
        bad, final = self._quality(found)
        exports = [self.certainty(group)["exported_at"] for group in found.groups]
        seen = {key for key in found.seconds if key}
        counts = [part.users for group in found.groups for part in group.parts]
        users = max([*counts, len(seen) + (None in found.seconds)])
        short = found.length < 60 * Fraction(str(policy["min_class_minutes"]))
        if not bad and (short or users < policy["min_class_users"]):
            return
        own = self.courses(first.room, found.dt)
        courses = self.all_courses(found)
        rosters = {course: self.roster(course, found.dt) for course in courses}
        on_rosters = {course: seen & set(roster) for course, roster in rosters.items()}
        matched: set[str] = set().union(*on_rosters.values())
        unlisted = len(seen - matched) + found.unknown
        telling = {
            course: {
                key
                for key in keys
                if sum(key in r for r in rosters.values()) == 1
                and not self._chosen(course, rosters[course][key])[1]
            }
            for course, keys in on_rosters.items()
        }
        tellers = sum(map(len, telling.values()))
        tells = not bad and unlisted <= len(matched)
        clear = {
            course
            for course in courses
            if len(courses) == 1
            or (tells and len(telling[course]) >= 2 and 3 * len(telling[course]) >= 2 * tellers)
        }
        explained: set[str] = set().union(*(set(rosters[course]) for course in clear))
        for course in own:
            counted = {
                key: entries
                for key, entries in rosters[course].items()
                if any(self._counts(role) for _, role in entries)
            }
            unseen = [key for key in counted if key not in seen and key[0] != "\0"]
            here = Judgement(
                bad=bad,
                final=final,
                clear=course in clear,
                contested=tellers > 0,
                unsure=0 < unlisted >= min(len(on_rosters[course]), len(unseen)),
                goes_on=self.may_go_on(found),
            )
            shown = not clear or here.clear or len(telling[course]) >= 2
            for key, entries in counted.items():
                if shown or (key in seen and key not in explained):
                    (user_id, role), unclear = self._chosen(course, entries)
                    seconds = found.seconds.get(key, 0)
                    yield {
                        "region": first.region,
                        "course_id": course,
                        "course_name": courses[course],
                        "user_id": user_id,
                        "user_key": None if key.startswith("\0") else key,
                        "role": role,
                        "class_id": f"{first.region}/{first.room}/{first.cue}",
                        "entry_id": first.room,
                        "dt": found.dt,
                        "class_start": float(found.start) if found.start else None,
                        "class_end": float(found.end) if found.end and not found.endless else None,
                        "class_minutes": found.length / 60 if found.start else None,
                        "minutes": seconds / 60,
                        "share": seconds / found.length if found.length else None,
                        "status": "no_data" if unclear else self._status(found, course, key, here),
                        "final": final,
                        "exported_at": min(filter(None, exports), default=None),
                    }

    def _counts(self, role: str) -> bool:
        return not self.policy["roles"] or role in self.policy["roles"]

    def _chosen(self, course: str, entries: list[tuple[str, str]]) -> tuple[tuple[str, str], bool]:
        """Return the entry that stands for a person, and whether its days are unclear."""
        unclear, user_id, role = min(
            (not self._counts(role), self.unclear(course, user_id, role), user_id, role)
            for user_id, role in entries
        )[1:]
        return (user_id, role), unclear

    def _status(self, found: Class, course: str, key: str, here: Judgement) -> str:
        if here.bad or key.startswith("\0"):
            return "no_data"
        return self._so_far(found, course, key, here) if here.final else "provisional"

    def _so_far(self, found: Class, course: str, key: str, here: Judgement) -> str:
        listed, seconds = key in found.seconds, found.seconds.get(key, 0)
        if not here.clear and (here.contested or not listed):
            return "no_data"
        if not listed:
            doubtful = here.unsure or here.goes_on or self._is_elsewhere(found, course, key)
            return "no_data" if doubtful else "not_seen"
        if not seconds:
            return "no_data"
        number = {name: Fraction(str(self.policy[name])) for name in _NUMBERS}
        grace = 60 * (number["late_minutes"] + number["early_minutes"])
        needed = number["min_share"] * max(Fraction(0), found.length - grace)
        if seconds >= 60 * number["min_minutes"] and seconds >= needed:
            return "present"
        return "no_data" if key in found.unmeasured else "partial"

    def _is_elsewhere(self, found: Class, course: str, key: str) -> bool:
        """Return whether a person may have been in another class at about the same time."""
        for other in self._stays[found.dt, course, key]:
            starts_later = not found.endless and other.start - found.busy > self.gap
            ends_before = not other.endless and found.start - other.busy > self.gap
            if not other.start or not (starts_later or ends_before):
                return True
        return False

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
        first = min(as_day(row[3], "") for row in entries)
        return first, max(as_day(row[4], "9999-12-31") for row in entries)

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
