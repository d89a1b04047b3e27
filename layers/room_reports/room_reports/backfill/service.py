"""The backfill's steps, one for each action of ``statemachines/backfill.asl.yaml``.

``begin`` checks the input. For each region, ``plan`` cuts what is due into portions, ``export``
exports one of them, ``fail`` keeps why an invocation failed, and ``plan`` comes again until it says
that the region ends. ``end`` writes the summary.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from room_reports.backfill.attempts import Counted, exported_by_attempts, run_suffix
from room_reports.backfill.portions import Portion, portions, total
from room_reports.backfill.results import NOTHING, RoundOutcome, to_error, to_result
from room_reports.backfill.rounds import (
    Decision,
    Next,
    RegionState,
    decide,
    dry_run,
    failed,
    superseded,
    wait,
)
from room_reports.backfill.store import BackfillStore
from room_reports.backfill.summary import summarise
from room_reports.deadline import Deadline
from room_reports.errors import ConfigurationError
from room_reports.export.events import EXAMPLE, is_scheduled
from room_reports.export.result import RunResult
from room_reports.export.scope import CalendarRange, Scope
from room_reports.export.service import ExporterService
from room_reports.model.windows import iso, parse_timestamp

_NAME = re.compile(r"[^\s/]{1,80}")
"""What an execution can be called."""
_OPTIONS = ("force", "other_filters", "other_privacy")
"""The fields of the direct event that each portion takes over."""


class BackfillService:
    """The steps of a backfill; lives as long as the exporter that it uses."""

    def __init__(self, exporter: ExporterService) -> None:
        self._dependencies = exporter.dependencies
        self._exporter = exporter

    def invoke(
        self, event: Mapping[str, Any], request_id: str, deadline: Deadline
    ) -> dict[str, Any]:
        """Carry out the step that ``event["backfill"]`` names.

        Raises:
            ConfigurationError: If settings, secret or event are wrong.
            StorageError: If S3 refuses or fails.
        """
        control = event["backfill"]
        steps: dict[str, Callable[[], dict[str, Any]]] = {
            "begin": lambda: self._begin(event, control),
            "plan": lambda: self._plan(control, request_id, deadline),
            "export": lambda: self._export(event, control, deadline),
            "fail": lambda: self._fail(control),
            "end": lambda: self._end(control),
        }
        if not isinstance(control, dict) or control.get("action") not in steps:
            raise ConfigurationError([f"backfill: its action should be one of: {', '.join(steps)}"])
        if not _NAME.fullmatch(str(control.get("execution", ""))):
            raise ConfigurationError(["backfill: its execution should be the execution's name"])
        return steps[control["action"]]()

    def _begin(self, event: Mapping[str, Any], control: Mapping[str, Any]) -> dict[str, Any]:
        """Check what the execution was asked for, and put the execution in charge."""
        asked = event.get("event")
        if not isinstance(asked, dict) or is_scheduled(asked):
            raise ConfigurationError([f"the input should be a direct event, like {EXAMPLE}"])
        checked = self._exporter.check(asked, self._dependencies.clock(), regions=())
        settings = checked.settings
        store = self._plain_store(control)
        store.write_request(
            {
                "execution": store.execution,
                "started_at": iso(parse_timestamp(str(control["started_at"]))),
                "event": asked,
                "regions": list(checked.scope.regions),
                "concurrency": settings.child_concurrency,
                "children": settings.children,
            }
        )
        if not checked.scope.dry_run:
            store.take_over()
        state = RegionState().to_dict()
        return {"regions": [{"region": region, "state": state} for region in checked.scope.regions]}

    def _plan(
        self, control: Mapping[str, Any], request_id: str, deadline: Deadline
    ) -> dict[str, Any]:
        """Return what comes next for a region, and write the portions of its next round."""
        now = self._dependencies.clock()
        region, state = str(control["region"]), RegionState.from_dict(control["state"])
        store = self._plain_store(control)
        request = store.read_request()
        only_counts = bool(request["event"].get("dry_run"))
        outcome = self._outcome(store, region, state)
        found: list[Portion] = []
        if not only_counts and not store.in_charge():
            decision = superseded(state, outcome)
        elif not only_counts and store.calls_under_way(region, now):
            decision = wait(state, outcome)
        else:
            checked = self._exporter.check(request["event"], now, regions=(region,))
            run = self._exporter.new_run(checked, now, request_id, deadline)
            plan = run.plan(_scope(checked.scope, request, region))
            found = portions(plan)
            due, expired = total(found), sum(planned.expired for planned in plan.values())
            decision = dry_run(due) if only_counts else decide(state, outcome, due)
            decision = replace(decision, state=replace(decision.state, expired=expired))
        key = ""
        if decision.next is Next.EXPORT:
            items = _items(found, request, store, region, decision)
            key = store.write_portions(region, decision.state.round, items)
        return {
            "region": region,
            "state": decision.state.to_dict(),
            "next": decision.next,
            "pause": decision.pause,
            "portions": key,
            "children": request["children"],
        }

    def _export(
        self,
        event: Mapping[str, Any],
        control: Mapping[str, Any],
        deadline: Deadline,
    ) -> dict[str, Any]:
        """Export one portion, and write the result."""
        now = self._dependencies.clock()
        region, number, portion = str(control["region"]), control["round"], control["portion"]
        direct = {name: value for name, value in event.items() if name != "backfill"}
        checked = self._exporter.check(direct, now, regions=(region,))
        store = self._plain_store(control)
        with store.calling(region, number, portion):
            # After the announcement: a newer execution either sees it, or is seen here.
            run_result = None
            if store.in_charge() and not store.is_down(region, number):
                run = self._exporter.new_run(checked, now, run_suffix(control), deadline)
                settings = replace(run.settings, concurrency=control["concurrency"])
                scope = _scope(checked.scope, control, region)
                run_result = replace(run, settings=settings).carry_out(scope)
        earlier = NOTHING
        if run_result is None or _accounted(run_result) < control["windows"]:
            done = {each.task.key for each in run_result.exported} if run_result else set()
            earlier = self._exported_by_attempts(event, store, leave_out=done)
        result = to_result(event, run_result, earlier)
        finished = self._dependencies.clock()
        store.write_result({**result, "started_at": iso(now), "finished_at": iso(finished)})
        return {name: result[name] for name in ("exported", "rows", "deferred", "run_id")}

    def _fail(self, control: Mapping[str, Any]) -> dict[str, Any]:
        """Keep the error of an invocation that failed, for the next plan and for the operator."""
        store = self._plain_store(control)
        region, number, portion = str(control["region"]), control["round"], control["portion"]
        item = store.read_portion(region, number, portion)
        earlier = self._exported_by_attempts(item, store)
        error = to_error(item, control["failed"], earlier)
        finished = self._dependencies.clock()
        store.write_error(region, number, portion, {**error, "finished_at": iso(finished)})
        return {}

    def _end(self, control: Mapping[str, Any]) -> dict[str, Any]:
        """Write the summary, and return it."""
        store = self._plain_store(control)
        states = {each["region"]: self._last_state(each, store) for each in control["regions"]}
        summary = summarise(store.read_request(), states, self._dependencies.clock())
        store.write_summary(summary)
        return summary

    def _last_state(self, region: Mapping[str, Any], store: BackfillStore) -> RegionState:
        """Return the last state of a region, as the state machine hands it over.

        Args:
            region: Has ``region`` and ``state``, and ``failed`` with ``Error`` and ``Cause`` if a
                step of its own failed.
        """
        state = RegionState.from_dict(region["state"])
        step = region.get("failed")
        if not step:
            return state
        # What the round has done that the failed step would have added.
        outcome = self._outcome(store, region["region"], state)
        return failed(state, outcome, step["Error"], step["Cause"])

    def _outcome(self, store: BackfillStore, region: str, state: RegionState) -> RoundOutcome:
        """Return what the latest round did; an empty outcome before the first."""
        if not state.round:
            return RoundOutcome()
        return RoundOutcome.of(store.results(region, state.round, self._dependencies.runtime))

    def _exported_by_attempts(
        self, item: Mapping[str, Any], store: BackfillStore, leave_out: Collection[str] = ()
    ) -> Counted:
        """Return what the attempts of a portion have exported."""
        return exported_by_attempts(item, store.bucket, self._dependencies.runtime, leave_out)

    def _plain_store(self, control: Mapping[str, Any]) -> BackfillStore:
        """Return the execution's documents without checking the other settings."""
        bucket = self._dependencies.bucket(self._dependencies.environment["BUCKET_NAME"])
        return BackfillStore(bucket, str(control["execution"]))


