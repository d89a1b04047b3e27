"""What becomes of a check that cannot be carried out to its end: no result is lost."""

import json
from collections.abc import Iterator

import boto3
import pytest
import requests
from botocore.exceptions import ClientError, EndpointConnectionError

from room_reports_command.doctor.check import (
    Area,
    Check,
    Outcome,
    Part,
    Result,
    State,
    carry_out,
    finding,
    ok,
)
from room_reports_command.doctor.examination import Examination
from room_reports_command.doctor.stack_checks import is_confirmed
from room_reports_command.errors import CommandError
from room_reports_command.stack import Connection, DeployedStack

SECRET = "X-Amz-Signature=0123"
DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")
ERRORS: list[tuple[Exception, State, str]] = [
    (DENIED, State.NOT_CHECKED, "your AWS role may not call GetObject"),
    (EndpointConnectionError(endpoint_url=SECRET), State.NOT_CHECKED, "AWS did not respond"),
    (requests.ConnectionError(SECRET), State.FINDING, "no HTTP response: ConnectionError"),
    (requests.JSONDecodeError("no", SECRET, 0), State.FINDING, "the HTTP response is not JSON"),
    (CommandError("the query FAILED"), State.NOT_CHECKED, "the query FAILED"),
    (
        KeyError(SECRET),
        State.NOT_CHECKED,
        "the check has a defect: KeyError in test_check.py, line",
    ),
    (json.JSONDecodeError("no", SECRET, 0), State.NOT_CHECKED, "JSONDecodeError in test_check.py"),
]


@pytest.fixture
def examination() -> Examination:
    """Return the examination of a stack that nothing is asked about."""
    session = boto3.Session("none", "none", region_name="us-east-1")
    return Examination(DeployedStack(Connection(), session))


def results(examination: Examination, *parts: Part) -> list[Result]:
    run, *also = parts
    check = Check("any", Area.AWS, "Whether.", "It means.", "aws it", run, also=tuple(also))
    return carry_out(check, examination)


def breaking(error: Exception) -> Part:
    """Return a part that has two outcomes before it fails."""

    def run(_examination: Examination) -> Iterator[Outcome]:
        yield ok("well", "one")
        yield finding("ill", "two")
        raise error

    return run


def working(_examination: Examination) -> Iterator[Outcome]:
    yield ok("also well", "three")


@pytest.mark.parametrize(("error", "state", "found"), ERRORS)
def test_an_error_becomes_a_result_and_hides_none(
    examination: Examination, error: Exception, state: State, found: str
) -> None:
    first, second, failed, other = results(examination, breaking(error), working)
    assert [(each.state, each.subject) for each in (first, second, other)] == [
        (State.OK, "one"),
        (State.FINDING, "two"),
        (State.OK, "three"),
    ]
    assert second.cure == "aws it"
    assert failed.state is state
    assert failed.found.startswith(found) or found in failed.found
    assert SECRET not in failed.found


def test_a_subscription_without_an_arn_is_not_confirmed(examination: Examination) -> None:
    """SNS lists it so until the link in its email has been opened."""
    assert not is_confirmed(examination, "PendingConfirmation")


def test_ctrl_c_ends_the_checks(examination: Examination) -> None:
    def interrupted(_examination: Examination) -> Iterator[Outcome]:
        raise KeyboardInterrupt
        yield ok("never")

    with pytest.raises(KeyboardInterrupt):
        results(examination, interrupted)
