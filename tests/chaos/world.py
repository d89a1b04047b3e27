"""A world in which the exporter lives through a scenario."""

import contextlib
import json
import logging
import multiprocessing
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from random import Random
from threading import Lock
from types import TracebackType
from typing import Any, Self

from local.kaltura.api import Call
from local.kaltura.call_log import CallLog
from local.kaltura.clock import Clock
from local.kaltura.faults import Fault, RandomFaults
from local.kaltura.ks import generate
from local.kaltura.server import KalturaServer
from local.kaltura.university import University
from room_reports.export.errors import RunFailedError
from room_reports.export.service import ExporterService
from room_reports.storage.errors import StorageError
from tests.chaos import exporter
from tests.chaos.scenario import DAY, KALTURA_FAULTS, S3_FAULTS, Scenario, Step
from tests.support.s3.server import S3Server

_CHILDREN = multiprocessing.get_context("forkserver")
_CHILDREN.set_forkserver_preload(["tests.chaos.exporter"])


class SlowAnswers(CallLog):
    """Notes each call when its answer is made, and can hold it back before it is sent."""

    def __init__(self, made: Callable[[], None]) -> None:
        super().__init__()
        self._made = made

    def add(self, call: Call) -> None:
        """Notes a call whose answer has just been made."""
        super().add(call)
        if call.service == "report":
            self._made()


