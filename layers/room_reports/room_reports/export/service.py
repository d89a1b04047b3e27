"""The exporter: one invocation, with every dependency passed in."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

from room_reports.aws.init_phase import prepare
from room_reports.deadline import Deadline
from room_reports.errors import ConfigurationError
from room_reports.export.events import parse_event
from room_reports.export.notifications import Send
from room_reports.export.run import Run
from room_reports.export.scope import Scope
from room_reports.export.state import STATE_PREFIX
from room_reports.export.suppressed import read_suppression
from room_reports.kaltura.client import KalturaRegion, RetryPolicy, open_region
from room_reports.kaltura.credentials import (
    Credentials,
    parse_pseudonym_key,
    parse_secret,
)
from room_reports.kaltura.transport import HttpPolicy
from room_reports.model.regions import Region
from room_reports.model.suppression import Suppression
from room_reports.runtime import Runtime, ThreadRuntime
from room_reports.settings import Settings, SettingsReader, read_settings
from room_reports.storage.bucket import Bucket

_KEPT = 8
"""How many regions to stay connected to. With other credentials, a region counts as another one."""


class ReadSecret(Protocol):
    """Returns the text of a secret."""

    def __call__(self, secret_id: str, /, *, fresh: bool = False) -> str:
        """Return the text; raise ConfigurationError if it cannot be read.

        Args:
            fresh: Read it again, and use nothing that was kept.
        """
        ...


@dataclass(frozen=True)
class Dependencies:
    """Everything outside the exporter that it uses."""

    environment: Mapping[str, str]
    secret: ReadSecret
    bucket: Callable[[str], Bucket]
    """Returns the bucket with a name."""
    clock: Callable[[], datetime]
    """Returns the time in UTC."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    http: HttpPolicy = field(default_factory=HttpPolicy)
    """Its timeouts are replaced by those of the settings."""
    runtime: Runtime = field(default_factory=ThreadRuntime)
    event_bus: Callable[[str], Send] | None = None
    """Returns what sends to the event bus with a name; None: nothing is sent."""


@dataclass(frozen=True)
class Checked:
    """What an invocation needs, checked."""

    settings: Settings
    scope: Scope
    credentials: Mapping[str, Credentials]
    """By the region's name."""


