"""Files that were exported again, as the run records tell it: what ``late_data`` works on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from room_reports.export.planner import Reason
from room_reports.export.samples import Band, bands
from room_reports.model.windows import parse_timestamp
from room_reports_command.late_data import LateRows, Reexport
from room_reports_command.run_records import RunRecord

_REQUEST = ("window_start", "window_end", "filters", "source")
"""What an export was made with. Two exports with different ones cannot be compared."""
_BOTH = ("region", "granularity")


@dataclass
class _File:
    """One file, from run to run."""

    request: tuple[Any, ...] | None = None
    """What its last export was made with; None if no record tells."""
    pending: list[LateRows] = field(default_factory=list)
    """What exports have found that were made because something was late.

    These are no fair sample. They count when the file has its turn in the sample, which would have
    found the same.
    """


@dataclass(frozen=True)
class Stages:
    """The stages in which files are exported again, with the settings of today."""

    settle: timedelta
    bands: tuple[Band, ...]

    @classmethod
    def of(cls, sample_days: int, settle: timedelta) -> "Stages":
        """Return the stages of a stack with these settings."""
        return cls(settle, bands(sample_days, settle))

    def __len__(self) -> int:
        return 1 + len(self.bands)

    def of_age(self, days: int) -> int | None:
        """Return the stage of a sample of this age; None if no band has it today."""
        for number, band in enumerate(self.bands, start=1):
            if band.first <= days < band.end:
                return number
        return None


def reexports(runs: Iterable[RunRecord], stages: Stages) -> dict[tuple[str, str], list[Reexport]]:
    """Return the files that were exported again, by region and granularity.

    Args:
        runs: In any order.
    """
    files: dict[str, _File] = {}
    found: dict[tuple[str, str], list[Reexport]] = {}
    for run in sorted(runs, key=lambda each: each.started):
        for exported in run.fields["exported"]:
            file = files.setdefault(exported["task"].removesuffix(".gz"), _File())
            of_account = found.setdefault(tuple(exported[name] for name in _BOTH), [])
            of_account.extend(_reexport(file, run, exported, stages))
    return found


def _reexport(
    file: _File, run: RunRecord, exported: Mapping[str, Any], stages: Stages
) -> Iterator[Reexport]:
    request = tuple(exported.get(name) for name in _REQUEST)
    former, file.request = file.request, request
    reason = exported["reason"]
    compares = exported["change"] is not None and former in (None, request)
    if not compares or reason not in _SAYS_SOMETHING or (reason == _FORCED and former is None):
        file.pending.clear()
        return
    late, day = _late_rows(run, exported), exported["start"][:10]
    if reason == _SETTLE:
        # What the settled export finds was caught by SettleHours, however late the run came.
        hours = stages.settle / timedelta(hours=1)
        late = replace(late, by=max(late.after, min(late.by, hours)))
        yield Reexport(0, exported["rows"], (late,), day)
        file.pending.clear()
        return
    age = parse_timestamp(run.fields["now"]).date() - date.fromisoformat(day)
    stage = stages.of_age(age.days)
    file.pending.append(late)
    if reason == _SAMPLE and stage is not None:
        yield Reexport(stage, exported["rows"], tuple(file.pending), day)
        file.pending.clear()


_SETTLE, _SAMPLE, _NEIGHBOUR, _FORCED = (
    reason.name.lower()
    for reason in (Reason.SETTLE, Reason.SAMPLE, Reason.NEIGHBOUR, Reason.FORCED)
)
_SAYS_SOMETHING = (_SETTLE, _SAMPLE, _NEIGHBOUR, _FORCED)


def _late_rows(run: RunRecord, exported: Mapping[str, Any]) -> LateRows:
    end = parse_timestamp(exported["window_end"])
    before = exported.get("previous_exported_at")
    after = parse_timestamp(before) - end if before else timedelta()
    change = exported["change"]
    # A row whose key changed, as when an LMS sends user ids in another form, is not a late one.
    added = max(change["added"] - change["removed"], 0)
    hour = timedelta(hours=1)
    return LateRows(
        after=max(after / hour, 0.0),
        by=max((run.finished - end) / hour, 0.0),
        added=added,
        altered=change["altered"] - change.get("renamed", 0),
    )
