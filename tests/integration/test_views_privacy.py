"""Views and queries under each privacy setting: every figure is the one without it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.privacy import ALL_PSEUDONYMS, AS_LITTLE_AS_POSSIBLE, actions, pseudonym
from tests.support.suppression import Erased
from tests.support.term import ZONE
from tests.support.term_expected import TERM
from tools.athena.duck_athena import DuckAthena
from tools.athena.sources import queries

SOURCES = {
    "user_id": ("attendees", "user_id"),
    "user_name": ("attendees", "user_name"),
    "user_email": ("attendees", "user_email"),
    "host_user_id": ("room_data", "session_host_user_id"),
    "initiator_user_id": ("breakout_sessions", "session_initiator"),
}
"""The column of a report that each column of the views about people comes from."""
VIEWS = ("sessions", "attendance", "breakouts")
QUERIES = {query.name: query for query in queries() if "exports" not in query.sql}
"""Without those that read the run records, in which no person is named."""
WITHOUT_HOSTS = ("top-hosts",)
"""Queries that leave out rows without a host, so that they have none if it is dropped."""
Row = Mapping[str, Any]


# Six weeks, with the end of daylight saving time.
SOME_WEEKS = replace(TERM, first=date(2026, 10, 5), last=date(2026, 11, 15))
LATER = datetime(2026, 11, 16, 9, tzinfo=ZONE)


def published(root: Path, setting: str, erased: Sequence[Erased] = ()) -> DuckAthena:
    SOME_WEEKS.publish(root, setting, erased)
    return DuckAthena(root, ZONE.key, LATER, loaded=True)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> DuckAthena:
    return published(tmp_path_factory.mktemp("plain"), "")


@dataclass(frozen=True)
class Setting:
    """How personal data is kept out of the files."""

    columns: str = ""
    """A value of PrivacyColumns."""
    erases: bool = False
    """Whether the most frequent users are in the suppression list."""


@pytest.fixture(scope="module")
def frequent(plain: DuckAthena) -> tuple[Erased, ...]:
    """Return the people with the most rows, such as hosts, whose ids and addresses are known."""
    found = plain.query(
        "SELECT user_id, max(user_email) AS user_email, count(*) AS n FROM attendance"
        " WHERE user_id IS NOT NULL AND user_email LIKE '%@%' GROUP BY 1"
        " ORDER BY count(*) DESC, user_id LIMIT 3"
    )
    tokens = ("erased_0123456789ab", "erased_ba9876543210", "erased_111111111111")
    return tuple(
        Erased((row["user_id"], row["user_email"]), token)
        for row, token in zip(found, tokens, strict=True)
    )


@pytest.fixture(
    scope="module",
    params=[
        Setting(ALL_PSEUDONYMS),
        Setting(AS_LITTLE_AS_POSSIBLE),
        Setting(erases=True),
        Setting(ALL_PSEUDONYMS, erases=True),
    ],
)
def setting(request: pytest.FixtureRequest) -> Setting:
    chosen: Setting = request.param
    return chosen


@pytest.fixture(scope="module")
def private(
    setting: Setting, frequent: Sequence[Erased], tmp_path_factory: pytest.TempPathFactory
) -> DuckAthena:
    erased = frequent if setting.erases else ()
    return published(tmp_path_factory.mktemp("private"), setting.columns, erased)


def treated(row: Row, setting: Setting, erased: Sequence[Erased] = ()) -> dict[str, Any]:
    """Return a row as it must be under a setting."""
    people = erased if setting.erases else ()
    owner = next((each for each in people if each.has(row.get("user_id") or "")), None)
    return {
        name: _treated(name, value, setting.columns, owner, people) for name, value in row.items()
    }


def _treated(
    name: str, value: Any, setting: str, owner: Erased | None, people: Sequence[Erased]
) -> Any:
    if value is None or name not in SOURCES:
        return value
    if owner and name in ("user_name", "user_email"):
        return None
    person = next((each for each in people if each.has(str(value))), None)
    if person:
        return person.token
    report, column = SOURCES[name]
    action = actions(setting, report).get(column)
    if action == "drop":
        return None
    return pseudonym(value) if action == "pseudonym" else value


def counted(rows: Iterable[Row]) -> Counter[tuple[tuple[str, Any], ...]]:
    """Return how often each row occurs; sums of floats can differ in the last digits."""
    return Counter(
        tuple(
            (name, round(value, 6) if isinstance(value, float) else value)
            for name, value in sorted(row.items())
        )
        for row in rows
    )


@pytest.mark.parametrize("view", VIEWS)
def test_every_row_of_a_view_is_there(
    plain: DuckAthena,
    private: DuckAthena,
    setting: Setting,
    frequent: Sequence[Erased],
    view: str,
) -> None:
    expected = [treated(row, setting, frequent) for row in plain.query(f"SELECT * FROM {view}")]
    assert expected
    assert set(expected[0]) & set(SOURCES)
    assert counted(private.query(f"SELECT * FROM {view}")) == counted(expected)
    if setting.erases and view == "attendance":
        tokens = {person.token for person in frequent}
        assert {row["user_id"] for row in expected} >= tokens


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_every_figure_of_a_query_is_the_same(
    plain: DuckAthena,
    private: DuckAthena,
    setting: Setting,
    frequent: Sequence[Erased],
    name: str,
) -> None:
    expected = [treated(row, setting, frequent) for row in plain.run(QUERIES[name])]
    if name in WITHOUT_HOSTS and expected[0]["host_user_id"] is None:
        expected = []
    assert counted(private.run(QUERIES[name])) == counted(expected)
