"""What must be true of the bucket when everything has worked for one run."""

import csv
import hashlib
import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from gzip import decompress
from zoneinfo import ZoneInfo

from room_reports.model.day_files import DayFile, parse_rows
from room_reports.model.freshness import state_at
from room_reports.model.reports import Report, report_with_id
from room_reports.model.windows import Calendar, Granularity, Window, iso
from room_reports.storage.keys import Series, day_index_key
from tests.chaos.world import ChaosWorld
from tests.support.privacy import protected
from tests.support.s3.store import Item
from tests.support.tables import Table


@dataclass(frozen=True)
class Expected:
    """A window that the bucket must hold."""

    report: Report
    series: Series
    window: Window


def keys_of(item: Expected) -> list[str]:
    """Return the keys that a window can have."""
    return [item.series.key(item.window, gzip=gzip) for gzip in (False, True)]


def expected(world: ChaosWorld, now: datetime) -> list[Expected]:
    """Return every window that a run at this time must have exported."""
    environment = world.scenario.environment
    since = now - timedelta(days=int(environment["CATCH_UP_DAYS"]))
    is_open = environment["EXPORT_OPEN_WINDOW"] == "true"
    found = []
    for granularity in map(Granularity, environment["GRANULARITIES"].split(",")):
        calendar = Calendar(granularity, ZoneInfo(environment["TIME_ZONE"]))
        for window in calendar.overlapping(since, now):
            if window.end > now and not is_open:
                continue
            for report in map(report_with_id, world.scenario.reports):
                for region in world.scenario.regions:
                    series = Series(report.slug, region, granularity)
                    found.append(Expected(report, series, window))
    return found


def verify(world: ChaosWorld) -> None:
    """Compare the bucket with the truth, row for row."""
    store = world.s3.store
    keys = {
        key
        for key in store.keys("")
        if not key.startswith(("runs/", "quarantine/", "state/", "pieces/", "index/"))
    }
    windows = expected(world, world.exporter_time().replace(microsecond=0))
    assert windows
    for item in windows:
        names = keys_of(item)
        present = [key for key in names if key in keys]
        assert len(present) == 1, f"{names[0]} is there {len(present)} times"
        stored = store.get(present[0])
        assert stored
        _verify_one(world, item, present[0], stored)
        for version in store.versions(present[0]):
            _verify_whole(world, item, present[0], version)
    assert not {key for key in keys if _once(key) in keys - {key}}
    _verify_index(world, windows)


def _verify_index(world: ChaosWorld, windows: list[Expected]) -> None:
    """Assert that the index has a row for each day file that a run has looked at, and is right."""
    store = world.s3.store
    rows: dict[tuple[str, str, str], DayFile] = {}
    for region in world.scenario.regions:
        for month in {item.window.dt[:7] for item in windows}:
            stored = store.get(day_index_key(region, month))
            if stored:
                found = parse_rows(stored.body.decode()).values()
                rows |= {(row.report, region, row.dt): row for row in found}
    days = [item for item in windows if item.window.granularity is Granularity.DAY]
    assert bool(rows) == bool(days)
    for item in days:
        (key,) = (key for key in keys_of(item) if store.get(key))
        stored = store.get(key)
        assert stored
        row = rows.pop((item.report.slug, item.series.region, item.window.dt))
        assert row.last_modified == iso(stored.last_modified), key
        assert (row.rows, row.state, row.sessions) == tuple(
            stored.metadata[name] for name in ("rows", "state", "sessions")
        ), key


def _once(key: str) -> str:
    return key.removesuffix(".gz") if key.endswith(".gz") else f"{key}.gz"


def _verify_whole(world: ChaosWorld, item: Expected, key: str, stored: Item) -> None:
    """Never, not even for a while, was there less than everything under the label of settled."""
    if stored.metadata["state"] == "settled":
        assert _rows(key, stored) == _truth(world, item, None), key


def _verify_one(world: ChaosWorld, item: Expected, key: str, stored: Item) -> None:
    window = item.window
    body = _body(key, stored)
    rows = _rows(key, stored)
    assert rows == _truth(world, item, world.kaltura_time().timestamp()), key
    metadata = stored.metadata
    settle = timedelta(seconds=world.scenario.settle)
    # The planner's "now" has whole seconds, as EventBridge's time has.
    now = world.exporter_time().replace(microsecond=0)
    assert metadata["rows"] == str(len(rows) - 1), key
    assert metadata["sha256"] == hashlib.sha256(body).hexdigest(), key
    assert metadata["window-start"] == iso(window.start), key
    assert metadata["window-end"] == iso(window.end), key
    assert metadata["state"] == state_at(window, settle, now), key
    assert metadata["exported-at"] <= iso(now), key
    assert metadata["run-id"], key
    assert metadata["schema"], key
    assert stored.headers.get("Content-Encoding") == ("gzip" if key.endswith(".gz") else None)


def _body(key: str, stored: Item) -> bytes:
    return decompress(stored.body) if key.endswith(".gz") else stored.body


def _rows(key: str, stored: Item) -> list[list[str]]:
    text = io.StringIO(_body(key, stored).decode(), newline="")
    header, *rows = csv.reader(text, strict=True)
    return [header, *sorted(rows)]


def _truth(world: ChaosWorld, item: Expected, as_of: float | None) -> list[list[str]]:
    """Return the published file, its rows sorted, that holds what Kaltura holds."""
    report, window = item.report, item.window
    truth = world.regions[item.series.region].truth.rows(
        report.id, int(window.start.timestamp()), int(window.end.timestamp()), as_of=as_of
    )
    columns = tuple(column.name for column in report.columns)
    quoted = frozenset(world.scenario.settings.quoted.get(report.id, ()))
    published = Table(report, columns, tuple(map(tuple, truth)), quoted).published()
    setting = world.environment.get("PRIVACY_COLUMNS", "")
    header, *rows = protected(published, setting, report.slug)
    return [header, *sorted(rows)]
