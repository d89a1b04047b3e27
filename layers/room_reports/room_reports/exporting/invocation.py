"""One invocation of the exporter, with everything around it passed in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from room_reports.deadline import Deadline
from room_reports.exporting.prepare import prepare
from room_reports.exporting.run import Run
from room_reports.lake.bucket import Bucket
from room_reports.settings import Region
from room_reports.source.client import KalturaRegion, RetryPolicy
from room_reports.source.connect import connect
from room_reports.source.credentials import Credentials
from room_reports.source.transport import HttpPolicy


@dataclass(frozen=True)
class Surroundings:
    """What an exporter finds around it: settings, secret, bucket, clock, patience."""

    environment: Mapping[str, str]
    secret: Callable[[str], str]
    """Gives the text of the secret with an id; raises ConfigurationError."""
    bucket: Callable[[str], Bucket]
    clock: Callable[[], datetime]
    """The time in UTC."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    http: HttpPolicy = field(default_factory=HttpPolicy)
    """The timeouts in it are replaced by those of the settings."""


class ExporterService:
    """The exporter as it lives from one invocation to the next, with Kaltura's sessions kept."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._connected = lru_cache(maxsize=1)(self._connect)

    def invoke(
        self, event: Mapping[str, object], request_id: str, deadline: Deadline
    ) -> dict[str, Any]:
        """Exports what ``event`` asks for by ``deadline`` and answers as the contract says.

        Raises:
            ConfigurationError: before anything is exported, when settings, secret or event are
                wrong.
            RunFailedError: when a task failed, after all others were done.
            LakeError: when the bucket cannot be listed or the run record cannot be written.
        """
        around = self._around
        now = around.clock()
        settings, scope, credentials = prepare(event, around.environment, around.secret, now)
        run = Run(
            run_id=f"{now:%Y%m%dT%H%M%SZ}-{request_id[:8]}",
            settings=settings,
            regions=self._connected(
                settings.regions,
                tuple(credentials.items()),
                settings.connect_timeout,
                settings.read_timeout,
            ),
            bucket=around.bucket(settings.bucket),
            deadline=deadline,
            clock=around.clock,
        )
        return run.do(scope).answer()

    def _connect(
        self,
        regions: tuple[Region, ...],
        credentials: tuple[tuple[str, Credentials], ...],
        connect_timeout: float,
        read_timeout: float,
    ) -> dict[str, KalturaRegion]:
        around = self._around
        http = replace(around.http, connect_timeout=connect_timeout, read_timeout=read_timeout)
        return connect(
            regions,
            dict(credentials),
            http,
            around.retry,
            clock=lambda: around.clock().timestamp(),
        )
