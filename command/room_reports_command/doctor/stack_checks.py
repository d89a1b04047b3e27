"""The checks of the stack as it is deployed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from room_reports.model.windows import iso
from room_reports.settings import Settings
from room_reports_command.doctor.check import Area, Check, Outcome, finding, not_checked, ok
from room_reports_command.doctor.examination import Examination
from room_reports_command.errors import CommandError
from room_reports_command.output import duration
from room_reports_command.schedule import Schedule, parse_schedule

_OUTPUTS = (
    *("BucketName", "SecretArn", "ExporterFunction", "GlueDatabase", "AthenaWorkgroup"),
    *("ApiUrl", "ApiKeyId", "BackfillStateMachine"),
)
_COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
_FOR_READERS = 10
"""Invocations at once that are left to the readers of the API."""
_GRACE = timedelta(hours=1)


def _deployed(given: Examination) -> Iterator[Outcome]:
    status = given.stack.description["StackStatus"]
    missing = [name for name in _OUTPUTS if name not in given.stack.outputs]
    if status not in _COMPLETE:
        yield finding(f"the stack has the state {status}")
    elif missing:
        yield finding(f"the stack lacks the outputs {', '.join(missing)}")
    else:
        yield ok(f"{status}, with all outputs")


def _settings(given: Examination) -> Iterator[Outcome]:
    given.stack.settings  # noqa: B018 - fills the reader's problems
    problems = {
        name: text
        for name, text in given.stack.settings_reader.problems.items()
        if name != "CONCURRENCY"
    }
    for name, text in problems.items():
        yield finding(text, name)
    if not problems:
        yield ok("every setting can be read")


def _memory(given: Examination) -> Iterator[Outcome]:
    settings = given.stack.settings
    problem = given.stack.settings_reader.problems.get("CONCURRENCY")
    memory = given.stack.exporter["MemorySize"]
    if problem:
        yield finding(problem)
    else:
        at_once = settings.concurrency * len(settings.regions)
        yield ok(f"{memory} MB for {at_once} reports at the same time")


def _secret(given: Examination) -> Iterator[Outcome]:
    credentials = given.credentials
    if isinstance(credentials, str):
        yield finding(credentials)
    else:
        yield ok(f"has credentials for {', '.join(credentials)}")


def _rule(given: Examination) -> Iterator[Outcome]:
    state = given.stack.events.describe_rule(Name=given.rule)["State"]
    yield ok("enabled") if state == "ENABLED" else finding(f"the rule {given.rule} is {state}")


def _schedule(given: Examination) -> Iterator[Outcome]:
    text = given.stack.events.describe_rule(Name=given.rule).get("ScheduleExpression", "")
    try:
        run = parse_schedule(text).next_after(given.now)
    except CommandError as error:
        yield finding(error.cause)
        return
    if run is None:
        yield finding(f"{text} has no run any more")
    else:
        yield ok(f"{text}, next at {iso(run)}")


def _last_run(given: Examination) -> Iterator[Outcome]:
    text = given.stack.events.describe_rule(Name=given.rule).get("ScheduleExpression", "")
    try:
        schedule = parse_schedule(text)
    except CommandError:
        yield not_checked("the schedule cannot be read")
        return
    last = next((run for run in given.runs if run.trigger == "schedule"), None)
    if last is None:
        first = _next(schedule, given.stack.description["CreationTime"])
        if first and given.now < first + _GRACE:
            yield not_checked(f"the first run is due at {iso(first)}")
        else:
            yield finding("no scheduled run has completed in the last seven days")
        return
    due = _next(schedule, last.started)
    age = duration(given.now - last.started)
    if due and given.now > due + _GRACE:
        yield finding(f"the last scheduled run was {age} ago; the next was due at {iso(due)}")
    else:
        yield ok(
            f"{age} ago: {len(last.fields['exported'])} exported, "
            f"{len(last.fields['failed'])} failed"
        )


def _next(schedule: Schedule, moment: datetime) -> datetime | None:
    """Return the run that follows one at ``moment``."""
    return schedule.next_after(moment.astimezone(UTC), None)


def _alarms(given: Examination) -> Iterator[Outcome]:
    names = [
        given.stack.resources[logical]
        for logical, kind in given.stack.resource_types.items()
        if kind == "AWS::CloudWatch::Alarm"
    ]
    found = given.stack.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    raised = [each for each in found if each["StateValue"] == "ALARM"]
    for each in raised:
        yield finding(each.get("StateReason", "raised"), each["AlarmName"])
    if len(found) < len(names):
        there = {each["AlarmName"] for each in found}
        yield finding(
            f"deleted: {', '.join(sorted(set(names) - there))}",
            cure="docs/first-deployment.md#changed-outside-the-stack",
        )
    elif not raised:
        yield ok(f"{len(found)} alarms, none is raised")


def _alarm_email(given: Examination) -> Iterator[Outcome]:
    address = given.stack.parameters.get("AlarmEmail", "")
    if not address:
        yield finding(
            "AlarmEmail is empty",
            cure="Set AlarmEmail in deploy.toml, then run: "
            "sam build && sam deploy --config-file deploy.toml",
        )
        return
    topic = given.stack.resources["AlarmTopic"]
    pages = given.stack.topics.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    subscriptions = [
        each["SubscriptionArn"]
        for page in pages
        for each in page["Subscriptions"]
        if each["Endpoint"] == address
    ]
    if any(is_confirmed(given, each) for each in subscriptions):
        yield ok(f"{address} is subscribed and confirmed")
    elif subscriptions:
        yield finding(
            f"{address} has not confirmed the subscription",
            cure="Open the link in the email that AWS has sent to <email>.",
        )
    else:
        yield finding(f"{address} is not subscribed")


def is_confirmed(given: Examination, subscription: str) -> bool:
    """Return whether a subscription has been confirmed.

    Args:
        subscription: Its ARN; ``PendingConfirmation`` where SNS does not tell it before.
    """
    if not subscription.startswith("arn:"):
        return False
    found = given.stack.topics.get_subscription_attributes(SubscriptionArn=subscription)
    return found["Attributes"].get("PendingConfirmation") != "true"


def _concurrency(given: Examination) -> Iterator[Outcome]:
    limit = given.stack.functions.get_account_settings()["AccountLimit"]
    yield judge_concurrency(
        limit["UnreservedConcurrentExecutions"],
        limit["ConcurrentExecutions"],
        needed_invocations(given.stack.settings),
    )


def needed_invocations(settings: Settings) -> int:
    """Return how many invocations at once a stack needs, with a backfill and a scheduled run."""
    return len(settings.regions) * settings.children + 1 + _FOR_READERS


def judge_concurrency(left: int, limit: int, needed: int) -> Outcome:
    """Return whether Lambda may run enough functions at once.

    Args:
        left: Invocations at once that no function has reserved.
        limit: Those of the account.
        needed: Those that the stack needs.
    """
    text = f"{left} of {limit} invocations at once can be used, and {needed} are needed"
    return ok(text) if left >= needed else finding(text)


CHECKS = (
    Check(
        "deployed",
        Area.STACK,
        "The stack is deployed completely, with all its outputs.",
        "A deployment failed, or is not finished.",
        "sam build && sam deploy --config-file deploy.toml",
        _deployed,
    ),
    Check(
        "settings",
        Area.STACK,
        "The exporter can read each of its settings.",
        "The exporter refuses to run until the parameter is corrected.",
        "docs/parameters.md",
        _settings,
    ),
    Check(
        "memory",
        Area.STACK,
        "The exporter has enough memory for Concurrency.",
        "The exporter refuses to run, because it could run out of memory.",
        "docs/parameters.md#kaltura",
        _memory,
    ),
    Check(
        "secret",
        Area.STACK,
        "The secret has credentials for each Kaltura region.",
        "The exporter refuses to run.",
        "room-reports secret set",
        _secret,
    ),
    Check(
        "rule-enabled",
        Area.STACK,
        "The EventBridge rule is enabled.",
        "The exporter is not started.",
        "aws events enable-rule --name <rule>",
        _rule,
    ),
    Check(
        "schedule",
        Area.STACK,
        "The schedule can be read, and has a next run.",
        "EventBridge does not start the exporter.",
        "docs/parameters.md#schedule-and-windows",
        _schedule,
    ),
    Check(
        "last-run",
        Area.STACK,
        "The last scheduled run is not older than the schedule says.",
        "The exporter is not started, or cannot start, or is killed.",
        "docs/operating.md#how-you-hear-of-it",
        _last_run,
    ),
    Check(
        "alarms",
        Area.STACK,
        "No alarm is raised.",
        "Data are late, or the exporter does not run.",
        "docs/operating.md#how-you-hear-of-it",
        _alarms,
    ),
    Check(
        "alarm-email",
        Area.STACK,
        "An email address is subscribed to the alarms, and confirmed.",
        "No one hears of an alarm.",
        "aws sns subscribe --topic-arn <topic> --protocol email --notification-endpoint <email>",
        _alarm_email,
    ),
    Check(
        "lambda-concurrency",
        Area.STACK,
        "The account lets Lambda run enough functions at once: a run, a backfill and ten readers.",
        "Backfills and readers of the API are throttled. New accounts have a limit of 10 or so.",
        "aws service-quotas request-service-quota-increase --service-code lambda "
        "--quota-code L-B99A9384 --desired-value 1000",
        _concurrency,
    ),
)
