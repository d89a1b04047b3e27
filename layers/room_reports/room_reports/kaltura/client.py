"""A Kaltura region: reports come out, or an error that says what to do about it."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from room_reports.deadline import Deadline
from room_reports.kaltura.credentials import Credentials
from room_reports.kaltura.errors import (
    DeadlineError,
    RegionError,
    SessionExpiredError,
    TooHeavyError,
    TransientError,
    UnreachableError,
)
from room_reports.kaltura.request import ReportRequest
from room_reports.kaltura.session import KalturaSession, KalturaSessionProvider
from room_reports.kaltura.transport import HttpPolicy, Transport
from room_reports.model.regions import Region

_T = TypeVar("_T")


@dataclass(frozen=True)
class RetryPolicy:
    """How often to try, and how long to wait between; times are in seconds."""

    attempts: int = 4
    first_wait: float = 1.0
    longest_wait: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = field(default=random.random)

    def wait(self, attempt: int, at_least: float) -> float:
        """Seconds to wait after the ``attempt``-th try: exponential, half of it by chance."""
        backoff = min(self.first_wait * 2.0 ** (attempt - 1), self.longest_wait)
        return at_least + backoff * (0.5 + self.random() / 2)


class KalturaRegion:
    """One region's reports; safe to share between threads."""

    def __init__(
        self,
        region: Region,
        transport: Transport,
        sessions: KalturaSessionProvider,
        retry: RetryPolicy,
    ) -> None:
        self.name = region.name
        self._transport = transport
        self._sessions = sessions
        self._retry = retry

    def fetch(
        self,
        request: ReportRequest,
        consume: Callable[[Iterator[bytes]], _T],
        deadline: Deadline,
    ) -> _T:
        """What ``consume`` makes of a report's bytes, which were proven complete.

        ``consume`` must read the stream to its end, and is called anew, with a new stream, when a
        try failed on the way.

        Raises:
            KalturaError: when there is no report to be had, retries included.
        """
        attempt, renewed = 0, False
        while True:
            attempt += 1
            session: KalturaSession | None = None
            try:
                session = self._session(deadline)
                return self._once(request, session, consume, deadline)
            except SessionExpiredError as error:
                self._sessions.discard(session)
                if renewed or not self._sessions.can_mint:
                    raise self._expired(error) from error
                renewed = True
            except RegionError:
                # Whatever was wrong with the session, the next run shall not inherit it.
                self._sessions.discard(session)
                raise
            except (UnreachableError, DeadlineError):
                raise
            except (TransientError, TooHeavyError) as error:
                wait = self._retry.wait(attempt, error.wait)
                if attempt >= self._retry.attempts or wait >= deadline.remaining():
                    raise
                self._retry.sleep(wait)

    def _session(self, deadline: Deadline) -> KalturaSession:
        try:
            return self._sessions.current(deadline)
        except SessionExpiredError as error:
            raise self._expired(error) from error

    def _once(
        self,
        request: ReportRequest,
        session: KalturaSession,
        consume: Callable[[Iterator[bytes]], _T],
        deadline: Deadline,
    ) -> _T:
        form = {"ks": session.ks, "id": str(request.report.id), "params": request.params()}
        with self._transport.report(form, deadline) as stream:
            result = consume(stream)
            if next(stream, None) is not None:
                raise RuntimeError("the report was not read to its end, which nobody has proven")
            return result

    def _expired(self, error: SessionExpiredError) -> RegionError:
        advice = (
            "and so was a new one; check the clocks, and the app token's duration in Kaltura"
            if self._sessions.can_mint
            else "put a new one into the secret, or an app token, which renews itself"
        )
        return RegionError(error.code, f"{error.reason}; {advice}")


def connect(
    regions: tuple[Region, ...],
    credentials: Mapping[str, Credentials],
    http: HttpPolicy,
    retry: RetryPolicy,
    clock: Callable[[], float],
) -> dict[str, KalturaRegion]:
    """Each region by its name, ready to be asked; makes no connection yet.

    Args:
        credentials: by the region's name.
        clock: Unix time in seconds.
    """
    connected: dict[str, KalturaRegion] = {}
    for region in regions:
        transport = Transport(region.base_url, http)
        sessions = KalturaSessionProvider(credentials[region.name], transport, clock)
        connected[region.name] = KalturaRegion(region, transport, sessions, retry)
    return connected
