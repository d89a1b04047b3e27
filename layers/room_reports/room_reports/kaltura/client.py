"""The client of one Kaltura region, which fetches reports and retries."""

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
    """How often to call Kaltura for one report, and how long to wait between; times in seconds."""

    attempts: int = 4
    first_wait: float = 1.0
    longest_wait: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = field(default=random.random)

    def wait(self, attempt: int, at_least: float) -> float:
        """Return the seconds to wait after the ``attempt``-th attempt.

        The wait grows exponentially, and half of it is random. ``at_least`` is added to it.
        """
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
        """Fetch a report and return what ``consume`` makes of its bytes.

        Args:
            request: The report to fetch.
            consume: Called with the stream of bytes, which it must read to its end. It is called
                again, with a new stream, after an attempt that failed.
            deadline: The time by which the report must have been read.

        Raises:
            KalturaError: If the report cannot be fetched, retries included.
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
                # The session may be the cause, so the next run must not use it again.
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
                raise RuntimeError("consume() returned before the report was read to its end")
            return result

    def _expired(self, error: SessionExpiredError) -> RegionError:
        advice = (
            "a new session was refused as well; check the clocks and the app token's duration"
            if self._sessions.can_mint
            else "put a new one into the secret, or an app token, which renews it automatically"
        )
        return RegionError(error.code, f"{error.reason}; {advice}")


def connect(
    regions: tuple[Region, ...],
    credentials: Mapping[str, Credentials],
    http: HttpPolicy,
    retry: RetryPolicy,
    clock: Callable[[], float],
) -> dict[str, KalturaRegion]:
    """Return a client for each region, by the region's name. Does not connect yet.

    Args:
        regions: The regions to create clients for.
        credentials: The credentials by the region's name.
        http: Timeouts and retries of one HTTP request.
        retry: Retries of one report.
        clock: Returns Unix time in seconds.
    """
    connected: dict[str, KalturaRegion] = {}
    for region in regions:
        transport = Transport(region.base_url, http)
        sessions = KalturaSessionProvider(credentials[region.name], transport, clock)
        connected[region.name] = KalturaRegion(region, transport, sessions, retry)
    return connected
