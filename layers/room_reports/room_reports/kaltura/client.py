"""A Kaltura region: it returns reports, or an error that says what to do about it."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TypeVar

from room_reports.deadline import Deadline
from room_reports.kaltura.call_log import CallLog
from room_reports.kaltura.credentials import Credentials
from room_reports.kaltura.errors import (
    DeadlineError,
    Fault,
    ForbiddenError,
    KalturaError,
    KalturaSessionExpiredError,
    RegionError,
    TimedOutError,
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
    """How often to try, and how long to wait between attempts; times are in seconds."""

    attempts: int = 4
    heavy_attempts: int = 2
    """Attempts at a call that seems to ask for too much, before it is split."""
    first_wait: float = 1.0
    longest_wait: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = field(default=random.random)

    def wait(self, attempt: int, at_least: float) -> float:
        """Return the seconds to wait after an attempt: exponential, half of it random."""
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
        self.base_url = region.base_url
        self.calls = CallLog()
        self._transport = transport
        self._sessions = sessions
        self._retry = retry

    def connect(self) -> None:
        """Open a connection, which the next call uses; raise an error if that is impossible."""
        self._transport.connect()

    def fetch(
        self,
        request: ReportRequest,
        consume: Callable[[Iterator[bytes]], _T],
        deadline: Deadline,
    ) -> _T:
        """Return what ``consume`` makes of a report's bytes, which are proven complete.

        Args:
            consume: Must read the stream to its end. It is called again, with a new stream, after
                an attempt that failed while the stream was read.

        Raises:
            KalturaError: If Kaltura does not return the report, retries included.
        """
        attempt, renewed = 0, False
        while True:
            attempt += 1
            kaltura_session: KalturaSession | None = None
            try:
                kaltura_session = self._kaltura_session(deadline)
                return self._once(request, kaltura_session, consume, deadline)
            except KalturaSessionExpiredError as error:
                self._sessions.discard(kaltura_session)
                if renewed or not self._sessions.can_renew:
                    raise self._expired(error) from error
                renewed = True
            except (RegionError, ForbiddenError):
                # Whatever is wrong with the Kaltura session, the next run must not inherit it.
                self._sessions.discard(kaltura_session)
                raise
            except (UnreachableError, DeadlineError, TimedOutError):
                raise
            except (TransientError, TooHeavyError) as error:
                wait = self._retry.wait(attempt, error.wait)
                if attempt >= self._attempts(error) or wait >= deadline.remaining():
                    raise
                self._retry.sleep(wait)

    def static_expiry(self, deadline: Deadline) -> float | None:
        """Return when the Kaltura session in the secret expires, as Unix time in seconds.

        None if there is none, because the secret can start new ones, or if Kaltura does not say.
        """
        return self._sessions.static_expiry(deadline)

    def _attempts(self, error: KalturaError) -> int:
        heavy = isinstance(error, TooHeavyError)
        return self._retry.heavy_attempts if heavy else self._retry.attempts

    def _kaltura_session(self, deadline: Deadline) -> KalturaSession:
        try:
            return self._sessions.current(deadline)
        except KalturaSessionExpiredError as error:
            self.calls.failed(error.code)
            raise self._expired(error) from error
        except KalturaError as error:
            self.calls.failed(error.code)
            error.fault = Fault.REGION  # without a Kaltura session, nothing can be fetched
            raise

    def _once(
        self,
        request: ReportRequest,
        kaltura_session: KalturaSession,
        consume: Callable[[Iterator[bytes]], _T],
        deadline: Deadline,
    ) -> _T:
        form = {"ks": kaltura_session.ks, **request.form()}
        begun = deadline.clock()
        try:
            with self._transport.report(form, deadline) as stream:
                result = consume(stream)
                if next(stream, None) is not None:
                    raise RuntimeError("consume() returned before the report was read to its end")
        except KalturaError as error:
            self.calls.failed(error.code)
            raise
        self.calls.succeeded(deadline.clock() - begun)
        return result

    def _expired(self, error: KalturaSessionExpiredError) -> RegionError:
        advice = (
            "Kaltura refused a new Kaltura session too; check the clocks and the app token's "
            "duration"
            if self._sessions.can_renew
            else "put a new one into the secret, or an app token, which renews it automatically"
        )
        return RegionError(error.code, f"{error.reason}; {advice}")


def open_region(
    region: Region,
    credentials: Credentials,
    http: HttpPolicy,
    retry: RetryPolicy,
    *,
    clock: Callable[[], float],
    lock: Callable[[], AbstractContextManager[object]] = threading.Lock,
) -> KalturaRegion:
    """Return a region. No connection is made yet.

    Args:
        clock: Returns the Unix time in seconds.
        lock: Returns a new lock; threads wait for it while another one starts a Kaltura session.
    """
    transport = Transport(region.base_url, http)
    sessions = KalturaSessionProvider(credentials, transport, clock, lock())
    return KalturaRegion(region, transport, sessions, retry)
