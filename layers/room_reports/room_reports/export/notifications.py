"""Notifications: what other programs are told about files and days, as events of EventBridge.

A run sends them after it has written the files. What EventBridge does not take stays under
``state/unsent/`` until a later run has sent it.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from room_reports.deadline import Deadline
from room_reports.export.publish import ExportedTask
from room_reports.model.freshness import State, milestones
from room_reports.model.windows import Calendar, Granularity, Window, iso
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import StorageError
from room_reports.storage.keys import Series
from room_reports.telemetry import logger

SOURCE = "kaltura-room-reports"
"""The source of every event."""
UNSENT_PREFIX = "state/unsent/"
BATCH = 10
"""The most events that EventBridge takes in one call."""
_MOST_RESENT = 20
"""Objects with notifications of earlier runs that a run takes up, so that it comes to an end."""


class Kind(StrEnum):
    """What happened; the event's ``detail-type``."""

    PUBLISHED = "Report Published"
    """A file is new, or has new content, and is not final."""
    SETTLED = "Report Settled"
    """A file is final, and was not before."""
    CHANGED = "Settled Report Changed"
    """A file that was final has new content."""
    DAY_COMPLETE = "Day Complete"
    """Every report of a region is settled for a day."""


@dataclass(frozen=True)
class Notification:
    """One event: what happened, and to what."""

    detail_type: str
    detail: Mapping[str, Any]


Send = Callable[[Sequence[Notification]], list[Notification]]
"""Sends notifications and returns those that were not accepted; never raises."""


def kind_of(done: ExportedTask) -> Kind | None:
    """Return what an export means to others; None if nothing is different for them."""
    if done.former_state == State.SETTLED:
        return None if done.same else Kind.CHANGED
    if done.state is State.SETTLED:
        return Kind.SETTLED
    return None if done.same else Kind.PUBLISHED


def file_notification(done: ExportedTask, kind: Kind, bucket: str, run_id: str) -> Notification:
    """Return the notification of one file."""
    series, window, summary = done.task.series, done.task.window, done.fetched.summary
    return Notification(
        kind.value,
        {
            "bucket": bucket,
            "key": done.task.key,
            "report": series.slug,
            "region": series.region,
            "granularity": series.granularity.value,
            "start": window.label,
            "window_start": iso(window.start),
            "window_end": iso(window.end),
            "state": done.state.value,
            "rows": summary.rows,
            "size": summary.size,
            "sha256": summary.sha256,
            "change": asdict(done.change) if done.change else None,
            "run_id": run_id,
        },
    )


def windows_of_day(calendar: Calendar, dt: str) -> list[Window]:
    """Return the windows of one ``dt``: one day, or the hours of a day in UTC."""
    if calendar.granularity is Granularity.DAY:
        return [calendar.window(dt)]
    return [calendar.window(f"{dt}T{hour:02}Z") for hour in range(24)]


