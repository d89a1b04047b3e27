"""The error rules: what to do about each error code and HTTP status that Kaltura responds with.

The codes and their causes are taken from the source of Kaltura's server, which is public.
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
    """What to do about an error."""

    RETRY = "retry"
    SPLIT = "retry, then request smaller pieces"
    REMINT = "mint a new Kaltura session once"
    GIVE_UP_TASK = "give up on the task"
    GIVE_UP_REGION = "give up on the region"


@dataclass(frozen=True)
class ErrorRule:
    """What to do about one error code, and what to tell the operator."""

    handling: Handling
    advice: str
    wait: float = 0.0
    """The least number of seconds to wait before a retry."""


_ASK_KALTURA = (
    "an error inside Kaltura; if it persists, report the time and the account to Kaltura's support"
)

ERROR_RULES: dict[str, ErrorRule] = {
    "SERVICE_FORBIDDEN": ErrorRule(
        Handling.GIVE_UP_REGION,
        "the Kaltura session may not read reports: its user or role needs the permission "
        "ANALYTICS_BASE, which the role REPORT_VIEWER_ROLE has",
    ),
    "MISSING_KS": ErrorRule(Handling.GIVE_UP_REGION, "Kaltura does not know the account"),
    "REPORT_NOT_FOUND": ErrorRule(
        Handling.GIVE_UP_TASK,
        "this account or region does not have the report; ask Kaltura to enable it, "
        "or remove its id from ReportIds",
    ),
    "INTERNAL_SERVERL_ERROR": ErrorRule(Handling.RETRY, _ASK_KALTURA),
    "INTERNAL_SERVER_ERROR": ErrorRule(Handling.RETRY, _ASK_KALTURA),
    "INTERNAL_DATABASE_ERROR": ErrorRule(Handling.RETRY, _ASK_KALTURA),
    "DRUID_QUERY_TIMED_OUT": ErrorRule(
        Handling.SPLIT, "Kaltura's own query took too long; a later attempt often succeeds", wait=5
    ),
    "LOCK_TIMED_OUT": ErrorRule(Handling.RETRY, _ASK_KALTURA),
    "ACTION_BLOCKED": ErrorRule(
        Handling.RETRY, "too many requests for Kaltura's rate limit; lower Concurrency", wait=10
    ),
    "SEARCH_TOO_GENERAL": ErrorRule(
        Handling.GIVE_UP_TASK, "Kaltura found too many results; narrow ReportFilters"
    ),
    "MISSING_MANDATORY_PARAMETER": ErrorRule(
        Handling.GIVE_UP_TASK, "Kaltura did not receive a parameter that it requires"
    ),
    "INVALID_PARAMETER_CHAR": ErrorRule(
        Handling.GIVE_UP_TASK, "a filter in ReportFilters contains a control character"
    ),
    "UNKNOWN_RESPONSE_FORMAT": ErrorRule(
        Handling.GIVE_UP_TASK, "Kaltura does not support the response format that was requested"
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
        "the account's access control refuses this caller: it may allow only HTTPS, or only some "
        "addresses or countries",
    ),
    "SERVICE_FORBIDDEN_CONTENT_BLOCKED": ErrorRule(
        Handling.GIVE_UP_REGION, "the Kaltura account is blocked or unknown in this region"
    ),
    "USER_BLOCKED": ErrorRule(Handling.GIVE_UP_REGION, "the Kaltura session's user is blocked"),
    "INVALID_OBJECT_ID": ErrorRule(
        Handling.GIVE_UP_REGION, "the Kaltura session names a role that the account does not have"
    ),
    "UNKNOWN_ROLE_ID": ErrorRule(
        Handling.GIVE_UP_REGION, "the account does not have the role REPORT_VIEWER_ROLE"
    ),
    "START_SESSION_ERROR": ErrorRule(
        Handling.GIVE_UP_REGION,
        "partner_id and admin_secret in the secret do not belong to the same account",
    ),
    "INVALID_ENUM_VALUE": ErrorRule(
        Handling.GIVE_UP_REGION, "Kaltura refused the type of the Kaltura session"
    ),
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
        Handling.REMINT, "the Kaltura session's limit of actions is used up"
    ),
    "LOGOUT": ErrorRule(Handling.GIVE_UP_REGION, "the session (KS) was ended; a new one is needed"),
    "EXCEEDED_RESTRICTED_IP": ErrorRule(
        Handling.GIVE_UP_REGION, "the Kaltura session is restricted to another IP address"
    ),
    "EXCEEDED_RESTRICTED_URI": ErrorRule(
        Handling.GIVE_UP_REGION,
        "the Kaltura session's urirestrict does not allow report.getCsvFromStringParams",
    ),
}
_SESSION_INVALID = ErrorRule(
    Handling.GIVE_UP_REGION,
    "Kaltura does not accept the session (KS): it is damaged, or from another account or region",
)
_UNKNOWN = ErrorRule(
    Handling.GIVE_UP_TASK,
    "the exporter has no rule for this error code; look it up in Kaltura's API documentation",
)

_HTTP_RETRY = (408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524)
_LONGEST_WAIT = 60.0


def error_for(code: str, ksid: str = "") -> KalturaError:
    """Return the error for one of Kaltura's error codes.

    Its message contains only text of this project, because Kaltura's own may repeat the KS.

    Args:
        code: The error code.
        ksid: The argument ``KSID`` of the error, which says why a KS is invalid.
    """
    if code == "INVALID_KS":
        rule = _SESSION_RULES.get(ksid, _SESSION_INVALID)
    else:
        rule = ERROR_RULES.get(code, _UNKNOWN)
    return _error(code, rule)


def error_for_status(status: int, retry_after: float = 0.0) -> KalturaError | None:
    """Return the error for an HTTP status, or None for 200; ``retry_after`` is in seconds."""
    code = f"HTTP_{status}"
    if status == 200:
        return None
    if status in _HTTP_RETRY:
        reason = "too many requests" if status == 429 else "Kaltura, or a proxy before it, failed"
        return TransientError(code, reason, wait=min(retry_after, _LONGEST_WAIT))
    if 300 <= status < 400:
        return RegionError(
            code, "the address in KalturaRegions redirects; put the target there instead"
        )
    if status in (401, 403, 404, 407, 410):
        return RegionError(
            code, "the address in KalturaRegions is not a Kaltura API, or a proxy refuses this call"
        )
    return TaskError(code, "the server refused the request")


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
