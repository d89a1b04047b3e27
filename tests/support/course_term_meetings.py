"""What happens in the rooms of a generated term: sessions, and the people in them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from tests.support.course_term import TICK, UNKNOWN, CourseTerm, Meeting, Stay, day_start, local_day


def meetings(
    term: CourseTerm, drawn: Random, region: str, room: str, kind: str
) -> Iterator[Meeting]:
    """Yield the sessions of a room in a term."""
    mapped = [row[1] for row in term.rooms if row[0] == room]
    number = 0
    for day in term.days():
        course = drawn.choice(mapped) if mapped and drawn.random() < 0.85 else ""
        courses: tuple[str, ...] = (course,) if course else ()
        if len(mapped) > 1 and course and drawn.random() < 0.1:
            courses = tuple(mapped)  # Taught together.
        times = [*_times(drawn, day)]
        for place, (start, end, left) in enumerate(times):
            restarted = place + 1 < len(times)
            number += 1
            found = _meeting(
                term, drawn, (region, room, f"{kind[2:5]}{number:03}"), courses, start, end, left
            )
            if found:
                endless = drawn.random() < (0.25 if restarted else 0.06)
                yield replace(found, endless=endless)
        if len(mapped) > 1 and courses and times and drawn.random() < 0.25:
            # Another course of the room, soon after this one.
            others = [each for each in mapped if each not in courses] or mapped
            start = max(times[-1][1:]) + TICK * drawn.choice([0, 30, 60, 120])
            end = start + TICK * drawn.randrange(60, 300)
            number += 1
            name = (region, room, f"{kind[2:5]}{number:03}")
            found = _meeting(term, drawn, name, (drawn.choice(others),), start, end, end)
            if found:
                yield found
        if kind == "1_single" and times and drawn.random() < 0.2:
            # A breakout room, where some were all the time.
            start, end, left = times[0]
            number += 1
            name = (region, f"{room}_child", f"{kind[2:5]}{number:03}")
            found = _meeting(term, drawn, name, courses, start + TICK, end, left)
            if found:
                yield replace(found, parent=room)


def _meeting(  # noqa: PLR0917 - a private step
    term: CourseTerm,
    drawn: Random,
    name: tuple[str, str, str],
    courses: tuple[str, ...],
    start: int,
    end: int,
    left: int,
) -> Meeting | None:
    region, room, number = name
    day = date.fromisoformat(local_day(start))
    stays = [*_stays(term, drawn, courses, day, start, left)]
    mapped = [row[1] for row in term.rooms if row[0] == room]
    stays += _visit(term, drawn, courses, mapped, day, start, left)
    cue = f"{drawn.randrange(10)}_{region}{number}"
    return Meeting(region, room, cue, start, end, False, tuple(stays), courses) if stays else None


def _times(drawn: Random, day: date) -> Iterator[tuple[int, int, int]]:
    """Yield the start and the end of the sessions of a day, and when all people have left."""
    chance = drawn.random()
    noon = day_start(day) + 12 * 3600
    start = noon + TICK * drawn.randrange(0, 2000)
    end = start + TICK * drawn.randrange(60, 500)
    if chance < 0.35:
        left_open = 3600 * drawn.randrange(1, 6) if drawn.random() < 0.2 else 0
        yield start, end + left_open, end
    if chance < 0.1:  # A restart, after a gap that is within the policy's or not.
        again = end + TICK * drawn.choice([-30, 0, 30, 60, 180, 181, 360, 500])
        yield again, (done := again + TICK * drawn.randrange(6, 300)), done
    if 0.35 < chance < 0.45:  # Across midnight, with or without a restart.
        late = noon + 11 * 3600 + TICK * drawn.randrange(0, 300)
        done = late + TICK * drawn.randrange(300, 900)
        if drawn.random() < 0.5:
            midnight = day_start(day + timedelta(days=1))
            stopped = max(late + 60 * TICK, min(done, midnight - TICK * drawn.randrange(30)))
            yield late, stopped, stopped
            late = stopped + TICK * drawn.choice([6, 30, 60, 170, 180, 190, 360])
            done = late + TICK * drawn.randrange(6, 300)
        yield late, done, done
    if 0.45 < chance < 0.5:  # Left open over several days, some of them more than SessionDays.
        days_later = end + 86400 * drawn.randrange(1, 8)
        yield start, days_later, drawn.choice([end, days_later, days_later])


def _stays(  # noqa: PLR0917 - a private step
    term: CourseTerm, drawn: Random, courses: tuple[str, ...], day: date, start: int, end: int
) -> Iterator[Stay]:
    members = {row[1] for row in term.rosters if row[0] in courses}
    for person, ids in term.people.items():
        if members.intersection(ids) and drawn.random() < 0.75:
            written = drawn.choice(ids) if person != "renamed" else ids[day >= term.days()[7]]
            shown = drawn.choice(
                [written.strip(), written.strip().upper(), f"d2l_{written.strip()}"]
            )
            if person in ("renamed", "cmd", "both") or drawn.random() < 0.6:
                shown = written.strip()
            if term.changed(day):
                shown = f"15495cdc_{written.strip()[::-1]}"
            if drawn.random() < 0.1:
                shown = drawn.choice(UNKNOWN)  # Without an account.
            yield from _pieces(drawn, person, shown, start, end)
    if drawn.random() < 0.3:
        yield from _pieces(drawn, "guest", drawn.choice(("guest.1", *UNKNOWN)), start, end)


def _visit(  # noqa: PLR0917 - a private step
    term: CourseTerm,
    drawn: Random,
    courses: tuple[str, ...],
    mapped: list[str],
    day: date,
    start: int,
    end: int,
) -> Iterator[Stay]:
    """Yield the stays of the one person who also looks in at another course of the room."""
    others = sorted(set(mapped) - set(courses))
    if len(mapped) > 1 and others and drawn.random() < 0.25:
        person = f"{others[0].lower()}0"
        if person in term.people and not term.changed(day):
            yield from _pieces(drawn, person, term.people[person][0].strip(), start, end)


def _pieces(drawn: Random, person: str, user_id: str, start: int, end: int) -> Iterator[Stay]:
    for _ in range(drawn.choice([1, 1, 2])):
        ticks = (end - start) // TICK
        first, last = sorted((drawn.randrange(0, ticks + 1), drawn.randrange(0, ticks + 1)))
        if drawn.random() < 0.5:
            first, last = 0, ticks
        if last > first:
            came, left = start + TICK * first, start + TICK * last
            late = drawn.random() < 0.1 and left - came < 6 * 3600
            known_at = left + 3600 * drawn.randrange(1, 40) if late else left
            yield Stay(person, user_id, came, left, known_at)