@dataclass
class Notifier:
    """Sends the notifications of one run. Without ``send``, it does nothing."""

    send: Send | None
    bucket: Bucket
    settings: Settings
    run_id: str
    deadline: Deadline
    unsent: list[Notification] = field(default_factory=list)
    """Those that EventBridge did not take."""
    _waiting: list[Notification] = field(default_factory=list)
    _settled: dict[Series, set[str]] = field(default_factory=dict)
    """Labels of the windows that this run has left settled, by series."""
    _touched: dict[tuple[str, Granularity], set[str]] = field(default_factory=dict)
    """The values of ``dt`` of which a file has become settled, or has changed since."""

    def exported(self, done: ExportedTask) -> None:
        """Take note of a file that was written; send once there is a batch."""
        if self.send is None:
            return
        series, window = done.task.series, done.task.window
        kind = kind_of(done)
        if done.state is State.SETTLED:
            self._settled.setdefault(series, set()).add(window.label)
        if kind in (Kind.SETTLED, Kind.CHANGED):
            self._touched.setdefault((series.region, series.granularity), set()).add(window.dt)
        if kind:
            self._waiting.append(file_notification(done, kind, self.bucket.name, self.run_id))
        if len(self._waiting) >= BATCH:
            self._flush()

    def finish(self) -> int:
        """Send what is left, of this run and of earlier ones, and keep what was not accepted.

        Returns:
            At least how many notifications are still to be sent.
        """
        if self.send is None:
            return 0
        for (region, granularity), days in self._touched.items():
            try:
                self._waiting += self._complete_days(region, granularity, sorted(days))
            except StorageError as error:
                logger.error("Complete days cannot be found", region=region, error=str(error))
        self._flush()
        try:
            if self.unsent:
                self._keep(f"{UNSENT_PREFIX}{self.run_id}.json", self.unsent)
                return len(self.unsent)
            return self._resend()
        except StorageError as error:
            logger.error("Unsent notifications cannot be kept", error=str(error))
            return len(self.unsent)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting or self.send is None:
            return
        # EventBridge that has failed once would cost every batch of the run a time-out.
        self.unsent += waiting if self.unsent else self.send(waiting)

    def _complete_days(
        self, region: str, granularity: Granularity, days: Sequence[str]
    ) -> Iterable[Notification]:
        """Return the notification of each of ``days`` on which every report is settled."""
        calendar = self.settings.calendar(granularity)
        windows = {dt: windows_of_day(calendar, dt) for dt in days}
        wanted = {window.label: window for of_day in windows.values() for window in of_day}
        all_series = [
            Series(report.slug, region, granularity)
            for report in self.settings.reports_by_region[region]
        ]
        settled = {series: self._settled_labels(series, wanted, days) for series in all_series}
        for dt, of_day in windows.items():
            if all(each.label in settled[series] for series in all_series for each in of_day):
                yield Notification(
                    Kind.DAY_COMPLETE.value,
                    {
                        "bucket": self.bucket.name,
                        "region": region,
                        "granularity": granularity.value,
                        "dt": dt,
                        "window_start": iso(of_day[0].start),
                        "window_end": iso(of_day[-1].end),
                        "state": State.SETTLED.value,
                        "reports": {series.slug: f"{series.prefix}{dt}/" for series in all_series},
                        "run_id": self.run_id,
                    },
                )

    def _settled_labels(
        self, series: Series, wanted: Mapping[str, Window], days: Sequence[str]
    ) -> set[str]:
        found = set(self._settled.get(series, ()))
        if found.issuperset(wanted):
            return found
        for item in self.bucket.exports(series, days[0], days[-1]):
            window = wanted.get(item.parsed.label)
            if window and item.last_modified >= milestones(window, self.settings.settle)[1]:
                found.add(window.label)
        return found

    def _resend(self) -> int:
        """Send what earlier runs could not, oldest first, until a call fails.

        Returns:
            At least how many are left: an object that was not looked at counts as one.
        """
        assert self.send is not None
        kept = [item.key for item in self.bucket.small_objects(UNSENT_PREFIX) if item.size]
        left = 0
        for place, key in enumerate(kept):
            if place == _MOST_RESENT or self.deadline.remaining() <= 0:
                return left + len(kept) - place
            found = self.bucket.read_small(key)
            notifications = _parse(found.text if found else "")
            unsent = self.send(notifications)
            left += len(unsent)
            if unsent and len(unsent) == len(notifications):
                return left + len(kept) - place - 1
            self._keep(key, unsent)
        return left

    def _keep(self, key: str, notifications: Sequence[Notification]) -> None:
        """Write notifications for a later run. As nothing can be deleted, none leave no bytes."""
        text = json.dumps([[each.detail_type, each.detail] for each in notifications])
        self.bucket.write_json(key, text if notifications else "")


def _parse(text: str) -> list[Notification]:
    try:
        return [Notification(str(kind), dict(detail)) for kind, detail in json.loads(text)]
    except (ValueError, TypeError):
        return []
