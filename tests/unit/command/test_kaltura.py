"""What is said of credentials that Kaltura does not accept, or could not be asked about."""

import pytest

from room_reports.kaltura.error_codes import ERROR_RULES, Handling, error_for, error_for_status
from room_reports.kaltura.errors import KalturaError, UnreachableError
from room_reports_command.kaltura import OF_CREDENTIALS, OPERATING, Failure, cure_of, failure_of

OF_THE_SECRET = [code for code, rule in ERROR_RULES.items() if "secret" in rule.advice]


@pytest.mark.parametrize("code", sorted(OF_CREDENTIALS))
def test_the_credentials_are_blamed_for_errors_that_end_a_region(code: str) -> None:
    assert code == "INVALID_KS" or ERROR_RULES[code].handling is Handling.GIVE_UP_REGION
    error = error_for(code)
    assert failure_of(error) is Failure.CREDENTIALS
    assert cure_of(error, "eu") == "room-reports secret set --regions eu"


def test_no_error_of_the_secret_is_left_out() -> None:
    assert len(OF_THE_SECRET) > 3
    assert set(OF_THE_SECRET) <= OF_CREDENTIALS


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (UnreachableError("UNREACHABLE", "no connection"), Failure.NO_RESPONSE),
        (error_for("DRUID_QUERY_TIMED_OUT"), Failure.NO_RESPONSE),
        (error_for("ACTION_BLOCKED"), Failure.NO_RESPONSE),
        (error_for_status(503), Failure.NO_RESPONSE),
        (error_for("REPORT_NOT_FOUND"), Failure.REFUSED),
        (error_for("SERVICE_DOES_NOT_EXISTS"), Failure.REFUSED),
        (error_for_status(404), Failure.REFUSED),
    ],
)
def test_other_errors_do_not_blame_the_credentials(error: KalturaError, failure: Failure) -> None:
    assert failure_of(error) is failure
    assert cure_of(error, "eu") == OPERATING
