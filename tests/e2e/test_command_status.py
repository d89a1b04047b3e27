"""room-reports status: what is late and why, and what the next run will do."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.operator import Operator, failing_report

pytestmark = pytest.mark.e2e

SERIES = [
    (report, region)
    for region in ("us", "eu")
    for report in ("room_data", "attendees", "breakout_sessions")
]


@pytest.fixture(scope="module")
def failing_region(operator: Operator) -> Iterator[Operator]:
    """Return the operator of a stack in which older days of eu have failed."""
    with failing_report(operator.stack, 5):
        yield operator


def test_a_healthy_stack_is_on_time(operator: Operator) -> None:
    ran = operator.run("status", "--json")
    found = ran.document
    assert (ran.code, ran.err, found["late"]) == (0, "", False)
    assert [(each["report"], each["region"]) for each in found["series"]] == SERIES
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    assert {each["newest"] for each in found["series"]} == {yesterday}
    assert {each["due"] for each in found["series"]} == {0}
    assert found["missing"] == []
    assert found["next_run"]["schedule"] == "cron(7 * * * ? *)"
    at = datetime.fromisoformat(found["next_run"]["at"])
    assert datetime.now(UTC) - timedelta(minutes=1) < at < datetime.now(UTC) + timedelta(hours=1)
    assert at.minute == 7


def test_what_is_missing_and_why(failing_region: Operator) -> None:
    ran = failing_region.run("status", "--json")
    found = ran.document
    assert (ran.code, found["late"]) == (1, True)
    late = [each for each in found["series"] if each["late"]]
    assert [(each["report"], each["region"]) for each in late] == [("attendees", "eu")]
    days = late[0]["due"]
    assert days > 0
    assert late[0]["reasons"] == {"missing": days}
    assert late[0]["hours_late"] > 48
    # Once the report's circuit breaker is open, the rest of it is deferred.
    errors = [(each["error"] or "none").split(":")[0] for each in found["missing"]]
    assert len(errors) == days
    assert errors.count("SERVICE_FORBIDDEN") == found["runs"][0]["failed"] > 0
    assert all(each["error"] or each["deferred"] for each in found["missing"])
    assert found["next_run"]["windows"]["missing"] >= days


def test_people_see_the_same(failing_region: Operator) -> None:
    ran = failing_region.run("status")
    assert "SERVICE_FORBIDDEN" in ran.out
    assert re.search(r"due then: \d+ missing", ran.out)
    assert "1 of 6 series are later than 6 hours" in ran.err
    assert "\x1b" not in ran.out + ran.err


def test_status_agrees_with_a_run(failing_region: Operator) -> None:
    """What status says is due is what a dry run of the exporter says."""
    found = failing_region.run("status", "--json").document
    today = datetime.now(UTC).date()
    event = {"from": str(today - timedelta(days=5)), "to": str(today), "dry_run": True}
    deferred = failing_region.stack.invoke(event).response()["deferred"]
    assert deferred == sum(each["due"] for each in found["series"])


def test_status_writes_nothing(operator: Operator) -> None:
    before = operator.stack.versions()
    operator.run("status")
    assert operator.stack.versions() == before


def test_how_late_data_come(operator: Operator) -> None:
    found = operator.run("status", "--late-data", "--days", "2", "--json").document["late_data"]
    assert {(each["region"], each["granularity"]) for each in found} >= {
        ("eu", "day"),
        ("us", "day"),
    }
    for each in found:
        # A stack that was deployed today cannot know.
        assert each["settle_hours"] is None
        first, *bands = [stage["ages"] for stage in each["stages"]]
        assert first == "when they settle"
        assert len(bands) == 3
        assert bands[-1].endswith("to 365 days")
    shown = operator.run("status", "--late-data").out
    assert "Not enough data to say anything about SettleHours" in shown
    short = operator.run("status")
    for region in ("us", "eu"):
        assert f"Late data, {region}, files of a day: Not enough data" in short.out
    assert "Late rows" not in short.out
    for each in operator.run("status", "--json").document["late_data"]:
        assert each["conclusion"].startswith("Not enough data to say anything about SettleHours")


def test_watching_shows_it_again(operator: Operator) -> None:
    shown = operator.interrupted(["status", "--watch", "--interval", "1"], after="Next run")
    assert shown.code == 130
    assert shown.out.count("Freshness at") >= 2


def test_in_a_terminal_it_has_colours(operator: Operator) -> None:
    code, shown = operator.type(["status"], [])
    assert code in (0, 1)
    assert "\x1b[" in shown


@pytest.mark.parametrize(
    ("arguments", "cause", "cure"),
    [
        (["--stack", "no-such-stack"], "There is no stack", "kaltura-room-reports"),
        (["--profile", "no-such-profile"], "no-such-profile", "--profile"),
    ],
)
def test_a_stack_that_cannot_be_found(
    operator: Operator, arguments: list[str], cause: str, cure: str
) -> None:
    ran = operator.run("status", *arguments)
    assert (ran.code, ran.out) == (3, "")
    assert cause in ran.err
    assert cure in ran.err


def test_without_credentials(operator: Operator) -> None:
    nothing = {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    ran = operator.run("status", "--json", environment=nothing)
    assert (ran.code, ran.out) == (3, "")
    assert "no AWS credentials" in ran.err


@pytest.mark.parametrize("option", ["--json", "--late-data"])
def test_watching_is_not_for_scripts(operator: Operator, option: str) -> None:
    ran = operator.run("status", "--watch", option)
    assert (ran.code, ran.out) == (2, "")