class World:
    """Kaltura's regions, S3 and the exporter, on clocks that only a scenario moves."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.now = scenario.start
        self.happened: Counter[str] = Counter()
        """How often each kind of fault happened."""
        self._requests = 0
        self._kill: tuple[int, int] | None = None
        self._step = scenario.last
        self._answers_until_pause = 0
        self._lock = Lock()
        self._s3_attempts: Counter[tuple[str, str]] = Counter()
        self._stack = contextlib.ExitStack()
        self._log = StringIO()
        self.regions = {name: self._region(name) for name in scenario.regions}
        self.s3 = S3Server(lambda: self.now + scenario.skew_s3)
        self.s3.fault = self._s3_fault
        self._secret = json.dumps({name: self._credentials(name) for name in scenario.regions})
        self._app = exporter.load_app()
        self._service = self._start_exporter()

    def __enter__(self) -> Self:
        for server in self.regions.values():
            self._stack.enter_context(server)
        self._stack.enter_context(self.s3)
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        self._child_output = Path(folder) / "output"
        self._child_output.touch()
        self._stack.enter_context(contextlib.redirect_stdout(self._log))
        handler = logging.StreamHandler(self._log)
        logging.getLogger().addHandler(handler)
        self._stack.callback(logging.getLogger().removeHandler, handler)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def here(self) -> float:
        """The time on the exporter's clock."""
        return self.now + self.scenario.skew_here

    def live_through(self) -> None:
        """Lives through every step of the scenario, whatever becomes of the runs."""
        for number, step in enumerate(self.scenario.steps):
            self._begin(step, number)
            if step.kill_at:
                self._run_and_kill(step.kill_at)
            elif step.twice:
                other = self._start_exporter()
                with ThreadPoolExecutor(2) as pool:
                    list(pool.map(self._run, (self._service, other)))
            else:
                self._run(self._service)
        self._begin(self.scenario.last, -1)
        self.now = self.now - self.now % 3600 + 600

    def catch_up(self) -> dict[str, Any]:
        """One run in which nothing goes wrong; its answer."""
        return exporter.invoke(self._app, self._service, self._event())

    def log_text(self) -> str:
        """All that the exporter said, wherever it ran."""
        kept = [
            item.body.decode(errors="replace")
            for prefix in ("runs/", "quarantine/")
            for key in self.s3.store.keys(prefix)
            for item in self.s3.store.versions(key)
        ]
        return "\n".join([self._log.getvalue(), self._child_output.read_text(), *kept])

    def secrets(self) -> set[str]:
        """Every credential that was in use."""
        entries = json.loads(self._secret).values()
        names = ("ks", "app_token", "admin_secret")
        return {entry[name] for entry in entries for name in names if name in entry}

    def _begin(self, step: Step, number: int) -> None:
        self.now += step.advance
        self._step = step
        self._answers_until_pause = step.pause_at or 0
        self._s3_attempts.clear()
        for name, server in self.regions.items():
            for call in server.calls.all():
                if call.fault:
                    self.happened[f"kaltura {call.fault}"] += 1
            server.calls.clear()
            server.faults.clear()
            server.stop()
            if name in step.down:
                self.happened["region down"] += 1
                continue
            server.start()
            seed = self.scenario.seed * 1000 + number
            if step.kaltura_rate:
                server.faults.at_random(RandomFaults(seed, step.kaltura_rate, KALTURA_FAULTS))
            if step.rate_limit:
                server.faults.push(
                    Fault("rate_limit", times=None, seconds=10, amount=step.rate_limit)
                )
        self.happened["outage"] += step.advance >= DAY
        self.happened["clock set back"] += step.advance < 0
        self.happened["two runs at once"] += step.twice
        if step.cold:
            self._service = self._start_exporter()

    def _run(self, service: ExporterService) -> None:
        with contextlib.suppress(RunFailedError, StorageError):
            exporter.invoke(self._app, service, self._event())

    def _run_and_kill(self, at: int) -> None:
        child = _CHILDREN.Process(
            target=exporter.run_in_child,
            args=(self._spec(), self._event(), str(self._child_output)),
        )
        self._requests = 0
        child.start()
        assert child.pid
        self._kill = (at, child.pid)
        child.join()
        self._kill = None
        self.happened["killed"] += child.exitcode == -signal.SIGKILL

    def _start_exporter(self) -> ExporterService:
        return exporter.service(self._spec, lambda: self.here, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def _event(self) -> dict[str, Any]:
        return {"detail-type": "Scheduled Event", "time": exporter.iso_time(self.here)}

    def _spec(self) -> exporter.Spec:
        regions = ",".join(f"{name}={server.url}" for name, server in self.regions.items())
        environment = {
            **self.scenario.environment,
            "KALTURA_REGIONS": regions,
            "COMPRESSION": "gzip" if self._step.gzip else "none",
            "BUCKET_NAME": "bucket",
            "SECRET_ID": "secret",
        }
        return exporter.Spec(
            environment, self._secret, self.s3.url, self.scenario.boto_attempts, self.here
        )

    def _region(self, name: str) -> KalturaServer:
        def time() -> float:
            self._count_request()
            return self.now

        clock = Clock(time)
        clock.offset = self.scenario.skew_kaltura
        university = University(self.scenario.seed, name, self.scenario.size)
        server = KalturaServer(university, clock=clock, settings=self.scenario.settings)
        server.calls = SlowAnswers(self._answer_made)
        return server

    def _answer_made(self) -> None:
        with self._lock:
            self._answers_until_pause -= 1
            if self._answers_until_pause != 0:
                return
            self.now += self._step.pause
        self.happened["a run overtaken by another"] += 1
        self._run(self._start_exporter())

    def _credentials(self, name: str) -> dict[str, Any]:
        account = self.regions[name].account
        form = self.scenario.secret_forms[name]
        if form == "ks":
            expiry = int(self.scenario.start + 365 * DAY)
            return {"ks": generate(account.partner_id, account.admin_secrets[0], expiry)}
        if form == "app_token":
            token = account.app_tokens[0]
            return {
                "partner_id": account.partner_id,
                "app_token_id": token.id,
                "app_token": token.token,
            }
        return {"partner_id": account.partner_id, "admin_secret": account.admin_secrets[0]}

    def _s3_fault(self, method: str, key: str) -> str | None:
        self._count_request()
        self._s3_attempts[method, key] += 1
        told = (self.scenario.seed, self.here, method, key, self._s3_attempts[method, key])
        rng = Random(repr(told))
        if rng.random() >= self._step.s3_rate:
            return None
        fault = rng.choice(S3_FAULTS)
        self.happened[f"s3 {fault}"] += 1
        return fault

    def _count_request(self) -> None:
        """Kills the exporter when its time has come; a region's clock is read once a request."""
        self._requests += 1
        if self._kill and self._requests >= self._kill[0]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._kill[1], signal.SIGKILL)
