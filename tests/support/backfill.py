"""A backfill in a world, without Step Functions: the steps in the order of the state machine."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from room_reports.backfill.service import BackfillService
from room_reports.model.windows import iso
from tests.support.world import World


class FailedChildError(Exception):
    """Raised in place of a child workflow that failed for good."""


@dataclass
class Backfill:
    """One execution.

    Attributes:
        after_portion: called after each child workflow; what it raises stops the execution.
        seconds: returns how long the invocation with an event may take.
        pauses: the seconds before each round, by region.
    """

    world: World
    execution: str = "first"
    after_portion: Callable[[], None] = lambda: None
    seconds: Callable[[Mapping[str, Any]], float] = lambda _: 800.0
    pauses: dict[str, list[int]] = field(default_factory=dict)

    def run(self, event: Mapping[str, Any]) -> Any:
        """Run the state machine with this input, and return the summary."""
        started_at = iso(self.world.now)
        begun = self.step("begin", {"started_at": started_at}, event=event)
        ended = [self._region(region) for region in begun["regions"]]
        return self.step("end", {"regions": ended})

    def step(self, action: str, control: Mapping[str, Any], **fields: Any) -> Any:
        """Invoke the function for one step, as Step Functions does: everything is JSON."""
        named = {"action": action, "execution": self.execution, **control}
        return self.invoke({"backfill": named, **fields})

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Invoke a new function with an event."""
        service = BackfillService(self.world.exporter())
        sent = json.loads(json.dumps(event))
        deadline = self.world.deadline(self.seconds(sent))
        return json.loads(json.dumps(service.invoke(sent, str(uuid4()), deadline)))

    def objects(self, prefix: str = "") -> dict[str, Any]:
        """Return the documents of the execution, by key."""
        root = f"backfill/{self.execution}/"
        keys = self.world.s3.store.keys(root + prefix)
        return {key.removeprefix(root): json.loads(self.world.item(key).body) for key in keys}

    def _region(self, region: dict[str, Any]) -> dict[str, Any]:
        while True:
            region = self.step("plan", {"region": region["region"], "state": region["state"]})
            if region["next"] == "end":
                return region
            self.world.now += timedelta(seconds=region["pause"])
            self.pauses.setdefault(region["region"], []).append(region["pause"])
            if region["next"] == "export":
                items = json.loads(self.world.item(region["portions"]).body)
                with ThreadPoolExecutor(region["children"]) as pool:
                    list(pool.map(self._child_or_error, items))

    def _child_or_error(self, item: dict[str, Any]) -> None:
        with suppress(FailedChildError):
            self._child(item)

    def _child(self, item: dict[str, Any]) -> None:
        self.invoke(item)
        self.after_portion()
