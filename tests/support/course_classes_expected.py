"""The classes of a term of courses, computed without the views' SQL."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from tests.support.course_term import UNKNOWN, local_day
from tests.support.course_term_expected import Expected, Session, later, user_key


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
    unmeasured: set[str | None] = field(default_factory=set)
    """Of whom a row has no minutes."""

    @property
    def unknown(self) -> int:
        """Return how many people Kaltura does not identify, at least."""
        counts = [
            part.users - len(set(part.seconds).difference(UNKNOWN))
            for group in self.groups
            for part in group.parts
            if set(part.seconds).intersection(UNKNOWN)
        ]
        return max([*counts, 1]) if None in self.seconds else 0

    @property
    def parent(self) -> str:
        return max((part.parent for group in self.groups for part in group.parts), default="")


class ExpectedClasses(Expected):
    """The sessions that belong together."""

    @cached_property
    def continuations(self) -> set[int]:
        """The sessions that belong to a class of the day before, by ``id``."""
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

    def told_course(self, group: Session, dt: str) -> str:
        """Return the course that people in a session tell, in a room that has several."""
        courses = self.courses(group.room, dt)
        rosters = {course: self.roster(course, dt) for course in courses}
        tellers: defaultdict[str, int] = defaultdict(int)
        for key in filter(None, self._by_key(group)):
            among = [course for course in courses if key in rosters[course]]
            if len(courses) > 1 and len(among) == 1:
                tellers[among[0]] += 1
        for course, count in tellers.items():
            if count >= 2 and 3 * count >= 2 * sum(tellers.values()):
                return course
        return ""

    def classes(self) -> Iterator[Class]:
        """Yield the classes of each room and day, and people without a session as one each."""
        moved = self.continuations

        def day(group: Session) -> str:
            return later(group.dt, -1) if id(group) in moved else group.dt

        for (_, _, dt), groups in self._by_room_and_day(day).items():
            current: Class | None = None
            busy, before = 0, ""
            for group in groups:
                course = self.told_course(group, dt)
                if current is None or group.start - busy > self.gap or course != before:
                    if current:
                        yield current
                    current = Class(group, dt, group.start, group.start, group.start)
                self._add(current, group)
                busy, before = max(busy, group.start, self.ended(group)), course
            if current:
                yield current
        for group in self.groups.values():
            if not group.parts:
                found = Class(group, group.dt)
                self._add_people(found, group)
                yield found

    def _add(self, current: Class, group: Session) -> None:
        ended = max(part.end for part in group.parts)
        current.length += max(0, self.left(group) - max(group.start, current.left))
        current.busy = max(current.busy, self.ended(group))
        current.left = max(current.left, self.left(group))
        current.end = max(current.end, ended)
        current.endless |= not ended
        self._add_people(current, group)

    def _add_people(self, current: Class, group: Session) -> None:
        current.groups.append(group)
        for key, seconds in self._by_key(group).items():
            current.seconds[key] += seconds
        for user in self.people(group):
            if any(group.unmeasured(user)):
                current.unmeasured.add(user_key(user, self.policy))

    def _by_key(self, group: Session) -> defaultdict[str | None, int]:
        found: defaultdict[str | None, int] = defaultdict(int)
        for user, seconds in self.people(group).items():
            found[user_key(user, self.policy)] += seconds
        return found

    def neighbours(self, found: Class) -> Iterator[str]:
        """Yield the days before and after a class that may have another part of it."""
        if found.start:
            if (day := local_day(float(found.start - self.gap))) < found.dt:
                yield day
            if (day := local_day(float(found.busy + self.gap))) > local_day(found.busy):
                yield day

    def lost_sessions(self, found: Class) -> bool:
        """Return whether room_data lacks a session of the room that may belong to a class."""
        if not found.start:
            return False
        first, tomorrow = found.first, later(found.dt, 1)
        cues = {group.cue for group in found.groups}
        for group in self.groups.values():
            if not group.parts and (group.region, group.room) == (first.region, first.room):
                over_midnight = local_day(found.busy) > found.dt
                if group.dt == found.dt:
                    return True
                if group.dt == tomorrow and (over_midnight or group.cue in cues):
                    return True
        return False

    def may_go_on(self, found: Class) -> bool:
        """Return whether a session of the next day may belong to a class without an end."""
        first, tomorrow = found.first, later(found.dt, 1)
        return found.endless and any(
            group.parts and id(group) not in self.continuations
            for group in self.groups.values()
            if (group.region, group.room, group.dt) == (first.region, first.room, tomorrow)
        )
