"""Error codes: what to do about each failure that Kaltura is known to return.

The codes, and when they occur, are those of Kaltura's public server source.
"""

from dataclasses import dataclass
from enum import StrEnum

from room_reports.kaltura.errors import (
    ForbiddenError,
    KalturaError,
    KalturaSessionExpiredError,
    RateLimitError,
    RegionError,
    ReportError,
    TooHeavyError,
    TransientError,
    UnreachableError,
)


class Handling(StrEnum):
    """What to do about an error."""

    RETRY = "retry"
    SPLIT = "retry, then ask in smaller pieces"
    RATE_LIMIT = "wait, retry, then pause the region"
    RENEW = "renew the Kaltura session once"
    FORBIDDEN = "give up on the report, and renew the Kaltura session"
    GIVE_UP_REPORT = "give up on the report"
    GIVE_UP_REGION = "give up on the region"


@dataclass(frozen=True)
class ErrorRule:
    """What to do about one error code, and what to tell the operator."""

    handling: Handling
    advice: str
    wait: float = 0.0
    """The least number of seconds to wait before a retry."""


_ERRORS: dict[Handling, type[KalturaError]] = {
    Handling.RETRY: TransientError,
    Handling.SPLIT: TooHeavyError,
    Handling.RATE_LIMIT: RateLimitError,
    Handling.RENEW: KalturaSessionExpiredError,
    Handling.FORBIDDEN: ForbiddenError,
    Handling.GIVE_UP_REPORT: ReportError,
    Handling.GIVE_UP_REGION: RegionError,
}

_ASK_KALTURA = "an error inside Kaltura; if it stays, give Kaltura's support the time and account"

ERROR_RULES: dict[str, ErrorRule] = {
    "SERVICE_FORBIDDEN": ErrorRule(
        Handling.FORBIDDEN,
        "the Kaltura session may not read this report: its user or role needs analytics "
        "permission (ANALYTICS_BASE, such as the role REPORT_VIEWER_ROLE)",
    ),
    "MISSING_KS": ErrorRule(Handling.GIVE_UP_REGION, "Kaltura does not know the account"),
    "REPORT_NOT_FOUND": ErrorRule(
        Handling.GIVE_UP_REPORT,
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
        Handling.RATE_LIMIT,
        "too many requests for Kaltura's rate limit; lower Concurrency",
        wait=10,
    ),
    "SEARCH_TOO_GENERAL": ErrorRule(
        Handling.GIVE_UP_REPORT, "Kaltura found too many results; narrow ReportFilters"
    ),
    "MISSING_MANDATORY_PARAMETER": ErrorRule(
        Handling.GIVE_UP_REPORT, "a parameter that Kaltura needs did not reach it"
    ),
    "INVALID_PARAMETER_CHAR": ErrorRule(
        Handling.GIVE_UP_REPORT, "a filter in ReportFilters holds a control character"
    ),
    "UNKNOWN_RESPONSE_FORMAT": ErrorRule(
        Handling.GIVE_UP_REPORT, "Kaltura did not understand the response format that was requested"
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

_KALTURA_SESSION_RULES: dict[str, ErrorRule] = {
    "EXPIRED": ErrorRule(Handling.RENEW, "the Kaltura session (KS) has expired"),
    "EXCEEDED_ACTIONS_LIMIT": ErrorRule(
        Handling.RENEW, "the Kaltura session's limit of actions is used up"
    ),
    "LOGOUT": ErrorRule(
        Handling.GIVE_UP_REGION, "the Kaltura session (KS) was ended; a new one is needed"
    ),
    "EXCEEDED_RESTRICTED_IP": ErrorRule(
        Handling.GIVE_UP_REGION, "the Kaltura session is restricted to another IP address"
    ),
    "EXCEEDED_RESTRICTED_URI": ErrorRule(
        Handling.GIVE_UP_REGION,
        "the Kaltura session's urirestrict does not allow report.getCsvFromStringParams",
    ),
}
_KALTURA_SESSION_INVALID = ErrorRule(
    Handling.GIVE_UP_REGION,
    "Kaltura does not accept the Kaltura session (KS): it is damaged, or from another account or "
    "region",
)
_UNKNOWN = ErrorRule(
    Handling.GIVE_UP_REPORT,
    "the exporter has no rule for this error code; look it up in Kaltura's API documentation",
)

_HTTP_RETRY = (408, 425, 500, 502, 520, 521, 522, 523)
_HTTP_TOO_HEAVY = (504, 524)
_LONGEST_WAIT = 60.0


def error_for(code: str, ksid: str = "") -> KalturaError:
    """Return the error for Kaltura's ``code``.

    Only text of this project goes into it, because Kaltura's can repeat the Kaltura session.

    Args:
        ksid: The argument KSID of INVALID_KS.
    """
    if code == "INVALID_KS":
        rule = _KALTURA_SESSION_RULES.get(ksid, _KALTURA_SESSION_INVALID)
    else:
        rule = ERROR_RULES.get(code, _UNKNOWN)
    kind = _ERRORS[rule.handling]
    if issubclass(kind, TransientError | TooHeavyError):
        return kind(code, rule.advice, wait=rule.wait)
    return kind(code, rule.advice)


def error_for_status(
    status: int, retry_after: float = 0.0, *, empty: bool = False
) -> KalturaError | None:
    """Return the error for an HTTP status, or None for 200.

    Args:
        retry_after: Seconds that the server asks to wait.
        empty: Whether the body is empty. Kaltura returns 500 without a body when PHP has used up
            its memory or its time.
    """
    if status == 200:
        return None
    too_heavy = status in _HTTP_TOO_HEAVY or (status == 500 and empty)
    rule = _TOO_HEAVY if too_heavy else _rule_for_status(status)
    kind, message = rule
    code = f"HTTP_{status}"
    if issubclass(kind, TransientError):
        return kind(code, message, wait=min(retry_after, _LONGEST_WAIT))
    return kind(code, message)


_TOO_HEAVY = (TooHeavyError, "Kaltura used up its time or its memory")


def _rule_for_status(status: int) -> tuple[type[KalturaError], str]:
    if status == 429:
        return UnreachableError, "too many requests"
    if status == 503:
        return UnreachableError, "Kaltura, or a proxy before it, is down"
    if status in _HTTP_RETRY:
        return TransientError, "Kaltura, or a proxy before it, failed"
    if 300 <= status < 400:
        return RegionError, "the address in KalturaRegions redirects; write its target there"
    refused = "the address in KalturaRegions is not a Kaltura API, or a proxy refuses this call"
    if status in (401, 403, 404, 407, 410):
        return ForbiddenError if status == 403 else RegionError, refused
    return ReportError, "the server did not accept the request"
