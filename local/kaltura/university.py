"""The generated university: rooms, weekly sessions, breakout sessions, and who attended when.

Everything follows from (seed, region, size); any day can be asked for without those before it.
"""

from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from random import Random
from threading import Lock
from zoneinfo import ZoneInfo

from local.kaltura import names
from local.kaltura.campus import Attendance, Breakout, Presence, Room, Session, Size, User
from local.kaltura.timetable import Slot, Week, timetable

TICK = 10
"""Seconds between two view events of one attendee (kaltura/server: view events tick every 10 s)."""
LONGEST_SESSION = 6 * 3600
HOME_ZONES = {"us": "America/New_York", "eu": "Europe/Berlin", "ca": "America/Toronto"}
CANCELLED = 0.05
"""The share of sessions that do not take place."""
CLOSED = {(12, 25), (1, 1)}
"""Months and days without a session."""
USER_IDS = ("s{:06d}", "s{:06d}", "CORP\\u{}", "o'neil, pat {}", "p.{}@uni.example")
KEPT_DAYS, KEPT_ATTENDANCES = 80, 600_000


class University:
    """The truth of one region; safe to share between threads, bounded in memory."""

    def __init__(self, seed: int = 7, region: str = "us", size: Size | None = None) -> None:
        self.seed = seed
        self.region = region
        self.size = size or Size()
        self.zone = ZoneInfo(HOME_ZONES.get(region, "UTC"))
        self._days: OrderedDict[date, tuple[Session, ...]] = OrderedDict()
        self._attendances: OrderedDict[str, list[Attendance]] = OrderedDict()
        self._kept = 0
        self._lock = Lock()
        self.user = lru_cache(maxsize=100_000)(self._user)

    def _random(self, *parts: object) -> Random:
        return Random("/".join(map(str, (self.seed, self.region, *parts))))

    @cached_property
    def rooms(self) -> tuple[Room, ...]:
        """All rooms, in the order of their ids."""
        return tuple(self._room(index) for index in range(self.size.rooms))

    def _room(self, index: int) -> Room:
        rng = self._random("room", index)
        entry_id = f"1_{self.region}{index:06x}"
        parent = f"1_{self.region}{rng.randrange(index + 1):06x}" if rng.random() < 0.3 else ""
        event = str(100 + index % 4) if rng.random() < 0.5 else ""
        return Room(entry_id, names.room(rng, self.size.special_names), parent, event)

    @cached_property
    def population(self) -> int:
        """The number of users: a prime, so that any stride visits all of them."""
        most = max([0, *self.size.busy.values()]) // self.size.rooms
        return _prime_from(max(101, 6 * self.size.rooms, 4 * self.size.attendees + 1, most + 2))

    def _user(self, index: int) -> User:
        if index == 0:
            return User("Unknown", "", "")
        rng = self._random("user", index)
        user_id = rng.choice(USER_IDS)
        user_id = user_id.format(index)
        name = names.person(rng, self.size.special_names)
        email = "0" if rng.random() < 0.05 else f"u{index}@{self.region}.uni.example"
        return User(user_id, name, email)

    @cached_property
    def _week(self) -> Week:
        rngs = (self._random("slots", index) for index in range(self.size.rooms))
        return timetable(rngs, self.size.weekly_sessions)

    def day(self, day: date) -> tuple[Session, ...]:
        """Return the sessions that begin on a local day, ordered by their start."""
        with self._lock:
            if day in self._days:
                self._days.move_to_end(day)
                return self._days[day]
        sessions = tuple(sorted(self._generate(day), key=lambda s: (s.start, s.cue_point_id)))
        with self._lock:
            self._days[day] = sessions
            if len(self._days) > KEPT_DAYS:
                self._days.popitem(last=False)
        return sessions

    def _generate(self, day: date) -> Iterator[Session]:
        slots = () if (day.month, day.day) in CLOSED else self._week[day.weekday()]
        for number, (index, slot) in enumerate(slots):
            rng = self._random("size", day, number)
            if rng.random() >= CANCELLED:
                size = max(1, round(self.size.attendees * rng.uniform(0.2, 1.8)))
                yield self._session(day, number, self.rooms[index], slot, size)
        busy = self.size.busy.get(day.isoformat(), 0)
        share, rest = divmod(busy, self.size.rooms)
        for index, room in enumerate(self.rooms if busy else ()):
            size = share + (index < rest)
            if size:
                slot = Slot(day.weekday(), 10 * 60 + index % 120, 5400)
                yield self._session(day, len(slots) + index, room, slot, size)

    def _session(self, day: date, number: int, room: Room, slot: Slot, size: int) -> Session:
        rng = self._random(day, number)
        local = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        local += timedelta(minutes=slot.minute)
        start = int(local.timestamp()) + rng.randrange(600)
        end = start + slot.length + rng.randrange(900)
        code = f"{day:%y%m%d}{number:05x}"
        breakouts: tuple[Breakout, ...] = ()
        if rng.random() < 0.35:
            breakouts = tuple(self._breakouts(room, code, start, end, rng))
        host = rng.choice(("0", "Unknown", *["{}"] * 6)).format(
            self.user(1 + rng.randrange(self.population - 1)).id
        )
        return Session(
            room=room,
            cue_point_id=f"1_c{code}",
            start=start,
            end=end,
            never_ended=rng.random() < 0.04,
            host=host,
            size=min(size, self.population),
            key=f"{day}/{number}",
            lag=self._lag(day, end, rng),
            breakouts=breakouts,
        )

    def _lag(self, day: date, end: int, rng: Random) -> int:
        """Return the seconds from the end of a session until all of it is visible."""
        lag = round(rng.random() * self.size.lag_hours * 3600)
        hours = self.size.late.get(day.isoformat())
        if hours is None:
            return lag
        after = datetime(day.year, day.month, day.day, tzinfo=self.zone) + timedelta(days=1)
        return max(0, round(after.timestamp() + hours * 3600) - end)

    def _breakouts(
        self, room: Room, code: str, start: int, end: int, rng: Random
    ) -> Iterator[Breakout]:
        groups = rng.randint(2, 4)
        begin = start + rng.randrange((end - start) // 2)
        for group in range(groups):
            initiator = self.user(rng.randrange(self.population)).id
            finish = min(end, begin + rng.randint(300, 2700))
            entry_id, name = f"1_b{code}{group}", f"Group {group + 1} {room.name}"
            cue = f"1_d{code}{group}"
            yield Breakout(entry_id, name, cue, initiator, begin, finish, group, groups)

    def sessions(self, start: int, end: int) -> Iterator[Session]:
        """Yield the sessions that overlap ``[start, end)`` in Unix seconds, oldest first."""
        if not 0 <= start < end <= 4_102_444_800:
            return
        first = datetime.fromtimestamp(start - LONGEST_SESSION, UTC).astimezone(self.zone).date()
        last = datetime.fromtimestamp(end, UTC).astimezone(self.zone).date()
        for offset in range((last - first).days + 1):
            for session in self.day(first + timedelta(days=offset)):
                if session.start < end and session.end > start:
                    yield session

    def attendances(self, session: Session) -> list[Attendance]:
        """Return who was in a session, and when; each user once."""
        with self._lock:
            if session.key in self._attendances:
                self._attendances.move_to_end(session.key)
                return self._attendances[session.key]
        made = list(self._attend(session))
        with self._lock:
            if session.key not in self._attendances:
                self._attendances[session.key] = made
                self._kept += len(made)
            while self._kept > KEPT_ATTENDANCES and len(self._attendances) > 1:
                self._kept -= len(self._attendances.popitem(last=False)[1])
        return made

    def _attend(self, session: Session) -> Iterator[Attendance]:
        rng = self._random("attend", session.key)
        population, bits = self.population, rng.getrandbits
        user, stride = rng.randrange(population), rng.randrange(1, population)
        length = max(2, (session.end - session.start) // TICK)
        for number in range(session.size):
            draw = bits(64)
            kind = "attendee" if number else "host"
            if number and not draw & 15:
                kind = "moderator"
            yield user, kind, _presences(session.start, length, draw >> 4)
            user = (user + stride) % population


def _presences(start: int, length: int, draw: int) -> tuple[Presence, ...]:
    """Return one or two presences within ``length`` ticks from ``start``, from 60 random bits."""
    late = (draw & 0xFF) * length // (0x100 if draw & 0x700 == 0 else 0xA00)
    rest = length - late
    stays = rest if draw & 0x800 else 1 + ((draw >> 12 & 0xFFF) * (rest - 1) >> 12)
    attention = draw >> 24 & 0x3FF
    begin = start + late * TICK
    if stays < 12 or draw & 0x1C00000000:
        return ((begin, stays, stays * attention >> 10),)
    third = stays // 3
    again = (begin + 2 * third * TICK, stays - 2 * third, (stays - 2 * third) * attention >> 11)
    return ((begin, third, third * attention >> 10), again)


def _prime_from(number: int) -> int:
    """Return the smallest prime that is not below ``number``."""
    while any(number % divisor == 0 for divisor in range(2, int(number**0.5) + 1)):
        number += 1
    return number
