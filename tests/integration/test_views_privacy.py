"""Views and example queries under PrivacyColumns: every figure is the one without it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.privacy import ALL_PSEUDONYMS, AS_LITTLE_AS_POSSIBLE, actions, pseudonym
from tests.support.term import ZONE
from tests.support.term_expected import NOW, TERM
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


def published(root: Path, setting: str) -> DuckAthena:
    TERM.publish(root, setting)
    return DuckAthena(root, ZONE.key, NOW, loaded=True)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> DuckAthena:
    return published(tmp_path_factory.mktemp("plain"), "")


@pytest.fixture(scope="module", params=[ALL_PSEUDONYMS, AS_LITTLE_AS_POSSIBLE])
def setting(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="module")
def private(setting: str, tmp_path_factory: pytest.TempPathFactory) -> DuckAthena:
    return published(tmp_path_factory.mktemp("private"), setting)


def treated(row: Row, setting: str) -> dict[str, Any]:
    """Return a row as it must be under a value of PrivacyColumns."""
    return {name: _treated(name, value, setting) for name, value in row.items()}


def _treated(name: str, value: Any, setting: str) -> Any:
    if value is None or name not in SOURCES:
        return value
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
    plain: DuckAthena, private: DuckAthena, setting: str, view: str
) -> None:
    expected = [treated(row, setting) for row in plain.query(f"SELECT * FROM {view}")]
    assert expected
    assert set(expected[0]) & set(SOURCES)
    assert counted(private.query(f"SELECT * FROM {view}")) == counted(expected)


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_every_figure_of_a_query_is_the_same(
    plain: DuckAthena, private: DuckAthena, setting: str, name: str
) -> None:
    expected = [treated(row, setting) for row in plain.run(QUERIES[name])]
    if name in WITHOUT_HOSTS and expected[0]["host_user_id"] is None:
        expected = []
    assert counted(private.run(QUERIES[name])) == counted(expected)
