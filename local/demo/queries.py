"""Three questions to Athena, and the answers that the truth gives."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from local.demo.checks import CheckError
from local.demo.lake import Stored
from local.demo.week import MONDAY, NEXT_MONDAY
from local.stack.stack import Stack

Answer = list[list[str]]

BY_DAY = """
SELECT dt, region, count(DISTINCT cue_point_id) AS sessions,
       count(DISTINCT user_id) AS people,
       round(sum(CAST(meeting_view_time AS double)) / 60, 1) AS hours
FROM attendees
WHERE granularity = 'day' AND dt BETWEEN '2025-03-24' AND '2025-03-30'
GROUP BY dt, region
ORDER BY dt, region
""".strip()

BUSIEST = """
SELECT r.region, r.entry_id, r.entry_name,
       count(DISTINCT a.user_id) AS people,
       round(sum(CAST(a.meeting_view_time AS double)) / 60, 1) AS hours
FROM room_data r
JOIN attendees a ON a.granularity = r.granularity AND a.region = r.region
 AND a.dt = r.dt AND a.entry_id = r.entry_id AND a.cue_point_id = r.cue_point_id
WHERE r.granularity = 'day' AND r.dt BETWEEN '2025-03-24' AND '2025-03-30'
GROUP BY r.region, r.entry_id, r.entry_name
ORDER BY hours DESC, r.entry_id
LIMIT 5
""".strip()

HOURS_AND_DAYS = """
SELECT region, granularity, count(*) AS rows_in_files,
       round(sum(CAST(meeting_view_time AS double)) / 60, 1) AS hours
FROM attendees
WHERE dt BETWEEN '2025-03-24' AND '2025-03-30'
GROUP BY region, granularity
ORDER BY region, granularity
""".strip()


@dataclass(frozen=True)
class Question:
    """What to ask, and how many of the answer's last columns are numbers."""

    text: str
    sql: str
    numbers: int


QUESTIONS = (
    Question("How much was each region's university online, day by day?", BY_DAY, 3),
    Question("Which five rooms were used most?", BUSIEST, 2),
    Question("Do the hours of the week add up to its days?", HOURS_AND_DAYS, 2),
)


def ask(stack: Stack, question: Question, stored: Sequence[Stored]) -> tuple[list[str], Answer]:
    """The columns and rows that Athena answers, compared with the answer of the truth.

    Args:
        stored: the files, known to hold the truth.

    Raises:
        CheckError: when Athena answers something else.
    """
    found = stack.query(question.sql)
    answer = [[str(value) for value in row.values()] for row in found]
    expected = list(_TRUTHS[question.sql](_week(stored)))
    same = len(answer) == len(expected) and all(map(_same, answer, expected))
    if not same:
        raise CheckError(f"Athena answers {answer} where the truth is {expected}: {question.sql}")
    return list(found[0]), answer


def _same(answer: Sequence[str], expected: Sequence[object]) -> bool:
    *values, hours = expected
    return list(answer[:-1]) == list(map(str, values)) and (
        # A half may have been rounded either way.
        abs(float(answer[-1]) - float(str(hours))) < 0.05 + 1e-6
    )


def _week(stored: Sequence[Stored]) -> list[Stored]:
    return [item for item in stored if MONDAY <= item.file.start < NEXT_MONDAY]


def _table(stored: Sequence[Stored], slug: str) -> Iterator[tuple[Stored, dict[str, str]]]:
    for item in stored:
        if item.file.report.slug == slug:
            names = [column.name for column in item.file.report.columns]
            for row in item.rows:
                yield item, dict(zip(names, row, strict=True))


def _hours(rows: Sequence[dict[str, str]]) -> float:
    return sum(float(row["meeting_view_time"]) for row in rows) / 60


def _by_day(stored: Sequence[Stored]) -> Iterator[list[object]]:
    groups: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for item, row in _table(stored, "attendees"):
        if item.file.granularity == "day":
            groups[f"{item.file.start:%F}", item.file.region].append(row)
    for key, rows in sorted(groups.items()):
        sessions = len({row["cue_point_id"] for row in rows})
        yield [*key, sessions, len({row["user_id"] for row in rows}), _hours(rows)]


def _busiest(stored: Sequence[Stored]) -> list[list[object]]:
    days = [item for item in stored if item.file.granularity == "day"]
    names = {row["entry_id"]: row["entry_name"] for _, row in _table(days, "room_data")}
    groups: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for item, row in _table(days, "attendees"):
        groups[item.file.region, row["entry_id"]].append(row)
    ranked = sorted(groups.items(), key=lambda group: (-round(_hours(group[1]), 1), group[0][1]))
    return [
        [region, room, names[room], len({row["user_id"] for row in rows}), _hours(rows)]
        for (region, room), rows in ranked[:5]
    ]


def _hours_and_days(stored: Sequence[Stored]) -> Iterator[list[object]]:
    groups: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for item, row in _table(stored, "attendees"):
        groups[item.file.region, item.file.granularity].append(row)
    for key, rows in sorted(groups.items()):
        yield [*key, len(rows), _hours(rows)]


_TRUTHS = {BY_DAY: _by_day, BUSIEST: _busiest, HOURS_AND_DAYS: _hours_and_days}
