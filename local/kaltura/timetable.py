"""The weekly timetable of a university: when its rooms are used, in local time."""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

SUNDAY, SATURDAY = 6, 5


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in the weekly timetable, in local time."""

    weekday: int
    minute: int
    length: int
    """Seconds."""


Week = tuple[tuple[tuple[int, Slot], ...], ...]
"""For each weekday, the slots with the index of their room."""


def timetable(rngs: Iterable[Random], weekly_sessions: int) -> Week:
    """Return the week of a university, from one source of randomness for each room.

    The first two rooms are also used across midnight on Saturdays and through the hours in which
    clocks change on Sundays.
    """
    week: list[list[tuple[int, Slot]]] = [[] for _ in range(7)]
    for index, rng in enumerate(rngs):
        slots = [_slot(rng) for _ in range(weekly_sessions)]
        if index == 0:
            slots.append(Slot(SUNDAY, 30, 4 * 3600))
        if index == 1:
            slots.append(Slot(SATURDAY, 23 * 60, 3 * 3600))
        for slot in slots:
            week[slot.weekday].append((index, slot))
    return tuple(map(tuple, week))


def _slot(rng: Random) -> Slot:
    """Return a place in the week: mostly on working days, some near midnight, some at any time."""
    draw = rng.random()
    if draw < 0.7:
        minute = rng.randrange(8 * 4, 19 * 4) * 15
        return Slot(rng.randrange(5), minute, rng.choice((2700, 3600, 5400, 7200, 10800)))
    if draw < 0.85:
        return Slot(rng.randrange(7), rng.randrange(21 * 4, 24 * 4) * 15, rng.choice((5400, 12600)))
    return Slot(rng.randrange(7), rng.randrange(24 * 60), rng.choice((1200, 3600, 14400)))
