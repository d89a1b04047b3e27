"""The table of run records and its queries, over the records of real runs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.kaltura.campus import Size
from tests.support.world import SLUGS, Result, World
from tools.athena.duck_athena import DuckAthena
from tools.athena.sources import queries
from tools.athena.tables import (
    CHANGE,
    EXPORTED,
    FAILED,
    FRESHNESS,
    OTHER_FILTERS,
    QUALITY,
    RUNS,
    SAMPLES,
)

FIRST = datetime(2026, 9, 16, 0, 7, tzinfo=UTC)
NOW = FIRST + timedelta(days=4)
REGIONS = ("us", "eu")


@dataclass(frozen=True)
class History:
    """A world after some days of runs, and a copy of its bucket."""

    world: World
    root: Path


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """Run on the first, second and fourth of four days; on the last, eu refuses the secret."""
    size = Size(rooms=10, attendees=3)
    with World(
        now=FIRST,
        regions=REGIONS,
        size=size,
        variables={"COMPRESSION": "gzip", "SETTLE_HOURS": "24"},
    ) as world:
        world.run_scheduled()
        world.now = FIRST + timedelta(days=1)
        world.run_scheduled()
        world.now = FIRST + timedelta(days=3)
        secret = json.loads(world.secret)
        world.secret = json.dumps(secret | {"eu": {**secret["eu"], "admin_secret": "wrong"}})
        world.run_and_fail()
        root = tmp_path_factory.mktemp("bucket")
        for key in world.s3.store.keys(""):
            (root / key).parent.mkdir(parents=True, exist_ok=True)
            (root / key).write_bytes(world.item(key).body)
        yield History(world, root)


@pytest.fixture(scope="module")
def records(history: History) -> list[Result]:
    return [history.world.run_record(key) for key in history.world.s3.store.keys("runs/")]


@pytest.fixture(scope="module")
def athena(history: History) -> DuckAthena:
    return DuckAthena(history.root, now=NOW, loaded=True)


def run(athena: DuckAthena, name: str) -> list[dict[str, Any]]:
    (query,) = (query for query in queries() if query.name == name)
    return athena.run(query)


def test_table_fields_match_the_run_records(records: list[Result]) -> None:
    assert len(records) == 3
    for record in records:
        assert set(record) == {field.name for field in RUNS}
        for exported in record["exported"]:
            assert list(exported) == [field.name for field in EXPORTED]
            assert list(exported["change"] or {}) in ([field.name for field in CHANGE], [])
        for failed in record["failed"]:
            assert list(failed) == [field.name for field in FAILED]
        for item in record["freshness"]:
            assert list(item) == [field.name for field in FRESHNESS]
        for item in (*record["other_filters"], *record["other_privacy"]):
            assert list(item) == [field.name for field in OTHER_FILTERS]
        for item in record["quality"]:
            assert list(item) == [field.name for field in QUALITY]
        assert list(record["samples"]) == [field.name for field in SAMPLES]
    assert records[-1]["failed"]
    assert records[-1]["freshness"]
    assert any(exported["change"] for exported in records[1]["exported"])


def test_exports_view_has_one_row_per_export(athena: DuckAthena, records: list[Result]) -> None:
    found = athena.query("SELECT * FROM exports")
    wanted = [
        {
            "dt": record["finished_at"][:10],
            "run_id": record["run_id"],
            "run_trigger": record["trigger"],
            "exported_at": datetime.fromisoformat(record["finished_at"]).timestamp(),
            **{name: done[name] for name in ("report", "region", "granularity", "reason", "state")},
            "window_label": done["start"],
            "row_count": done["rows"],
            "size_bytes": done["size"],
            "unchanged": done["same"],
            **{
                f"rows_{name}": (done["change"] or {}).get(name)
                for name in ("added", "removed", "altered", "renamed")
            },
            "fewer_rows_than": done["fewer_rows_than"],
            "window_time_zone": done["time_zone"],
            "filters_digest": done["filters"],
            "source_url": done["source"],
            "previous_exported_at": (
                datetime.fromisoformat(done["previous_exported_at"]).timestamp()
                if done["previous_exported_at"]
                else None
            ),
            "privacy_digest": done["privacy"],
        }
        for record in records
        for done in record["exported"]
    ]
    assert sorted(map(_sorted, found)) == sorted(map(_sorted, wanted))


def _sorted(row: dict[str, Any]) -> str:
    return repr(sorted(row.items()))


def test_data_freshness(athena: DuckAthena, records: list[Result]) -> None:
    found = {(row["report"], row["region"]): row for row in run(athena, "data-freshness")}
    assert set(found) == {(slug, region) for slug in SLUGS for region in REGIONS}
    for (slug, region), row in found.items():
        done = [
            (exported, record)
            for record in records
            for exported in record["exported"]
            if (exported["report"], exported["region"]) == (slug, region)
        ]
        settled = [exported["start"] for exported, _ in done if exported["state"] == "settled"]
        last = max(datetime.fromisoformat(record["finished_at"]) for _, record in done)
        assert row["latest_window"] == max(exported["start"] for exported, _ in done)
        assert row["latest_settled_window"] == max(settled)
        assert row["last_export"] == last.timestamp()
        assert row["hours_since_last_export"] == (NOW - last) // timedelta(hours=1)
        (overdue,) = (
            item
            for item in records[-1]["freshness"]
            if (item["report"], item["region"]) == (slug, region)
        )
        assert row["windows_overdue"] == overdue["due"]
        assert row["oldest_overdue_window"] == overdue["oldest_due"]
        assert row["hours_late"] == overdue["hours_late"]
    assert found["attendees", "us"]["windows_overdue"] == 0
    assert found["attendees", "us"]["oldest_overdue_window"] is None
    assert found["attendees", "eu"]["windows_overdue"] == 1
    assert found["attendees", "eu"]["hours_late"] > 0
    assert found["attendees", "us"]["last_export"] > found["attendees", "eu"]["last_export"]


def test_completeness_per_day(athena: DuckAthena, records: list[Result]) -> None:
    latest = {
        (done["report"], done["region"], done["start"]): (done["state"], done["rows"])
        for record in records
        for done in record["exported"]
    }
    days = [(NOW.date() - timedelta(days=back)).isoformat() for back in range(1, 29)]
    wanted = {
        (slug, region, day): latest.get((slug, region, day), ("missing", None))
        for slug in SLUGS
        for region in REGIONS
        for day in days
    }
    found = run(athena, "completeness-per-day")
    assert len(found) == len(wanted)
    assert wanted == {
        (row["report"], row["region"], row["day"]): (row["state"], row["row_count"])
        for row in found
    }
    assert {state for state, _ in wanted.values()} == {"settled", "settling", "missing"}


def test_compressed_exports_are_read(athena: DuckAthena, history: History) -> None:
    exports = history.world.export_keys()
    assert exports
    assert all(key.endswith(".csv.gz") for key in exports)
    for slug in SLUGS:
        rows = sum(
            len(history.world.rows(key)) - 1 for key in exports if key.startswith(f"{slug}/")
        )
        assert athena.query(f"SELECT count(*) AS n FROM {slug}") == [{"n": rows}]
