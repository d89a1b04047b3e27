"""The notifications of runs: what others are told, when, and what happens if they cannot be."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest

from local.kaltura.campus import Size
from local.kaltura.faults import Fault
from room_reports.export.notifications import Kind, Notification
from room_reports.storage.errors import StorageError
from tests.support.world import NOW, SLUGS, World, export_key

YESTERDAY = "2026-09-19"
SMALL = Size(rooms=3, attendees=3)
SETTLED = NOW + timedelta(hours=48)


@dataclass
class EventBus:
    """An event bus that keeps what it receives, and can be down."""

    received: list[Notification] = field(default_factory=list)
    down: bool = False
    refusals: int = 0
    """How many of the next notifications are refused."""
    calls: int = 0

    def send(self, notifications: Sequence[Notification]) -> list[Notification]:
        self.calls += 1
        if self.down:
            return list(notifications)
        refused = list(notifications[: self.refusals])
        self.refusals -= len(refused)
        self.received += notifications[len(refused) :]
        return refused

    def take(self) -> list[tuple[str, dict[str, Any]]]:
        received, self.received = self.received, []
        return [(each.detail_type, json.loads(json.dumps(each.detail))) for each in received]

    def kinds(self) -> dict[str, int]:
        kinds = [kind for kind, _ in self.take()]
        return {kind: kinds.count(kind) for kind in sorted(kinds)}


def test_a_file_is_published_then_settled_and_then_its_day_is_complete() -> None:
    bus = EventBus()
    with World(size=SMALL, send=bus.send) as world:
        world.run_scheduled()
        published = bus.take()
        assert {kind for kind, _ in published} == {Kind.PUBLISHED}
        keys = {export_key(slug, "us", YESTERDAY) for slug in SLUGS}
        assert {detail["key"] for _, detail in published} == keys
        for _, detail in published:
            metadata = world.item(detail["key"]).metadata
            assert detail["rows"] == int(metadata["rows"])
            for name in ("sha256", "state", "window-start", "window-end", "run-id"):
                assert detail[name.replace("-", "_")] == metadata[name]

        world.run_scheduled()
        assert bus.take() == []

        world.now = SETTLED
        world.environment["CATCH_UP_DAYS"] = "1"
        world.run({"from": YESTERDAY, "to": "2026-09-20"})
        settled = bus.take()
        assert [kind for kind, _ in settled] == [Kind.SETTLED] * 3 + [Kind.DAY_COMPLETE]
        complete = settled[-1][1]
        assert (complete["region"], complete["dt"]) == ("us", YESTERDAY)
        assert set(complete["reports"]) == set(SLUGS)
        for slug, prefix in complete["reports"].items():
            assert export_key(slug, "us", YESTERDAY).startswith(prefix)
        world.run({"from": YESTERDAY, "to": "2026-09-20"})
        assert bus.take() == []


def test_a_change_after_a_file_was_settled_is_told_and_an_equal_file_is_not() -> None:
    bus = EventBus()
    with World(size=SMALL, send=bus.send) as world:
        world.now = SETTLED
        event = {"from": YESTERDAY, "to": "2026-09-20", "force": True}
        world.run(event)
        assert bus.kinds() == {Kind.DAY_COMPLETE: 1, Kind.SETTLED: 3}
        world.run(event)
        assert bus.kinds() == {}
        key = export_key("attendees", "us", YESTERDAY)
        item = world.item(key)
        header = item.body.split(b"\n")[0] + b"\n"
        metadata = {**item.metadata, "sha256": "0" * 64, "rows": "0"}
        world.s3.store.put(key, header, metadata=metadata, headers=item.headers)
        world.run(event)
        (changed, complete) = bus.take()
        assert (changed[0], changed[1]["key"]) == (Kind.CHANGED, key)
        assert changed[1]["change"]["added"] == changed[1]["rows"]
        assert complete[0] == Kind.DAY_COMPLETE


def test_a_day_is_complete_only_with_its_last_report_and_in_its_region() -> None:
    bus = EventBus()
    with World(size=SMALL, regions=("us", "eu"), send=bus.send) as world:
        world.now = SETTLED
        event = {"from": "2026-09-18", "to": "2026-09-20"}
        world.run({**event, "reports": ["attendees", "room_data"]})
        assert bus.kinds() == {Kind.SETTLED: 8}
        world.regions["us"].faults.push(Fault("garbage_text", times=None))
        world.run_and_fail(event)
        completed = [(d["region"], d["dt"]) for kind, d in bus.take() if kind == Kind.DAY_COMPLETE]
        assert completed == [("eu", "2026-09-18"), ("eu", "2026-09-19")]
        world.regions["us"].faults.clear()
        world.run(event)
        completed = [(d["region"], d["dt"]) for kind, d in bus.take() if kind == Kind.DAY_COMPLETE]
        assert completed == [("us", "2026-09-18"), ("us", "2026-09-19")]


def test_a_day_of_hours_is_complete_with_its_last_hour() -> None:
    bus = EventBus()
    variables = {"GRANULARITIES": "hour", "SETTLE_HOURS": "1"}
    with World(size=SMALL, variables=variables, send=bus.send) as world:
        world.now = SETTLED
        world.run({"from": "2026-09-19T00:00:00Z", "to": "2026-09-19T23:00:00Z"})
        assert bus.kinds() == {Kind.SETTLED: 69}
        world.run({"from": "2026-09-19T23:00:00Z", "to": "2026-09-20T00:00:00Z"})
        told = bus.take()
        assert [kind for kind, _ in told] == [Kind.SETTLED] * 3 + [Kind.DAY_COMPLETE]
        assert (told[-1][1]["granularity"], told[-1][1]["dt"]) == ("hour", YESTERDAY)
        start = datetime.fromisoformat(told[-1][1]["window_start"])
        assert datetime.fromisoformat(told[-1][1]["window_end"]) - start == timedelta(days=1)


def unsent_keys(world: World) -> list[str]:
    return [key for key in world.s3.store.keys("state/unsent/") if world.item(key).body]


def test_what_could_not_be_sent_is_sent_by_a_later_run_and_no_export_fails() -> None:
    bus = EventBus(down=True)
    with World(size=SMALL, send=bus.send) as world:
        event = {"from": "2026-09-10", "to": "2026-09-20"}
        world.now = SETTLED
        result = world.run(event)
        assert (len(result["exported"]), result["failed"]) == (30, [])
        assert bus.calls == 1, "a bus that is down must not cost every batch a time-out"
        assert len(unsent_keys(world)) == 1
        world.now += timedelta(hours=1)
        world.run(event, request_id="1111111111")
        assert (len(unsent_keys(world)), bus.take()) == (1, [])

        bus.down = False
        bus.refusals = 2
        world.now += timedelta(hours=1)
        world.run(event, request_id="2222222222")
        first = bus.take()
        assert len(unsent_keys(world)) == 1
        world.now += timedelta(hours=1)
        world.run(event, request_id="3333333333")
        told = [*first, *bus.take()]
        assert unsent_keys(world) == []
        days = [f"2026-09-{day}" for day in range(10, 20)]
        expected = {export_key(slug, "us", day) for slug, day in product(SLUGS, days)}
        assert {detail["key"] for kind, detail in told if kind == Kind.SETTLED} == expected
        assert [d["dt"] for kind, d in told if kind == Kind.DAY_COMPLETE] == days
        assert len(told) == 40


def test_notifications_are_sent_also_if_the_run_record_cannot_be_written() -> None:
    bus = EventBus()
    with World(size=SMALL, send=bus.send) as world:
        world.s3.fault = lambda method, key: (
            "AccessDenied" if method == "PUT" and key.startswith("runs/") else None
        )
        with pytest.raises(StorageError):
            world.run_scheduled()
        assert bus.kinds() == {Kind.PUBLISHED: 3}


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '[["Report Settled", 1]]'])
def test_what_is_kept_but_cannot_be_read_is_dropped(text: str) -> None:
    bus = EventBus()
    with World(size=SMALL, send=bus.send) as world:
        world.s3.store.put("state/unsent/old.json", text.encode(), metadata={}, headers={})
        world.run_scheduled()
        assert unsent_keys(world) == []
        assert {kind for kind, _ in bus.take()} == {Kind.PUBLISHED}


def test_without_an_event_bus_nothing_is_asked_of_s3_for_it() -> None:
    with World(size=SMALL) as world:
        world.run_scheduled()
        assert not [key for _, key in world.s3.requests if "unsent" in key]
