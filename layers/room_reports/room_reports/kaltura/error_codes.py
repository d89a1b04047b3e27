"""What to do about each failure that Kaltura is known to answer with: a table, and its reading.

The codes and when they come are those of Kaltura's public server source.
"""

from dataclasses import dataclass
from enum import StrEnum

from room_reports.kaltura.errors import (
    KalturaError,
    RegionError,
    SessionExpiredError,
    TaskError,
    TooHeavyError,
    TransientError,
)


class Handling(StrEnum):
    """What to do about a failure."""

    RETRY = "retry"
    SPLIT = "retry, then ask in smaller pieces"
    REMINT = "re-mint the session once"
    GIVE_UP_TASK = "give up on the task"
    GIVE_UP_REGION = "give up on the region"


@dataclass(frozen=True)
class ErrorRule:
    """The verdict on one code, and what to tell the operator."""

    handling: Handling
    advice: str
    wait: float = 0.0
    """Seconds to wait at least before a retry."""


_ASK_KALTURA = "an error inside Kaltura; if it stays, give Kaltura's support the time and account"

ERROR_RULES: dict[str, ErrorRule] = {
    "SERVICE_FORBIDDEN": ErrorRule(
        Handling.GIVE_UP_REGION,
        "the session may not read reports: its user or role needs analytics permission "
        "(ANALYTICS_BASE, such as the role REPORT_VIEWER_ROLE)",
    ),
    "MISSING_KS": ErrorRule(Handling.GIVE_UP_REGION, "Kaltura does not know the account"),
    "REPORT_NOT_FOUND": ErrorRule(
        Handling.GIVE_UP_TASK,
        "this account or region does not have the report; ask Kaltura to enable it, "
        "or take its id out of ReportIds",
    ),
    "INTERNAL_SERVERL_ERROR": ErrorRule(Handling.RETRY, _ASK_KALTURA),
    "INTERNAL_SERVER_ERROR": ErrorRule(Handling.RETRY, _ASK_KALTURA),
    "INTERNAL_DATABASE_ERROR": ErrorRule(Handling.RETRY, _ASK_KALTURA),
    "DRUID_QUERY_TIMED_OUT": ErrorRule(
        Handling.SPLIT, "Kaltura's own query took too long; it often works a little later", wait=5
    ),
    "LOCK_TIMED_OUT": ErrorRule(Handling.RETRY, _ASK_KALTURA),
    "ACTION_BLOCKED": ErrorRule(
        Handling.RETRY, "too many requests for Kaltura's rate limit; lower Concurrency", wait=10
    ),
    "SEARCH_TOO_GENERAL": ErrorRule(
        Handling.GIVE_UP_TASK, "Kaltura found too many results; narrow ReportFilters"
    ),
    "MISSING_MANDATORY_PARAMETER": ErrorRule(
        Handling.GIVE_UP_TASK, "a parameter that Kaltura needs did not reach it"
    ),
    "INVALID_PARAMETER_CHAR": ErrorRule(
        Handling.GIVE_UP_TASK, "a filter in ReportFilters holds a control character"
    ),
    "UNKNOWN_RESPONSE_FORMAT": ErrorRule(
        Handling.GIVE_UP_TASK, "Kaltura did not understand the form of answer asked for"
    ),
    "SERVICE_DOES_NOT_EXISTS": ErrorRule(
        Handling.GIVE_UP_REGION, "the region's address in KalturaRegions is not a Kaltura API"
    ),
    "ACTION_DOES_NOT_EXISTS": ErrorRule(
        Handling.GIVE_UP_REGION,
        "the region's address in KalturaRegions is not a current Kaltura API",
    ),
    "SERVICE_ACCESS_CONTROL_RESTRICTED": ErrorRule(
        Handling.GIVE_UP_REGION,
        "the account's access control refuses this caller: HTTPS only, or an address or country",
    ),
    "SERVICE_FORBIDDEN_CONTENT_BLOCKED": ErrorRule(
        Handling.GIVE_UP_REGION, "the Kaltura account is blocked or unknown in this region"
    ),
    "USER_BLOCKED": ErrorRule(Handling.GIVE_UP_REGION, "the session's Kaltura user is blocked"),
    "INVALID_OBJECT_ID": ErrorRule(
        Handling.GIVE_UP_REGION, "the session names a role that the account does not have"
    ),
    "UNKNOWN_ROLE_ID": ErrorRule(
        Handling.GIVE_UP_REGION, "the account does not have the role REPORT_VIEWER_ROLE"
    ),
    "START_SESSION_ERROR": ErrorRule(
        Handling.GIVE_UP_REGION, "partner_id and admin_secret in the secret do not fit together"
    ),
    "INVALID_ENUM_VALUE": ErrorRule(Handling.GIVE_UP_REGION, "Kaltura refused the session's type"),
    "INVALID_WIDGET_ID": ErrorRule(
        Handling.GIVE_UP_REGION, "partner_id in the secret is not an account in this region"
    ),
    "APP_TOKEN_ID_NOT_FOUND": ErrorRule(
        Handling.GIVE_UP_REGION, "app_token_id in the secret does not exist in this account"
    ),
    "APP_TOKEN_NOT_ACTIVE": ErrorRule(Handling.GIVE_UP_REGION, "the app token is disabled"),
    "APP_TOKEN_EXPIRED": ErrorRule(
        Handling.GIVE_UP_REGION, "the app token has expired; put a new one into the secret"
    ),
    "INVALID_APP_TOKEN_HASH": ErrorRule(
        Handling.GIVE_UP_REGION, "app_token in the secret is not the token of app_token_id"
    ),
}

