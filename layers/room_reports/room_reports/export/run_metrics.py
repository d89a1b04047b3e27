"""The metrics of a run."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit, single_metric

from room_reports.deadline import Deadline
from room_reports.export.lateness import SeriesFreshness
from room_reports.export.result import RunResult
from room_reports.kaltura.call_log import Calls
from room_reports.kaltura.client import KalturaRegion
from room_reports.telemetry import NAMESPACE, logger, metrics

if TYPE_CHECKING:
    from room_reports.storage.csv_file import CsvSummary

_EXPIRES_SOON = timedelta(hours=72)
_EXPIRY_SECONDS = 5.0


def measure(
    result: RunResult,
    *,
    scheduled: bool,
    unsent: int,
    calls: Mapping[str, Calls],
    expiring: int,
    quarantined_before: int | None,
) -> None:
    """Emit the metrics of a run.

    Args:
        scheduled: Whether the run looked at everything that can be due. One that looked at a
            range says nothing of how late the exports are, and must neither raise nor clear the
            alarm on it.
        unsent: At least how many notifications EventBridge has not taken.
        calls: The calls to Kaltura, by region.
        expiring: The number of Kaltura sessions in the secret that expire soon.
        quarantined_before: The number of responses that other runs have left in quarantine; None
            if it is not known.
    """
    counts = {
        "TasksExported": len(result.exported),
        "TasksFailed": len(result.failed),
        "TasksDeferred": result.deferred,
        "RowsExported": sum(done.fetched.summary.rows for done in result.exported),
        "ResponsesQuarantined": result.quarantined,
        "QualityFindings": result.new_findings,
        "NotificationsUnsent": unsent,
    }
    if result.samples.changed:
        # Only then: CloudWatch charges for a metric by the hours in which it has a value.
        counts["SamplesChanged"] = result.samples.changed
    if scheduled:
        counts["TasksDue"] = sum(item.due for item in result.freshness)
        counts["KalturaSessionsExpiring"] = expiring
        if quarantined_before is not None:
            counts["ResponsesInQuarantine"] = quarantined_before + result.quarantined
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    if scheduled:
        _measure_lateness(result)
    _measure_files(result)
    for region, of_region in calls.items():
        _measure_calls(region, of_region)


def expiring_sessions(
    regions: Mapping[str, KalturaRegion], now: datetime, deadline: Deadline
) -> int:
    """Return how many regions have a Kaltura session in the secret that expires soon.

    Kaltura is asked, for a few seconds at most. A region that does not say counts as none.
    """
    if deadline.remaining() <= 0:
        return 0
    patience = Deadline(deadline.clock() + _EXPIRY_SECONDS, deadline.clock)
    expiring = 0
    for name, region in regions.items():
        expiry = region.static_expiry(patience)
        if expiry is None or expiry - now.timestamp() > _EXPIRES_SOON.total_seconds():
            continue
        expiring += 1
        logger.warning("The Kaltura session in the secret expires soon", region=name)
    return expiring


def _measure_lateness(result: RunResult) -> None:
    late = max((item.hours_late for item in result.freshness), default=0.0)
    metrics.add_metric("HoursLate", MetricUnit.NoUnit, late)
    for (slug, region), items in _by_report(result.freshness).items():
        hours = max(item.hours_late for item in items)
        for name, unit, value in (
            ("HoursLate", MetricUnit.NoUnit, hours),
            ("TasksDue", MetricUnit.Count, sum(item.due for item in items)),
        ):
            with single_metric(name, unit, value, namespace=NAMESPACE) as metric:
                metric.add_dimension("report", slug)
                metric.add_dimension("region", region)


def _measure_files(result: RunResult) -> None:
    exported: dict[tuple[str, str], list[CsvSummary]] = {}
    for done in result.exported:
        series = done.task.series
        exported.setdefault((series.slug, series.region), []).append(done.fetched.summary)
    for (slug, region), files in exported.items():
        of_report = EphemeralMetrics(namespace=NAMESPACE)
        of_report.add_dimension("report", slug)
        of_report.add_dimension("region", region)
        rows, size = sum(file.rows for file in files), sum(file.size for file in files)
        of_report.add_metric("RowsExported", MetricUnit.Count, rows)
        of_report.add_metric("BytesExported", MetricUnit.Bytes, size)
        of_report.flush_metrics()


def _measure_calls(region: str, calls: Calls) -> None:
    of_region = EphemeralMetrics(namespace=NAMESPACE)
    of_region.add_dimension("region", region)
    for seconds in calls.seconds:
        of_region.add_metric("KalturaSeconds", MetricUnit.Seconds, seconds)
    if of_region.metric_set:  # Powertools emits every hundred values by itself
        of_region.flush_metrics()
    for code, count in calls.errors.items():
        of_code = EphemeralMetrics(namespace=NAMESPACE)
        of_code.add_dimension("region", region)
        of_code.add_dimension("code", code)
        of_code.add_metric("KalturaErrors", MetricUnit.Count, count)
        of_code.flush_metrics()


def _by_report(
    freshness: Sequence[SeriesFreshness],
) -> dict[tuple[str, str], list[SeriesFreshness]]:
    grouped: dict[tuple[str, str], list[SeriesFreshness]] = {}
    for item in freshness:
        grouped.setdefault((item.series.slug, item.series.region), []).append(item)
    return grouped
