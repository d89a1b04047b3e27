"""Kaltura sessions (KS) of the simulated Kaltura: created, checked, limited and ended.

Source: kaltura/server, SessionService, AppTokenService, kSessionUtils, kPermissionManager.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from threading import Lock

from local.kaltura import ks as kaltura_session
from local.kaltura.account import REPORT_ROLES, ROLES, Account, AppToken
from local.kaltura.errors import REPORT_ACTION, KalturaError, invalid_ks
from local.kaltura.ks import ADMIN, KS, USER

DEFAULT_EXPIRY = 86_400
LOGOUT_SECONDS = 86_400
RESERVED_PRIVILEGES = frozenset(
    {"actionslimit", "sessionid", "apptoken", "setrole", "enableentitlement"}
)
"""Privileges that the caller of an app token may not request; they are dropped silently."""


class KalturaSessions:
    """The Kaltura sessions of one account; safe to share between threads."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._lock = Lock()
        self._ended: dict[str, float] = {}
        self._used: Counter[str] = Counter()

    def _secrets(self, partner_id: int) -> Sequence[str]:
        return self.account.admin_secrets if partner_id == self.account.partner_id else ()

    def check(self, text: str | None, uri: str, now: float) -> KS | None:
        """Return the KS of a request, or None without one; raises KalturaError INVALID_KS."""
        if not text:
            return None
        try:
            ks = kaltura_session.parse(text, self._secrets)
        except kaltura_session.InvalidKsError:
            raise invalid_ks(text) from None
        if ks.expires_at <= now:
            raise invalid_ks("EXPIRED")
        if self._has_ended(ks, now):
            raise invalid_ks("LOGOUT")
        self._spend(ks)
        restriction = ks.privilege("urirestrict")
        if restriction and not any(_matches(uri, prefix) for prefix in restriction.split("|")):
            raise invalid_ks("EXCEEDED_RESTRICTED_URI")
        address = ks.privilege("iprestrict")
        if address and address != "127.0.0.1":
            raise invalid_ks("EXCEEDED_RESTRICTED_IP")
        return ks

    def _has_ended(self, ks: KS, now: float) -> bool:
        names = (ks.text, ks.privilege("sessionid"))
        with self._lock:
            return any(name and self._ended.get(name, 0) > now for name in names)

    def _spend(self, ks: KS) -> None:
        limit = ks.privilege("actionslimit")
        if limit is None:
            return
        with self._lock:
            self._used[ks.text] += 1
            spent = self._used[ks.text]
        if spent > int(limit or 0):
            raise invalid_ks("EXCEEDED_ACTIONS_LIMIT")

    def may_report(self, ks: KS | None) -> bool:
        """Return whether the KS's role has the permission ANALYTICS_BASE."""
        if ks is None:
            return False
        role = ks.privilege("setrole")
        if role is not None and role not in ROLES:
            raise KalturaError("INVALID_OBJECT_ID", "N/A")
        if role is None:
            role = self.account.users.get(ks.user_id)
        return role in REPORT_ROLES if role else ks.type >= 1

    def start(self, params: Mapping[str, str], now: float) -> str:
        """Handle session.start: return a KS for a secret."""
        if "secret" not in params:
            raise KalturaError("MISSING_MANDATORY_PARAMETER", "secret")
        kind = _session_type(params.get("type") or "0")
        partner = params.get("partnerId", "")
        if partner and partner != str(self.account.partner_id):
            raise KalturaError("SERVICE_FORBIDDEN_CONTENT_BLOCKED", "session->start")
        secrets = (
            *self.account.admin_secrets,
            *([self.account.user_secret] if kind == USER else []),
        )
        if not partner or params["secret"] not in secrets:
            raise KalturaError("START_SESSION_ERROR", partner)
        privileges = kaltura_session.parse_privileges(params.get("privileges", ""))
        role = dict(privileges).get("setrole")
        if role is not None and role not in ROLES:
            raise KalturaError("UNKNOWN_ROLE_ID", role)
        expires_at = int(now) + _seconds(params.get("expiry"), DEFAULT_EXPIRY)
        return self._generate(expires_at, kind, params.get("userId", ""), privileges)

    def get(self, ks: KS | None) -> dict[str, object]:
        """Handle session.get: describe the caller's KS, which must be allowed to use the KMC.

        Source: kaltura/server, service.session.ini (KMC_ACCESS, which report viewers lack).
        """
        role = (ks.privilege("setrole") or self.account.users.get(ks.user_id)) if ks else None
        if ks is None or ks.type < 1 or role not in (None, "PARTNER_ADMIN_ROLE"):
            raise KalturaError("SERVICE_FORBIDDEN", "session->get")
        return {
            "sessionType": ks.type,
            "partnerId": self.account.partner_id,
            "userId": ks.user_id,
            "expiry": ks.expires_at,
            "privileges": kaltura_session.print_privileges(ks.privileges),
            "objectType": "KalturaSessionInfo",
        }

    def start_widget(self, params: Mapping[str, str], now: float) -> dict[str, object]:
        """Handle session.startWidgetSession: return a KS without a user."""
        if "widgetId" not in params:
            raise KalturaError("MISSING_MANDATORY_PARAMETER", "widgetId")
        if params["widgetId"] != f"_{self.account.partner_id}":
            raise KalturaError("INVALID_WIDGET_ID", params["widgetId"], cached=True)
        expires_at = int(now) + _seconds(params.get("expiry"), DEFAULT_EXPIRY)
        return {
            "partnerId": str(self.account.partner_id),
            "ks": self._generate(expires_at, USER, "0", (("view", "*"), ("widget", "1"))),
            "userId": 0,
            "objectType": "KalturaStartWidgetSessionResponse",
        }

    def start_app_token(
        self, params: Mapping[str, str], ks: KS | None, now: float
    ) -> dict[str, object]:
        """Handle appToken.startSession: return a KS for the hash of the caller's KS and a token."""
        if ks is None:
            raise KalturaError("SERVICE_FORBIDDEN", "apptoken->startSession")
        for name in ("id", "tokenHash"):
            if name not in params:
                raise KalturaError("MISSING_MANDATORY_PARAMETER", name, cached=True)
        token = self._valid_token(params, now)
        lifetime = token.session_duration
        if token.expires_at is not None:
            lifetime = min(lifetime, token.expires_at - int(now))
        expires_at = int(now) + min(_seconds(params.get("expiry"), lifetime), lifetime)
        kind = token.session_type
        if kind is None:
            kind = _session_type(params.get("type") or "0")
        user_id = token.user_id if token.user_id is not None else params.get("userId", "")
        privileges = (
            ("sessionid", token.id),
            ("apptoken", token.id),
            *kaltura_session.parse_privileges(token.privileges),
            *_unreserved(params.get("sessionPrivileges", "")),
        )
        return {
            "ks": self._generate(expires_at, kind, user_id, privileges),
            "sessionType": kind,
            "partnerId": str(self.account.partner_id),
            "userId": user_id,
            "expiry": expires_at,
            "privileges": kaltura_session.print_privileges(privileges),
            "objectType": "KalturaSessionInfo",
        }

    def _valid_token(self, params: Mapping[str, str], now: float) -> AppToken:
        token = self.account.app_token(params["id"])
        if token is None:
            raise KalturaError("APP_TOKEN_ID_NOT_FOUND", params["id"], cached=True)
        if not token.active:
            raise KalturaError("APP_TOKEN_NOT_ACTIVE", params["id"], cached=True)
        if not token.accepts(params["tokenHash"], params["ks"]):
            raise KalturaError("INVALID_APP_TOKEN_HASH", cached=True)
        if token.expires_at is not None and token.expires_at < now:
            raise KalturaError("APP_TOKEN_EXPIRED", params["id"])
        return token

    def end(self, ks: KS | None, now: float) -> None:
        """Handle session.end: make this KS, and every KS of its app token, invalid."""
        if ks is None:
            return
        with self._lock:
            self._ended[ks.text] = float("inf")
            token_id = ks.privilege("sessionid")
            if token_id:
                self._ended[token_id] = now + LOGOUT_SECONDS

    def _generate(
        self, expires_at: int, kind: int, user_id: str, privileges: kaltura_session.Privileges
    ) -> str:
        return kaltura_session.generate(
            self.account.partner_id,
            self.account.admin_secrets[0],
            expires_at,
            type=kind,
            user_id=user_id,
            privileges=privileges,
        )


def forbidden() -> KalturaError:
    """Return the error for a KS that may not request reports."""
    return KalturaError("SERVICE_FORBIDDEN", REPORT_ACTION)


def _unreserved(privileges: str) -> kaltura_session.Privileges:
    parsed = kaltura_session.parse_privileges(privileges)
    return tuple((name, value) for name, value in parsed if name not in RESERVED_PRIVILEGES)


def _matches(uri: str, prefix: str) -> bool:
    return uri.startswith(prefix[:-1]) if prefix.endswith("*") else uri == prefix


def _seconds(text: str | None, default: int) -> int:
    return int(text) if text and text.lstrip("-").isdigit() else default


def _session_type(text: str) -> int:
    if text not in {str(USER), str(ADMIN)}:
        raise KalturaError("INVALID_ENUM_VALUE", text, "type", "KalturaSessionType")
    return int(text)
