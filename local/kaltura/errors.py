"""Kaltura's errors: code, message and arguments.

Source: kaltura/server, KalturaErrors and APIErrors.
"""

import re

MESSAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "INTERNAL_SERVERL_ERROR": ("Internal server error occurred", ()),
    "INTERNAL_SERVER_ERROR": ("Internal server error occurred", ()),
    "INTERNAL_DATABASE_ERROR": ("Internal database error", ()),
    "DRUID_QUERY_TIMED_OUT": ("Query timed out", ()),
    "SEARCH_TOO_GENERAL": ("Unable to create report. Query produced too many results", ()),
    "LOCK_TIMED_OUT": ("Timed out while attempting to grab lock", ()),
    "MISSING_KS": ("Missing KS, session not established", ()),
    "INVALID_KS": (
        'Invalid KS "@KSID@", Error "@ERR_CODE@,@ERR_DESC@"',
        ("KSID", "ERR_CODE", "ERR_DESC"),
    ),
    "SERVICE_FORBIDDEN": ("The access to service [@SERVICE@] is forbidden", ("SERVICE",)),
    "SERVICE_ACCESS_CONTROL_RESTRICTED": (
        "The access to service [@SERVICE@] is forbidden due to access control restriction",
        ("SERVICE",),
    ),
    "SERVICE_FORBIDDEN_CONTENT_BLOCKED": (
        "The access to service [@SERVICE@] is forbidden because the specified partner is blocked",
        ("SERVICE",),
    ),
    "USER_BLOCKED": ("The access is forbidden since this user is blocked", ()),
    "REPORT_NOT_FOUND": ('Report id "@REPORT_ID@" not found', ("REPORT_ID",)),
    "ACTION_BLOCKED": (
        'Action "@ACTION_NAME@" in service "@SERVICE_NAME@" is blocked',
        ("ACTION_NAME", "SERVICE_NAME"),
    ),
    "MISSING_MANDATORY_PARAMETER": ('Missing parameter "@PARAM_NAME@"', ("PARAM_NAME",)),
    "INVALID_PARAMETER_CHAR": ('Invalid char in "@XML_FIELD@" field', ("XML_FIELD",)),
    "INVALID_ENUM_VALUE": (
        'Invalid enumeration value "@ENUM_VAL@" for parameter "@PARAM_NAME@", '
        'expecting enumeration type "@ENUM_TYPE@"',
        ("ENUM_VAL", "PARAM_NAME", "ENUM_TYPE"),
    ),
    "SERVICE_NOT_SPECIFIED": ("Service name was not specified, please specify one", ()),
    "SERVICE_DOES_NOT_EXISTS": ('Service "@SRV_NAME@" does not exists', ("SRV_NAME",)),
    "ACTION_NOT_SPECIFIED": ("Action name was not specified, please specify one", ()),
    "ACTION_DOES_NOT_EXISTS": (
        'Action "@ACTION_NAME@" does not exists for service "@SERVICE_NAME@"',
        ("ACTION_NAME", "SERVICE_NAME"),
    ),
    "INVALID_OBJECT_ID": ("Invalid object id [@ID@]", ("ID",)),
    "UNKNOWN_ROLE_ID": ("Unknown role id [@ID@]", ("ID",)),
    "START_SESSION_ERROR": ("Error while starting session for partner [@PID@]", ("PID",)),
    "INVALID_WIDGET_ID": ("Unknown widget [@WIDGET_ID@]", ("WIDGET_ID",)),
    "APP_TOKEN_ID_NOT_FOUND": ('Application token id "@ID@" not found', ("ID",)),
    "APP_TOKEN_NOT_ACTIVE": ('Application token id "@ID@" not active', ("ID",)),
    "APP_TOKEN_EXPIRED": ('Application token id "@ID@" expired', ("ID",)),
    "INVALID_APP_TOKEN_HASH": ("Invalid application token hash", ()),
    "UNKNOWN_RESPONSE_FORMAT": ("unknown response format [@FORMAT@]", ("FORMAT",)),
}

REPORT_ACTION = "report->getCsvFromStringParams"
DIE = frozenset({"REPORT_NOT_FOUND", "UNKNOWN_RESPONSE_FORMAT"})
"""Errors that are sent in the headers of an empty response."""


class KalturaError(Exception):
    """Raised to respond with an error of the API."""

    def __init__(self, code: str, *values: str, cached: bool = False) -> None:
        super().__init__(code)
        self.code = code
        template, names = MESSAGES.get(code, (code, ()))
        self.args_by_name: dict[str, str] = dict(zip(names, values, strict=True))
        self.message = re.sub(r"@(\w+)@", lambda found: self.args_by_name[found[1]], template)
        self.cached = cached
        """Whether Kaltura caches this response, and says so in a header."""


def invalid_ks(reason: str) -> KalturaError:
    """Return the error for a bad KS; ``reason`` is a word such as EXPIRED, or the KS itself."""
    return KalturaError("INVALID_KS", reason, "-1", "INVALID_STR", cached=True)


def example(code: str, report: int = 6000) -> KalturaError:
    """Return the error with that code as a call of the report action gets it."""
    values = {
        "INVALID_KS": ("EXPIRED", "-1", "INVALID_STR"),
        "SERVICE_FORBIDDEN": (REPORT_ACTION,),
        "SERVICE_ACCESS_CONTROL_RESTRICTED": (REPORT_ACTION,),
        "SERVICE_FORBIDDEN_CONTENT_BLOCKED": (REPORT_ACTION,),
        "REPORT_NOT_FOUND": (str(report),),
        "ACTION_BLOCKED": ("getcsvfromstringparams", "report"),
        "MISSING_MANDATORY_PARAMETER": ("id",),
        "INVALID_PARAMETER_CHAR": ("params",),
        "INVALID_ENUM_VALUE": ("9", "type", "KalturaSessionType"),
        "SERVICE_DOES_NOT_EXISTS": ("report",),
        "ACTION_DOES_NOT_EXISTS": ("getcsvfromstringparams", "report"),
        "INVALID_OBJECT_ID": ("N/A",),
        "UNKNOWN_ROLE_ID": ("N/A",),
        "START_SESSION_ERROR": ("0",),
        "INVALID_WIDGET_ID": ("_0",),
        "UNKNOWN_RESPONSE_FORMAT": ("0",),
    }
    needed = len(MESSAGES.get(code, ("", ()))[1])
    return KalturaError(code, *values.get(code, ("N/A",) * needed))