class ExporterService:
    """The exporter; lives from one invocation to the next and keeps its Kaltura sessions."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies
        self._connected = lru_cache(maxsize=_KEPT)(self._connect)

    @property
    def dependencies(self) -> Dependencies:
        """Everything outside the exporter that it uses."""
        return self._dependencies

    def prepare(self) -> None:
        """Make clients, read the secret and connect, before the first invocation needs them.

        Nothing is raised: the invocation reports what is wrong.
        """
        reader = SettingsReader(self._dependencies.environment)
        settings = read_settings(reader)
        if not reader.problems:
            prepare(
                lambda: self._dependencies.bucket(settings.bucket).connect(STATE_PREFIX),
                lambda: self._connect_to_kaltura(settings),
            )

    def _connect_to_kaltura(self, settings: Settings) -> None:
        secret = self._dependencies.secret(settings.secret_id)
        regions = self._regions(settings, parse_secret(secret, settings.regions))
        prepare(*(region.connect for region in regions.values()))

    def invoke(
        self, event: Mapping[str, object], request_id: str, deadline: Deadline
    ) -> dict[str, Any]:
        """Export what ``event`` asks for and return the response that the contract describes.

        Raises:
            ConfigurationError: Before anything is exported, if settings, secret or event are
                wrong.
            RunFailedError: If a task failed, after all others have finished.
            StorageError: If the bucket cannot be listed or the run record cannot be written.
        """
        now = self._dependencies.clock()
        checked = self.check(event, now)
        return self.new_run(checked, now, request_id, deadline).execute(checked.scope).to_dict()

    def new_run(self, checked: Checked, now: datetime, request_id: str, deadline: Deadline) -> Run:
        """Return the run of one invocation."""
        dependencies, settings = self._dependencies, checked.settings
        return Run(
            run_id=f"{now:%Y%m%dT%H%M%SZ}-{request_id[:8]}",
            settings=settings,
            regions=self._regions(settings, checked.credentials),
            bucket=dependencies.bucket(settings.bucket),
            deadline=deadline,
            clock=dependencies.clock,
            runtime=dependencies.runtime,
            send=self._send(settings),
        )

    def _send(self, settings: Settings) -> Send | None:
        event_bus = self._dependencies.event_bus
        return event_bus(settings.event_bus) if event_bus and settings.event_bus else None

    def check(
        self, event: Mapping[str, object], now: datetime, regions: Collection[str] | None = None
    ) -> Checked:
        """Return the settings, the run's scope and each region's credentials.

        Args:
            regions: The names of the regions whose credentials are needed; None: all.

        Raises:
            ConfigurationError: Naming everything that is wrong with any of them.
            StorageError: If the suppression list cannot be read.
        """
        reader = SettingsReader(self._dependencies.environment)
        settings = read_settings(reader)
        problems = [f"{name}: {problem}" for name, problem in reader.problems.items()]
        scope, event_problems = parse_event(event, settings, now)
        problems += event_problems
        secret = ""
        credentials: Mapping[str, Credentials] = {}
        needed = tuple(each for each in settings.regions if regions is None or each.name in regions)
        # Without its id there is no secret, and without regions nothing to check it against.
        if needed and not {"SECRET_ID", "KALTURA_REGIONS"} & set(reader.problems):
            try:
                secret = self._dependencies.secret(settings.secret_id)
            except ConfigurationError as error:
                problems += error.problems
            else:
                settings, credentials, secret_problems = _with_secret(settings, secret, needed)
                problems += secret_problems
        if problems or scope is None:
            raise ConfigurationError(problems)
        if needed:
            settings = replace(settings, suppression=self._suppression(settings, secret))
        return Checked(settings, scope, credentials)

    def _suppression(self, settings: Settings, secret: str) -> Suppression | None:
        bucket = self._dependencies.bucket(settings.bucket)
        try:
            return read_suppression(bucket, secret)
        except ConfigurationError:
            # The first erasure puts the key into the secret just before it writes the list.
            newest = self._dependencies.secret(settings.secret_id, fresh=True)
            return read_suppression(bucket, newest)

    def _regions(
        self, settings: Settings, credentials: Mapping[str, Credentials]
    ) -> dict[str, KalturaRegion]:
        """Return each region by its name; the same ones until a setting or the secret changes."""
        return {
            region.name: self._connected(
                region,
                credentials[region.name],
                settings.connect_timeout,
                settings.read_timeout,
            )
            for region in settings.regions
            if region.name in credentials
        }

    def _connect(
        self,
        region: Region,
        credentials: Credentials,
        connect_timeout: float,
        read_timeout: float,
    ) -> KalturaRegion:
        dependencies = self._dependencies
        http = replace(
            dependencies.http, connect_timeout=connect_timeout, read_timeout=read_timeout
        )
        return open_region(
            region,
            credentials,
            http,
            dependencies.retry,
            clock=lambda: dependencies.clock().timestamp(),
            lock=dependencies.runtime.lock,
        )


def _with_secret(
    settings: Settings, secret: str, regions: tuple[Region, ...]
) -> tuple[Settings, Mapping[str, Credentials], Sequence[str]]:
    """Return the settings with the key of the pseudonyms, if they need it, and the credentials.

    Returns:
        The settings, the credentials of ``regions``, and everything that is wrong with the secret.
    """
    credentials: Mapping[str, Credentials] = {}
    problems: list[str] = []
    try:
        credentials = parse_secret(secret, regions)
    except ConfigurationError as error:
        problems += error.problems
    if settings.privacy.needs_key:
        try:
            key = parse_pseudonym_key(secret)
            settings = replace(settings, privacy=settings.privacy.with_key(key))
        except ConfigurationError as error:
            problems += error.problems
    return settings, credentials, problems
