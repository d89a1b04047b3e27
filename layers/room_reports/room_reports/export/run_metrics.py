"""The metrics of a run."""

from collections.abc import Sequence

from aws_lambda_powertools.metrics import MetricUnit, single_metric

from room_reports.export.lateness import SeriesFreshness
from room_reports.export.result import RunResult
from room_reports.telemetry import NAMESPACE, metrics


def measure(result: RunResult, *, scheduled: bool, unsent: int = 0) -> None:
    """Emit the metrics of a run.

    Args:
        scheduled: Whether the run looked at everything that can be due. One that looked at a
            range says nothing of how late the exports are, and must neither raise nor clear the
            alarm on it.
        unsent: The number of notifications that EventBridge did not take.
    """
    counts = {
        "TasksExported": len(result.exported),
        "TasksFailed": len(result.failed),
        "TasksDeferred": result.deferred,
        "RowsExported": sum(done.fetched.summary.rows for done in result.exported),
        "NotificationsUnsent": unsent,
    }
    if scheduled:
        counts["TasksDue"] = sum(item.due for item in result.freshness)
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    if scheduled:
        _measure_lateness(result)


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


def _by_report(
    freshness: Sequence[SeriesFreshness],
) -> dict[tuple[str, str], list[SeriesFreshness]]:
    grouped: dict[tuple[str, str], list[SeriesFreshness]] = {}
    for item in freshness:
        grouped.setdefault((item.series.slug, item.series.region), []).append(item)
    return grouped
