"""What a backfill keeps in the bucket, under ``backfill/``.

Each object is written by one step, and again when Step Functions tries the step again, except
``current.json``, which names the execution in charge.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

from room_reports.export.state import is_active, set_active, set_inactive
from room_reports.runtime import Runtime, map_concurrently
from room_reports.storage.bucket import Bucket

PREFIX = "backfill/"
_CURRENT = f"{PREFIX}current.json"
_ACTIVE = f"{PREFIX}active/"
_CONCURRENT_READS = 16
_DOWN = ".down.json"
_ERROR = ".error.json"


@dataclass(frozen=True)
class BackfillStore:
    """The objects of one execution."""

    bucket: Bucket
    execution: str
    """The execution's name."""

    # Which execution is in charge

    def take_over(self) -> None:
        """Put this execution in charge, so that an older one ends by itself."""
        self.bucket.write_json(_CURRENT, json.dumps({"execution": self.execution}))

    def in_charge(self) -> bool:
        """Return whether no newer execution has taken over."""
        found = self.bucket.read_small(_CURRENT)
        return found is not None and json.loads(found.text).get("execution") == self.execution

    # Calls under way

    @contextmanager
    def calling(self, region: str, number: int, portion: int) -> Iterator[None]:
        """Say that an invocation may call a region's Kaltura, as long as the block lasts."""
        # The key is that of the portion, and not of the invocation, so that a retry takes the place
        # of an invocation that was killed.
        key = f"{_ACTIVE}{region}/{self.execution}-{number:03}-{portion:05}"
        set_active(self.bucket, key)
        try:
            yield
        finally:
            set_inactive(self.bucket, key)

    def calls_under_way(self, region: str, now: datetime) -> bool:
        """Return whether an invocation of any execution may be calling a region's Kaltura."""
        return any(
            is_active(item, now) for item in self.bucket.small_objects(f"{_ACTIVE}{region}/")
        )

    # Documents

    def write_request(self, request: Mapping[str, Any]) -> None:
        """Write what the execution was asked for."""
        self._write("request.json", request)

    def read_request(self) -> dict[str, Any]:
        """Return what the execution was asked for."""
        request: dict[str, Any] = self._read(f"{PREFIX}{self.execution}/request.json")
        return request

    def write_portions(self, region: str, number: int, items: Iterable[Mapping[str, Any]]) -> str:
        """Write the events of a round's child workflows, and return the key."""
        return self._write(f"{_round(region, number)}.json", list(items))

    def read_portion(self, region: str, number: int, portion: int) -> dict[str, Any]:
        """Return the event of one child workflow."""
        items = self._read(f"{PREFIX}{self.execution}/{_round(region, number)}.json")
        item: dict[str, Any] = items[portion - 1]
        return item

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write the result of a child workflow; its name tells others that the region is down."""
        name = f"{_round(result['region'], result['round'])}/{result['portion']:05}"
        self._write(f"{name}{_DOWN if result['down'] else '.json'}", result)

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Write the summary."""
        self._write("summary.json", summary)

    # The results of a round

    def write_error(self, region: str, number: int, portion: int, error: object) -> None:
        """Write why a child workflow has no result."""
        self._write(f"{_round(region, number)}/{portion:05}{_ERROR}", error)

    def is_down(self, region: str, number: int) -> bool:
        """Return whether a child workflow of this round has found its region down."""
        return any(key.endswith(_DOWN) for key in self._result_keys(region, number))

    def results(
        self, region: str, number: int, runtime: Runtime
    ) -> list[tuple[int, dict[str, Any]]]:
        """Return the results and the errors of a round, each with the number of its portion."""
        keys = self._result_keys(region, number)
        documents = map_concurrently(runtime, self._read, keys, _CONCURRENT_READS)
        places = (int(key.rpartition("/")[2].partition(".")[0]) for key in keys)
        return list(zip(places, documents, strict=True))

    def _result_keys(self, region: str, number: int) -> list[str]:
        return self.bucket.keys(f"{PREFIX}{self.execution}/{_round(region, number)}/")

    def _read(self, key: str) -> Any:
        body = BytesIO()
        self.bucket.read(key, body)
        return json.loads(body.getvalue())

    def _write(self, name: str, value: object) -> str:
        key = f"{PREFIX}{self.execution}/{name}"
        self.bucket.write_json(key, json.dumps(value, ensure_ascii=False))
        return key


def _round(region: str, number: int) -> str:
    return f"{region}/round-{number:03}"
