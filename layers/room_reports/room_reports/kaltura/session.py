"""Kaltura sessions (KS): minted for the least that a report needs, and kept while they last."""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from room_reports.deadline import Deadline
from room_reports.kaltura.credentials import AdminSecret, AppToken, Credentials, StaticSession
from room_reports.kaltura.errors import KalturaError, RegionError, TransientError
from room_reports.kaltura.transport import Transport

LIFETIME = 3600
"""Seconds that a session is asked for; Kaltura may grant fewer."""
_RENEW_BEFORE = 300
_ADMIN = "2"
_PRIVILEGES = (
    "setrole:REPORT_VIEWER_ROLE,urirestrict:/api_v3/service/report/action/getCsvFromStringParams*"
)
# Which hash an app token wants is a property of the token that a secret does not tell.
_HASHES = ("sha256", "sha1", "sha512", "md5")


@dataclass(frozen=True)
class KalturaSession:
    """A session that can be used now."""

    ks: str = field(repr=False)
    renew_at: float
    """Seconds on the provider's clock; infinite for a session that cannot be renewed."""


class KalturaSessionProvider:
    """Keeps one region's session, and mints the next one when it is time; safe between threads."""

    def __init__(
        self, credentials: Credentials, transport: Transport, clock: Callable[[], float]
    ) -> None:
        self._credentials = credentials
        self._transport = transport
        self._clock = clock
        self._lock = threading.Lock()
        self._session: KalturaSession | None = None
        self._hash: str | None = None

    def current(self, deadline: Deadline) -> KalturaSession:
        """A session that lasts for some minutes at least, minted when there is none.

        Raises:
            KalturaError: when Kaltura gives none.
        """
        with self._lock:
            if self._session is None or self._clock() >= self._session.renew_at:
                self._session = self._mint(deadline)
            return self._session

    def discard(self, session: KalturaSession | None) -> None:
        """Forgets ``session``, unless another thread has had it replaced already."""
        with self._lock:
            if self._session is session:
                self._session = None

    @property
    def can_mint(self) -> bool:
        """Whether an expired session can be replaced without the operator."""
        return not isinstance(self._credentials, StaticSession)

    def _mint(self, deadline: Deadline) -> KalturaSession:
        credentials = self._credentials
        if isinstance(credentials, StaticSession):
            return KalturaSession(credentials.ks, float("inf"))
        asked_at = self._clock()
        lifetime: float = LIFETIME
        if isinstance(credentials, AdminSecret):
            ks = self._from_admin_secret(credentials, deadline)
        else:
            ks, lifetime = self._from_app_token(credentials, deadline)
        # A session that is granted for very little time is used for half of it.
        return KalturaSession(ks, asked_at + max(lifetime - _RENEW_BEFORE, lifetime / 2))

    def _from_admin_secret(self, credentials: AdminSecret, deadline: Deadline) -> str:
        answer = self._transport.json(
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
        return _session_text(answer)

    def _from_app_token(self, credentials: AppToken, deadline: Deadline) -> tuple[str, float]:
        widget = self._transport.json(
            "session",
            "startWidgetSession",
            {"widgetId": f"_{credentials.partner_id}", "expiry": str(LIFETIME)},
            deadline,
        )
        widget_ks = _session_text(_field(widget, "ks"))
        refusal: KalturaError | None = None
        for name in [self._hash] if self._hash else _HASHES:
            digest = hashlib.new(name, f"{widget_ks}{credentials.app_token}".encode())
            try:
                answer = self._transport.json(
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
            return _session_text(_field(answer, "ks")), self._lifetime(_field(answer, "expiry"))
        self._hash = None
        raise refusal or RegionError("INVALID_APP_TOKEN_HASH", "no hash was tried")

    def _lifetime(self, expiry: object) -> float:
        """Seconds that are left until ``expiry``, which is a Unix time on Kaltura's clock."""
        left = float(expiry) - self._clock() if isinstance(expiry, int) else LIFETIME
        return min(left, LIFETIME) if left > 0 else LIFETIME


def _field(answer: object, name: str) -> object:
    return answer.get(name) if isinstance(answer, Mapping) else None


def _session_text(ks: object) -> str:
    if not isinstance(ks, str) or not ks:
        raise TransientError("NO_SESSION", "Kaltura answered the request for a session without one")
    return ks