_SESSION_RULES: dict[str, ErrorRule] = {
    "EXPIRED": ErrorRule(Handling.REMINT, "the session (KS) has expired"),
    "EXCEEDED_ACTIONS_LIMIT": ErrorRule(
        Handling.REMINT, "the session's limit of actions is used up"
    ),
    "LOGOUT": ErrorRule(Handling.GIVE_UP_REGION, "the session (KS) was ended; it needs a new one"),
    "EXCEEDED_RESTRICTED_IP": ErrorRule(
        Handling.GIVE_UP_REGION, "the session is restricted to another IP address"
    ),
    "EXCEEDED_RESTRICTED_URI": ErrorRule(
        Handling.GIVE_UP_REGION,
        "the session's urirestrict does not allow report.getCsvFromStringParams",
    ),
}
_SESSION_INVALID = ErrorRule(
    Handling.GIVE_UP_REGION,
    "Kaltura does not accept the session (KS): it is garbled, or from another account or region",
)
_UNKNOWN = ErrorRule(Handling.GIVE_UP_TASK, "an error that this exporter does not know")

_HTTP_RETRY = (408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524)
_LONGEST_WAIT = 60.0


def error_for(code: str, ksid: str = "") -> KalturaError:
    """The error for Kaltura's ``code``; ``ksid`` is that argument of INVALID_KS.

    Only text of our own goes into it, because Kaltura's may repeat the session.
    """
    if code == "INVALID_KS":
        rule = _SESSION_RULES.get(ksid, _SESSION_INVALID)
    else:
        rule = ERROR_RULES.get(code, _UNKNOWN)
    return _error(code, rule)


def error_for_status(status: int, retry_after: float = 0.0) -> KalturaError | None:
    """The error for an HTTP status, or None for 200; ``retry_after`` is in seconds."""
    code = f"HTTP_{status}"
    if status == 200:
        return None
    if status in _HTTP_RETRY:
        what = "too many requests" if status == 429 else "Kaltura, or what lies before it, failed"
        return TransientError(code, what, wait=min(retry_after, _LONGEST_WAIT))
    if 300 <= status < 400:
        return RegionError(code, "the address in KalturaRegions redirects; write its target there")
    if status in (401, 403, 404, 407, 410):
        return RegionError(
            code, "the address in KalturaRegions is not a Kaltura API, or a proxy refuses this call"
        )
    return TaskError(code, "the server did not take the request")


def _error(code: str, rule: ErrorRule) -> KalturaError:
    if rule.handling is Handling.RETRY:
        return TransientError(code, rule.advice, wait=rule.wait)
    if rule.handling is Handling.SPLIT:
        return TooHeavyError(code, rule.advice, wait=rule.wait)
    if rule.handling is Handling.REMINT:
        return SessionExpiredError(code, rule.advice)
    if rule.handling is Handling.GIVE_UP_REGION:
        return RegionError(code, rule.advice)
    return TaskError(code, rule.advice)
