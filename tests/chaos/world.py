"""A world in which nothing but the seed decides what happens, and when."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from random import Random
from types import TracebackType
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from local.kaltura.api import Call
from local.kaltura.call_log import CallLog
from local.kaltura.faults import Fault, RandomFaults
from room_reports.deadline import Deadline
from room_reports.export.errors import RunFailedError
from room_reports.export.service import Dependencies, ExporterService
from room_reports.kaltura.client import RetryPolicy
from room_reports.kaltura.transport import HttpPolicy
from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import StorageError
from tests.chaos.network import Network, NetworkFault, Request
from tests.chaos.scenario import (
    NETWORK_FAULTS,
    S3_FAULTS,
    SIMULATED_FAULTS,
    Lasting,
    Scenario,
    Step,
)
from tests.chaos.trace import Trace
from tests.support.runtimes import SimulatedRuntime
from tests.support.world import ClockSkew, Result, World

RUN_SECONDS = 800.0
_CALM = Step(advance=0.0)


@dataclass
class FinishedRun:
    """A run that has ended, and what it was up against."""

    name: str
    now: datetime
    """The time of its event."""
    step: Step
    result: Result | None = None
    """None when it ended without one."""
    error: str = ""
    """The error that ended it; ``killed`` when it was."""
    exported: Mapping[str, str] = field(default_factory=dict)
    """The key of each window that it exported, and why the window was due."""


class _TracedCalls(CallLog):
    """Passes each call on when its response is made."""

    def __init__(self, made: Callable[[Call], None]) -> None:
        super().__init__()
        self._made = made

    def add(self, call: Call) -> None:
        """Add a call."""
        super().add(call)
        self._made(call)


class SimulatedWorld(World):
    """A world on one simulated clock, with a network and a bucket that take simulated time."""

    def __init__(self, *, seed: int = 7, latency: float = 1.0, **arguments: Any) -> None:
        """Make a world.

        Args:
            latency: The longest that a request to Kaltura takes, in seconds; S3 takes a tenth.
            arguments: Those of ``World``.
        """
        self.simulation = SimulatedRuntime()
        self.trace = Trace()
        self.latency = latency
        self.step = _CALM
        self.lasting: list[Lasting] = []
        """Faults of the network that stay."""
        self.struck: Counter[str] = Counter()
        """How often each kind of fault occurred."""
        self.runs: list[FinishedRun] = []
        self._random = Random(f"world {seed}")
        self._seed = seed
        self._requests = 0
        self.s3_waits = 0
        """Requests to S3 that are under way."""
        self._attempts: Counter[str] = Counter()
        super().__init__(seed=seed, runtime=self.simulation, **arguments)
        self.calls: list[tuple[str, Call]] = []
        """The region and each call for a report, since the last run began."""
        for name, server in self.regions.items():
            server.calls = _TracedCalls(partial(self._called, name))
        self.s3.fault = self._s3_fault
        self.s3.observe = self._s3_responded
        self.network = Network(
            self.simulation,
            self._region_at,
            lambda: self.latency * self._random.random(),
            self._network_fault,
            self._responded,
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.simulation.close()
        super().__exit__(kind, error, trace)

    # Clocks

    @property
    def now(self) -> datetime:
        """The current time; setting it leaves the monotonic clock alone."""
        return self._epoch + timedelta(seconds=self.simulation.now)

    @now.setter
    def now(self, moment: datetime) -> None:
        self._epoch = moment - timedelta(seconds=self.simulation.now)

    # Runs

    def exporter(self) -> ExporterService:
        """Return an exporter as a new Lambda environment has it."""
        client = self._s3_client
        return ExporterService(
            Dependencies(
                environment=self.environment,
                secret=lambda _, **_fresh: self.secret,
                bucket=lambda name: Bucket(client, name),
                clock=self.exporter_time,
                retry=RetryPolicy(sleep=self.simulation.sleep, random=self._random.random),
                http=HttpPolicy(backoff=0, retry_after_max=0, adapter=self.network.adapter()),
                runtime=self.simulation,
            )
        )

    def invoke(self, *exporters: tuple[str, ExporterService]) -> list[FinishedRun]:
        """Run exporters at the same time, each in a process of its own, until they have ended."""
        event = self.scheduled_event()
        now = datetime.fromisoformat(str(event["time"]))
        self.calls.clear()
        self._requests = self.s3_waits = 0
        processes = {}
        for name, exporter in exporters:
            self.trace.add(self.now, "run", name, "begins")
            processes[name] = self.simulation.start_process(self._run(name, exporter, event))
        finished = []
        for name, process in processes.items():
            self.simulation.wait_any([process.result], None)
            run = FinishedRun(name, now, self.step)
            if process.killed:
                run.error = "killed"
                self.struck["killed"] += 1
            else:
                run.result, run.error = process.result.result()
            self._trace_result(run)
            finished.append(run)
        self.runs += finished
        return finished

    def _run(
        self, name: str, exporter: ExporterService, event: Mapping[str, object]
    ) -> Callable[[], tuple[Result | None, str]]:
        def call() -> tuple[Result | None, str]:
            deadline = Deadline.after(RUN_SECONDS, self.simulation.monotonic)
            try:
                return exporter.invoke(event, name, deadline), ""
            except RunFailedError as error:
                return json.loads(str(error)), "RunFailedError"
            except StorageError as error:
                return None, f"StorageError {error.code}"

        return call

    def _trace_result(self, run: FinishedRun) -> None:
        result = run.result or {"exported": [], "failed": [], "deferred": "?"}
        self.trace.add(
            self.now,
            *("run", run.name, "ended", run.error or "well"),
            f"exported={len(result['exported'])} deferred={result['deferred']}",
        )
        for failed in result["failed"]:
            self.trace.add(self.now, "run", run.name, "failed", failed["task"], error_code(failed))
        if run.result:
            key = next(k for k in reversed(self.s3.store.keys("runs/")) if run.name in k)
            record = self.run_record(key)
            run.exported = {done["task"]: done["reason"] for done in record["exported"]}

    # Faults

    def _called(self, region: str, call: Call) -> None:
        if call.fault:
            self.struck[f"kaltura {call.fault}"] += 1
        if call.service == "report":
            self.calls.append((region, call))
        params = " ".join(f"{k}={v}" for k, v in sorted(call.params.items()) if k != "format")
        if call.service != "report":
            params = ""
        self.trace.add(
            self.now,
            *("kaltura", region, call.service, call.report or call.action, params),
            f"fault={call.fault or 'none'} outcome={call.outcome} rows={call.rows}",
        )

    def _network_fault(self, request: Request) -> NetworkFault | None:
        self._count_request()
        fault = self._drawn(request)
        if fault:
            self.struck[f"network {fault.kind}"] += 1
            self.trace.add(
                self.now,
                *("network", request.region, request.service, request.report or "-"),
                f"fault={fault.kind} {fault.seconds}",
            )
        return fault

    def _drawn(self, request: Request) -> NetworkFault | None:
        for lasting in self.lasting:
            if lasting.region != request.region or lasting.report not in (None, request.report):
                continue
            if isinstance(lasting.fault, NetworkFault):
                return lasting.fault
        if request.region in self.step.down:
            return NetworkFault("refused")
        if self._random.random() < self.step.network_rate:
            return self._random.choice(NETWORK_FAULTS)
        return None

    def _responded(self, request: Request) -> None:
        """Do nothing; a subclass can let time go by while a response is on its way."""

    def _s3_fault(self, _method: str, _key: str) -> str | None:
        if self._random.random() >= self.step.s3_rate:
            return None
        fault = self._random.choice(S3_FAULTS)
        self.struck[f"s3 {fault}"] += 1
        return fault

    def _s3_responded(self, method: str, key: str, response: str) -> None:
        self.trace.add(self.now, "s3", method, key, response)

    def _count_request(self) -> None:
        """Kill the exporter when its time has come."""
        self._requests += 1
        if self._requests == self.step.kill_at and self.simulation.process:
            self.trace.add(self.now, "killed")
            self.simulation.kill()

    @cached_property
    def _s3_client(self) -> Any:
        client = boto3.client(
            "s3",
            endpoint_url=self.s3.url,
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            region_name="us-east-1",
            config=Config(
                s3={"addressing_style": "path"},
                # The S3 in memory checks no signature, and this saves a fifth of the time.
                signature_version=UNSIGNED,
                user_agent="simulation",
                parameter_validation=False,  # which takes a tenth of the time of a request
                retries={"mode": "standard", "total_max_attempts": self._s3_attempts},
                max_pool_connections=64,
                connect_timeout=60,
                read_timeout=60,
            ),
        )
        client.meta.events.register("before-send.s3", self._s3_latency)
        client.meta.events.register_first("needs-retry.s3", self._s3_retry)  # type: ignore[arg-type]
        return client

    def _s3_latency(self, **_: object) -> None:
        self._count_request()
        self._wait_for_s3(self.latency / 10 * self._random.random())

    def _wait_for_s3(self, seconds: float) -> None:
        self.s3_waits += 1
        try:
            self.simulation.sleep(seconds)
        finally:
            self.s3_waits -= 1

    def _s3_retry(
        self, attempts: int, response: tuple[Any, Any] | None = None, **_: object
    ) -> float | None:
        """Return the real seconds that botocore waits before it retries; None if it does not."""
        status = response[0].status_code if response else 503
        if attempts >= self._s3_attempts or status < 500:
            return None
        self._wait_for_s3(self._random.random())
        return 0.0

    def _region_at(self, url: str) -> str:
        return next(name for name, server in self.regions.items() if server.url == url)


class ChaosWorld(SimulatedWorld):
    """The world of a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._until_pause = 0
        super().__init__(
            seed=scenario.seed,
            now=datetime.fromtimestamp(scenario.start, UTC),
            regions=scenario.regions,
            size=scenario.size,
            settings=scenario.settings,
            secret_forms=scenario.secret_forms,
            variables=scenario.environment,
            skew=ClockSkew(
                *(
                    timedelta(seconds=skew)
                    for skew in (scenario.skew_here, scenario.skew_kaltura, scenario.skew_s3)
                )
            ),
            s3_attempts=scenario.boto_attempts,
        )
        self._exporter = self.exporter()
        self._number = 0
        self._broken_moment = scenario.start - 86_400.0

    def live_through(self, check: Callable[["ChaosWorld"], None]) -> None:
        """Live through every step of the scenario, and check the world after each."""
        if self.scenario.lasting and isinstance(self.scenario.lasting.fault, NetworkFault):
            self.lasting = [self.scenario.lasting]
        for step in self.scenario.steps:
            self._begin(step)
            first = [(self._name(), self._exporter)]
            self.invoke(*first, *[(self._name(), self.exporter()) for _ in range(step.twice)])
            if self.runs[-1 - step.twice].error == "killed":
                self._exporter = self.exporter()
            check(self)
        self.lasting = []
        self._begin(self.scenario.last)
        self.now = self.now.replace(minute=10, second=0, microsecond=0)
        # The truth is compared with as of now, so that no time must go by.
        self.latency = 0.0

    def catch_up(self) -> Result:
        """Run once with nothing wrong; return the result."""
        (run,) = self.invoke((self._name(), self._exporter))
        assert run.result is not None, run.error
        return run.result

    def _name(self) -> str:
        self._number += 1
        return f"run{self._number:05}"

    def _begin(self, step: Step) -> None:
        self.now += timedelta(seconds=step.advance)
        self.step = step
        self._until_pause = step.pause_at or 0
        self.environment["COMPRESSION"] = "gzip" if step.gzip else "none"
        self.trace.add(self.now, "step", step)
        lasting = self.scenario.lasting if step is not self.scenario.last else None
        for name, server in self.regions.items():
            server.calls.clear()
            server.faults.clear()
            if lasting and name == lasting.region and isinstance(lasting.fault, Fault):
                server.faults.push(self._lasting_fault(lasting, lasting.fault))
            if step.kaltura_rate:
                seed = self.scenario.seed * 1000 + self._number
                server.faults.at_random(RandomFaults(seed, step.kaltura_rate, SIMULATED_FAULTS))
            if step.rate_limit:
                server.faults.push(
                    Fault("rate_limit", times=None, seconds=10, amount=step.rate_limit)
                )
        self.struck["region down"] += bool(step.down)
        self.struck["outage"] += step.advance >= 86_400
        self.struck["clock set back"] += step.advance < 0
        self.struck["two runs at once"] += step.twice
        self.struck[f"lasting {lasting.name}" if lasting else "lasting none"] += 1
        if step.cold:
            self._exporter = self.exporter()

    def _lasting_fault(self, lasting: Lasting, fault: Fault) -> Fault:
        fault = replace(fault, report=lasting.report)
        if lasting.name.startswith("window"):
            return replace(fault, moment=self._broken_moment)
        if lasting.name.startswith("room"):
            sessions = self.regions[lasting.region].truth.rows(
                6000, int(self.scenario.start) - 7 * 86_400, int(self.scenario.start)
            )
            return replace(fault, room=sessions[0][0] if sessions else "none")
        return fault

    def _responded(self, request: Request) -> None:
        if request.service != "report" or not self._until_pause:
            return
        self._until_pause -= 1
        if self._until_pause:
            return
        # A response of Kaltura may take hours here. A request to S3 takes minutes at most: the
        # exporter's margin before a milestone relies on that.
        until = self.simulation.monotonic() + 60  # a run that was killed does not end its waits
        while self.s3_waits and self.simulation.monotonic() < until:
            self.simulation.sleep(0.01)
        self.struck["a run overtaken by another"] += 1
        self.now += timedelta(seconds=self.step.pause)
        event, name = self.scheduled_event(), self._name()
        self.trace.add(self.now, "run", name, "begins")
        process = self.simulation.start_process(self._run(name, self.exporter(), event))
        self.simulation.wait_any([process.result], None)
        now = datetime.fromisoformat(str(event["time"]))
        run = FinishedRun(name, now, self.step)
        run.result, run.error = process.result.result()
        self._trace_result(run)
        self.runs.append(run)


def error_code(failed: Mapping[str, Any]) -> str:
    """Return the code of a failed task's error."""
    return str(failed["error"]).partition(":")[0]
