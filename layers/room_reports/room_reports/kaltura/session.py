"""Kaltura sessions (KS): started with the least privileges and reused until they expire soon."""

import hashlib
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from room_reports.deadline import Deadline
from room_reports.kaltura.credentials import (
    AdminSecret,
    AppToken,
    Credentials,
    StaticKalturaSession,
)
from room_reports.kaltura.errors import (
    KalturaError,
    KalturaSessionExpiredError,
    RegionError,
    TransientError,
)
from room_reports.kaltura.transport import Transport

LIFETIME = 3600
"""The lifetime in seconds that is requested; Kaltura may grant less."""
_RENEW_BEFORE = 300
_ADMIN = "2"
_PRIVILEGES = (
    "setrole:REPORT_VIEWER_ROLE,urirestrict:/api_v3/service/report/action/getCsvFromStringParams*"
)
# The hash function is a property of the app token in Kaltura, and not part of the secret.
_HASHES = ("sha256", "sha1", "sha512", "md5")


@dataclass(frozen=True)
class KalturaSession:
    """A Kaltura session that can be used now."""

    ks: str = field(repr=False)
    renew_at: float
    """Seconds on the provider's clock; infinite if the Kaltura session cannot be renewed."""
    privileges: str = field(default="", compare=False)
    """Those that Kaltura granted, as far as it says so; otherwise those that were requested."""


class KalturaSessionProvider:
    """Provides one region's Kaltura session and renews it; safe to share between threads."""

    def __init__(
        self,
        credentials: Credentials,
        transport: Transport,
        clock: Callable[[], float],
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self._credentials = credentials
        self._transport = transport
        self._clock = clock
        self._lock = lock or threading.Lock()
        self._session: KalturaSession | None = None
        self._hash: str | None = None

    def current(self, deadline: Deadline) -> KalturaSession:
        """Return a Kaltura session that lasts for some minutes at least; start one if necessary.

        Raises:
            KalturaError: If Kaltura does not start a Kaltura session.
        """
        with self._lock:
            if self._session is None or self._clock() >= self._session.renew_at:
                self._session = self._start(deadline)
            return self._session

    def discard(self, kaltura_session: KalturaSession | None) -> None:
        """Forget ``kaltura_session``, unless another thread has replaced it already."""
        with self._lock:
            if self._session is kaltura_session:
                self._session = None

    @property
    def can_renew(self) -> bool:
        """Whether an expired Kaltura session can be replaced without the operator."""
        return not isinstance(self._credentials, StaticKalturaSession)

    def static_expiry(self, deadline: Deadline) -> float | None:
        """Return when the Kaltura session in the secret expires, as Unix time in seconds.

        The expiry in a KS is encrypted with a secret of the account, so that Kaltura is asked. It
        says it only to Kaltura sessions that may use the KMC.

        Returns:
            0 if it has expired; None if there is none, or if Kaltura does not say.
        """
        if not isinstance(self._credentials, StaticKalturaSession):
            return None
        try:
            info = self._transport.json("session", "get", {"ks": self._credentials.ks}, deadline)
        except KalturaSessionExpiredError:
            return 0.0
        except KalturaError:
            return None
        expiry = _field(info, "expiry")
        return float(expiry) if isinstance(expiry, int) else None

    def _start(self, deadline: Deadline) -> KalturaSession:
        credentials = self._credentials
        if isinstance(credentials, StaticKalturaSession):
            return KalturaSession(credentials.ks, float("inf"))
        asked_at = self._clock()
        lifetime: float = LIFETIME
        privileges = _PRIVILEGES
        if isinstance(credentials, AdminSecret):
            ks = self._from_admin_secret(credentials, deadline)
        else:
            started = self._from_app_token(credentials, deadline)
            ks, lifetime = _ks(_field(started, "ks")), self._lifetime(_field(started, "expiry"))
            privileges = str(_field(started, "privileges") or "")
        # A Kaltura session with a very short lifetime is used for half of it.
        renew_at = asked_at + max(lifetime - _RENEW_BEFORE, lifetime / 2)
        return KalturaSession(ks, renew_at, privileges)

    def _from_admin_secret(self, credentials: AdminSecret, deadline: Deadline) -> str:
        ks = self._transport.json(
            "session",
            "start",
            {
                "secret": credentials.admin_secret,
                "partnerId": str(credentials.partner_id),
                "userId": credentials.user_id,
                "type": _ADMIN,
                "expiry": str(LIFETIME),
                "privileges": _PRIVILEGES,
            },
            deadline,
        )
        return _ks(ks)

    def _from_app_token(self, credentials: AppToken, deadline: Deadline) -> object:
        widget = self._transport.json(
            "session",
            "startWidgetSession",
            {"widgetId": f"_{credentials.partner_id}", "expiry": str(LIFETIME)},
            deadline,
        )
        widget_ks = _ks(_field(widget, "ks"))
        refusal: KalturaError | None = None
        for name in [self._hash] if self._hash else _HASHES:
            digest = hashlib.new(name, f"{widget_ks}{credentials.app_token}".encode())
            try:
                started = self._transport.json(
                    "appToken",
                    "startSession",
                    {
                        "ks": widget_ks,
                        "id": credentials.app_token_id,
                        "tokenHash": digest.hexdigest(),
                        "type": _ADMIN,
                        "expiry": str(LIFETIME),
                        "sessionPrivileges": _PRIVILEGES,
                    },
                    deadline,
                )
            except RegionError as error:
                if error.code != "INVALID_APP_TOKEN_HASH":
                    raise
                refusal = error
                continue
            self._hash = name
            return started
        self._hash = None
        raise refusal or RegionError("INVALID_APP_TOKEN_HASH", "no hash function was tried")

    def _lifetime(self, expiry: object) -> float:
        """Return the seconds until ``expiry``, which is a Unix time on Kaltura's clock."""
        left = float(expiry) - self._clock() if isinstance(expiry, int) else LIFETIME
        return min(left, LIFETIME) if left > 0 else LIFETIME


def _field(document: object, name: str) -> object:
    return document.get(name) if isinstance(document, Mapping) else None


def _ks(ks: object) -> str:
    if not isinstance(ks, str) or not ks:
        raise TransientError("NO_SESSION", "Kaltura returned no Kaltura session (KS)")
    return ks
