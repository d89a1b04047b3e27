"""Generates a term of courses, with everything that goes wrong.

A seed decides what happened in each room, and what is published of it.
"""

from random import Random
from typing import Any

from tests.support.course_term import AUTUMN, SPRING, CourseTerm
from tests.support.course_term_files import add_parts
from tests.support.course_term_meetings import meetings


def generate(seed: int) -> CourseTerm:
    """Return the term of a seed."""
    drawn = Random(seed)
    term = CourseTerm(SPRING if seed % 4 == 1 else AUTUMN, new_ids=seed % 3 == 1)
    _enrol(term, drawn)
    term.policy = _policy(drawn)
    for region in ("us", "eu")[: 1 + (seed % 3 == 0)]:
        for room in ("1_single", "1_shared", "1_team", "1_free", "1_moved", "1_twins"):
            term.meetings += meetings(term, drawn, region, f"{room}_{region}", room)
        add_parts(term, drawn, region)
    return term


def _enrol(term: CourseTerm, drawn: Random) -> None:
    middle = term.days()[7].isoformat()
    for region in ("us", "eu"):
        term.rooms += [
            (f"1_single_{region}", "BIO", "Biology", "", ""),
            (f"1_shared_{region}", "CHEM", 'Chemistry, "C"', "", ""),
            (f"1_shared_{region}", "PHYS", "", "", ""),
            (f"1_team_{region}", "ART", "Art", "2026-01-01", "2027-01-01"),
            (f"1_moved_{region}", "BIO", "Biology", middle, ""),
            (f"1_twins_{region}", "LAB", "Lab", "", ""),
            (f"1_twins_{region}", "LEC", "Lecture", "", ""),
        ]
    term.rooms.append(term.rooms[0])
    for course, size in (("BIO", 5), ("CHEM", 4), ("PHYS", 4), ("ART", 3), ("LAB", 3)):
        for number in range(size):
            name = f"{course.lower()}{number}"
            written = drawn.choice([name, name.upper(), f"{name}@example.edu", f" {name} "])
            left = drawn.choice(["", "", "", middle])
            term.rosters.append((course, written, "student", "", left))
            term.people[name] = [written]
            if course == "LAB":
                term.rosters.append(("LEC", written, "student", "", left))
    for course, teacher in (
        *(("BIO", "t1"), ("CHEM", "t2"), ("PHYS", "t2"), ("ART", "t1"), ("ART", "t3")),
        *(("LAB", "t3"), ("LEC", "t3")),
    ):
        term.rosters.append((course, teacher, drawn.choice(["teacher", "assistant"]), "", ""))
        term.people[teacher] = [teacher]
    # Renamed in the middle of the term: with an entry for each name, and with one that came late.
    term.rosters += [("BIO", "old.name", "student", "", middle)]
    term.rosters += [("BIO", "new.name", "student", middle, "")]
    term.people["renamed"] = ["old.name", "new.name"]
    # Two forms of one id, an id of which nothing is left, and one that a spreadsheet would run.
    term.rosters += [("ART", "both", "student", "", ""), ("ART", "BOTH", "auditor", "", "")]
    term.rosters += [("ART", "@example.edu", "student", "", ""), ("ART", "=cmd", "student", "", "")]
    term.people |= {"both": ["both", "BOTH"], "cmd": ["=cmd"]}
    # Days that are not written as they must be.
    slashed = f"{term.days()[5]:%d/%m/%Y}"
    term.rosters += [("BIO", "odd", "student", slashed, ""), ("ART", "odd", "student", "", slashed)]
    term.rosters += [("PHYS", "odd", "student", "2026-02-30", "")]
    term.people |= {"odd": ["odd"]}
    term.rosters.append(term.rosters[0])


def _policy(drawn: Random) -> dict[str, Any]:
    choices: dict[str, list[Any]] = {
        "min_minutes": [0, 5, 12.5],
        "min_share": [0.75, 0.7, 0.15, 1, 0],
        "late_minutes": [5, 10],
        "early_minutes": [5, 500],
        "gap_minutes": [0, 10, 60],
        "roles": [["student"], ["student", "auditor"]],
        "min_class_minutes": [15, 40],
        "min_class_users": [0, 2, 4],
        "ignore_case": [True, False],
        "drop_domains": [["example.edu"], ["*"]],
        "drop_prefixes": [["d2l_"], ["x", "d2l_"]],
    }
    return {name: drawn.choice(values) for name, values in choices.items() if drawn.random() < 0.45}
