"""What must be true after every run, whatever goes wrong."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from room_reports.model.freshness import milestones
from room_reports.model.reports import REPORTS
from room_reports.model.windows import Calendar
from room_reports.storage.keys import parse_key
from tests.chaos.scenario import Lasting
from tests.chaos.verify import Expected, expected, keys_of
from tests.chaos.world import ChaosWorld, FinishedRun, error_code
from tests.support.s3.store import Item

_SAMPLES = ("sample", "neighbour")
_NEAR = timedelta(minutes=30)
"""Around a milestone, clocks disagree about whether it has passed, and a run may wait for it."""


def check(world: ChaosWorld) -> None:
    """Check everything that must be true after a run."""
    _check_rows(world)
    _check_each_is_exported_once(world)
    run = world.runs[-1]
    if run.step.calm:
        _check_nothing_is_late(world, run)
        _check_each_is_fetched_once(world, run)


def _check_rows(world: ChaosWorld) -> None:
    """Assert that a settled file never has fewer rows than the one before it."""
    for key in world.export_keys():
        versions = world.s3.store.versions(key)
        for before, after in pairwise(versions):
            if after.metadata.get("state") == "settled":
                counts = [int(item.metadata["rows"]) for item in (before, after)]
                assert counts[0] <= counts[1], f"{key} went from {counts[0]} to {counts[1]} rows"


def _check_nothing_is_late(world: ChaosWorld, run: FinishedRun) -> None:
    """Assert that the first run after a milestone exports every window that works."""
    late = [
        f"{item.series.slug} {item.series.region} {item.window}"
        for item in due(world, run.now)
        if not is_unhealthy(item, world.scenario.lasting)
    ]
    assert not late, f"after {run.name} these are late: {late}"


def is_unhealthy(item: Expected, lasting: Lasting | None) -> bool:
    """Return whether a fault that stays affects a window's series."""
    return (
        lasting is not None
        and item.series.region == lasting.region
        and lasting.report in (None, item.report.id)
    )


def due(world: ChaosWorld, now: datetime) -> Iterator[Expected]:
    """Yield each window that lacks an export since its latest milestone, if that was before now."""
    settle = timedelta(seconds=world.scenario.settle)
    for item in expected(world, now):
        passing = milestones(item.window, settle)
        passed = [moment for moment in passing if moment <= now]
        if not passed or any(abs(now - moment) < _NEAR for moment in passing):
            continue
        stored = _newest(world, item)
        if stored is None or stored.last_modified < passed[-1]:
            yield item


def _newest(world: ChaosWorld, item: Expected) -> Item | None:
    found = [world.s3.store.get(key) for key in keys_of(item)]
    return max(filter(None, found), key=lambda each: each.last_modified, default=None)


def _check_each_is_exported_once(world: ChaosWorld) -> None:
    """Assert that a window is exported once after each milestone.

    Apart from that, a settled window is exported at most once a day as a sample.
    """
    settle = timedelta(seconds=world.scenario.settle)
    done: dict[tuple[str, datetime | date], str] = {}
    for run in world.runs:
        at_once = run.step.twice or run.step.pause_at
        for key, reason in run.exported.items():
            parsed = parse_key(key)
            assert parsed
            calendar = Calendar(
                parsed.series.granularity, ZoneInfo(world.environment.get("TIME_ZONE", "UTC"))
            )
            passing = milestones(calendar.window(parsed.label), settle)
            passed = [moment for moment in passing if moment <= run.now]
            once: datetime | date
            if reason in _SAMPLES:
                assert passed == list(passing), f"{key} was a sample in {run.name}, and not settled"
                once = run.now.date()
            elif not passed or any(abs(run.now - moment) < _NEAR for moment in passing):
                continue
            else:
                once = passed[-1]
            earlier = done.setdefault((key, once), run.name)
            assert earlier == run.name or at_once, (
                f"{key} was exported in {earlier}, and as {reason} again in {run.name}"
            )


def _check_each_is_fetched_once(world: ChaosWorld, run: FinishedRun) -> None:
    """Assert that a run asks for each window once at most, unless it fails."""
    failed = {item["task"] for item in (run.result or {}).get("failed", ())}
    asked = Counter(
        (region, call.report, call.params.get("from_date"), call.params.get("to_date"))
        for region, call in world.calls
        if call.outcome == "ok"
        and not call.fault
        and not call.params.get("entry_ids")
        and not call.params.get("parentEntryIds")
    )
    for key in (run.result or {}).get("exported", ()):
        parsed = parse_key(key)
        assert parsed
        metadata = world.item(key).metadata
        if "pieces" in metadata or failed:
            continue
        report = next(r.id for r in REPORTS if r.slug == parsed.series.slug)
        edges = [
            str(int(datetime.fromisoformat(metadata[name]).timestamp()))
            for name in ("window-start", "window-end")
        ]
        times = asked[parsed.series.region, report, edges[0], edges[1]]
        assert times <= 1, f"{key} was fetched {times} times in {run.name}"


def states(world: ChaosWorld) -> set[str]:
    """Return the states that a world has been in: planner reason, outcome and fault."""
    lasting = world.scenario.lasting
    found = set()
    for run in world.runs:
        step = run.step
        faults = [
            name
            for name, on in (
                (f"lasting {lasting.name}" if lasting else "", lasting),
                ("kaltura", step.kaltura_rate),
                ("network", step.network_rate),
                ("s3", step.s3_rate),
                ("down", step.down),
                ("rate limit", step.rate_limit),
                ("killed", step.kill_at),
                ("twice", step.twice),
                ("overtaken", step.pause_at),
            )
            if on
        ] or ["none"]
        result = run.result or {}
        outcomes = {error_code(failed) for failed in result.get("failed", ())}
        outcomes |= {f"exported {reason}" for reason in run.exported.values()}
        outcomes |= {"deferred"} if result.get("deferred") else set()
        outcomes |= {run.error} if run.result is None else set()
        found |= {f"{outcome} / {fault}" for outcome in outcomes for fault in faults}
    return found
