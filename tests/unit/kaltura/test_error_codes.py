import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.kaltura.error_codes import ERROR_RULES, error_for, error_for_status
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

KS = "djJ8MTAyfMxkIMQypi0HvHEutndbXKcVRF9LvHwYoYOiFF0d"


@pytest.mark.parametrize(
    ("code", "ksid", "kind"),
    [
        ("INVALID_KS", KS, RegionError),
        ("INVALID_KS", "", RegionError),
        ("INVALID_KS", "EXPIRED", KalturaSessionExpiredError),
        ("INVALID_KS", "EXCEEDED_ACTIONS_LIMIT", KalturaSessionExpiredError),
        ("INVALID_KS", "LOGOUT", RegionError),
        ("INVALID_KS", "EXCEEDED_RESTRICTED_IP", RegionError),
        ("INVALID_KS", "EXCEEDED_RESTRICTED_URI", RegionError),
        ("SERVICE_FORBIDDEN", "", ForbiddenError),
        ("MISSING_KS", "", RegionError),
        ("REPORT_NOT_FOUND", "", ReportError),
        ("INTERNAL_SERVERL_ERROR", "", TransientError),
        ("INTERNAL_SERVER_ERROR", "", TransientError),
        ("INTERNAL_DATABASE_ERROR", "", TransientError),
        ("DRUID_QUERY_TIMED_OUT", "", TooHeavyError),
        ("SEARCH_TOO_GENERAL", "", ReportError),
        ("LOCK_TIMED_OUT", "", TransientError),
        ("ACTION_BLOCKED", "", RateLimitError),
        ("MISSING_MANDATORY_PARAMETER", "", ReportError),
        ("SERVICE_DOES_NOT_EXISTS", "", RegionError),
        ("ACTION_DOES_NOT_EXISTS", "", RegionError),
        ("SERVICE_ACCESS_CONTROL_RESTRICTED", "", RegionError),
        ("SERVICE_FORBIDDEN_CONTENT_BLOCKED", "", RegionError),
        ("USER_BLOCKED", "", RegionError),
        ("INVALID_OBJECT_ID", "", RegionError),
        ("SOMETHING_NEW", "", ReportError),
    ],
)
def test_documented_error_codes_map_to_their_error_types(
    code: str, ksid: str, kind: type[KalturaError]
) -> None:
    error = error_for(code, ksid)

    assert type(error) is kind
    assert error.code == code
    assert error.retryable == issubclass(kind, TransientError | TooHeavyError)
    assert KS not in f"{error}{error!r}"


def test_rate_limit_is_retried_after_at_least_ten_seconds() -> None:
    error = error_for("ACTION_BLOCKED")

    assert isinstance(error, TransientError)
    assert error.wait >= 10


@pytest.mark.parametrize("code", sorted(ERROR_RULES))
def test_every_error_rule_has_a_message(code: str) -> None:
    error = error_for(code)

    assert re.fullmatch(rf"{code}: \S.{{20,}}", str(error))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, TransientError) for status in (408, 425, 500, 502, 520)),
        *((status, UnreachableError) for status in (429, 503)),
        *((status, TooHeavyError) for status in (504, 524)),
        *((status, RegionError) for status in (301, 302, 307, 308, 401, 404, 407, 410)),
        (403, ForbiddenError),
        *((status, ReportError) for status in (204, 206, 400, 405, 413, 501)),
    ],
)
def test_http_statuses_map_to_their_error_types(status: int, kind: type[KalturaError]) -> None:
    error = error_for_status(status)

    assert type(error) is kind
    assert error.code == f"HTTP_{status}"


def test_a_500_without_a_body_is_too_heavy() -> None:
    assert type(error_for_status(500, empty=True)) is TooHeavyError


def test_status_200_is_not_an_error() -> None:
    assert error_for_status(200) is None


@given(st.floats(0, 1e9))
def test_retry_after_is_capped(retry_after: float) -> None:
    error = error_for_status(429, retry_after)

    assert isinstance(error, TransientError)
    assert 0 <= error.wait <= 60