def _accounted(run: RunResult) -> int:
    """Return the number of windows that were due when a run looked; another may export some."""
    return len(run.exported) + len(run.failed) + run.deferred


def _scope(scope: Scope, request: Mapping[str, Any], region: str) -> Scope:
    """Return what a backfill considers of a region: windows that began before it was started."""
    started = parse_timestamp(request["started_at"])
    return replace(
        scope,
        trigger="backfill",
        reports={region: scope.reports[region]},
        time_ranges={
            granularity: CalendarRange(span.start, min(span.end, started), span.calendar)
            for granularity, span in scope.time_ranges.items()
        },
        # Otherwise open windows would be due again in every round.
        open_windows=scope.force and scope.open_windows,
        dry_run=False,
        written_before=started,
    )


def _items(
    found: list[Portion],
    request: Mapping[str, Any],
    store: BackfillStore,
    region: str,
    decision: Decision,
) -> list[dict[str, Any]]:
    """Return the events of the child workflows of a round."""
    number = decision.state.round
    options = {name: True for name in _OPTIONS if request["event"].get(name)}
    return [
        {
            **portion.event(),
            **options,
            "backfill": {
                "action": "export",
                "execution": store.execution,
                "started_at": request["started_at"],
                "concurrency": request["concurrency"],
                "region": region,
                "round": number,
                "portion": place,
                "windows": portion.windows,
            },
        }
        for place, portion in enumerate(found, 1)
    ]
