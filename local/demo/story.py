"""What the demo tells: a week of exports with an outage, and what lies in the bucket after it."""

from collections import Counter
from collections.abc import Sequence

from local.demo.checks import Checks
from local.demo.download import download
from local.demo.kaltura import SimulatedRegion
from local.demo.lake import Stored, read_all, tree, versions
from local.demo.queries import QUESTIONS, ask
from local.demo.runs import HEADINGS, Report, run_schedule
from local.demo.screen import Screen, size
from local.demo.week import (
    CATCH_UP_DAYS,
    DOWN,
    FIRST_NIGHT,
    OUTAGE,
    RECOVERY,
    REGIONS,
    File,
    files,
)
from local.stack.stack import Stack

SIMULATION = ("--regions", ",".join(REGIONS), "--seed", "7", "--rooms", "40", "--attendees", "20")
_OPENED = ("attendees", "day", "eu")
_LINES_SHOWN = 4


def template_parameters() -> dict[str, str]:
    """What the template is deployed with."""
    return {
        "Granularities": "day,hour",
        "CatchUpDays": str(CATCH_UP_DAYS),
        # Not before the demo is over: it sends the schedule's events of a week long ago itself.
        "ScheduleExpression": "rate(1 hour)",
    }


def tell(stack: Stack, screen: Screen) -> Checks:
    """The whole story on a fresh stack; everything that it found true.

    Raises:
        CheckError: when something is not as it must be.
    """
    checks = Checks()
    regions = {name: SimulatedRegion(name, stack.kaltura.urls[name]) for name in REGIONS}
    _runs(stack, regions, screen, checks)
    stored = _files(stack, regions, screen, checks)
    _queries(stack, stored, screen, checks)
    _download(stack, stored, screen, checks)
    secrets = [stack.api_key, *(str(stack.kaltura.secret[name]["app_token"]) for name in REGIONS)]
    logged = stack.log_text()
    found = sum(secret in logged for secret in secrets)
    checks.equal("No secret occurs in the functions' logs", found, 0)
    screen.title("Checked")
    for statement in checks.held:
        screen.checked(statement)
    return checks


def _runs(
    stack: Stack, regions: dict[str, SimulatedRegion], screen: Screen, checks: Checks
) -> None:
    screen.title("The schedule's event arrives: three reports, two regions, days and hours")
    screen.say(HEADINGS, style="dim")
    servers = list(regions.values())
    first, week, after = files(FIRST_NIGHT), files(OUTAGE), files(RECOVERY)

    report = run_schedule(stack, servers, FIRST_NIGHT, first, screen)
    checks.equal("The first run exported Monday to Thursday", report.exported, _keys(first))
    checks.equal("and nothing failed in it", report.failed, ())

    regions[DOWN].go_down()
    due = _without(week, first)
    missed = [file for file in due if file.region == DOWN]
    landed = _without(due, missed)
    report = run_schedule(stack, servers, OUTAGE, landed, screen)
    _explain(report, screen)
    checks.equal(f"While {DOWN} was down, the run failed", report.succeeded, False)
    checks.equal("but all files of the other region landed", report.exported, _keys(landed))
    named = frozenset(failure.key for failure in report.failed)
    checks.equal(f"and only tasks of {DOWN} failed", named - _keys(missed), frozenset())
    left = len(report.failed) + report.deferred
    checks.equal(f"all others of {DOWN} being left to the next run", left, len(missed))

    regions[DOWN].come_back()
    due = missed + _without(after, week)
    report = run_schedule(stack, servers, RECOVERY, due, screen)
    done = report.exported
    checks.equal("The next run exported what was missing and the new hour", done, _keys(due))
    checks.equal("and nothing failed in it", report.failed, ())

    before = versions(stack)
    report = run_schedule(stack, servers, RECOVERY, [], screen)
    checks.equal("One more run exported nothing", report.exported, frozenset())
    checks.equal("and wrote no file anew", versions(stack), before)


def _explain(report: Report, screen: Screen) -> None:
    for error, count in Counter(failure.error for failure in report.failed).items():
        screen.say(f"  {DOWN}, {count} times: {error}", style="yellow")
    screen.say("  The invocation fails, which raises the alarm; what is left is due again.")


def _files(
    stack: Stack, regions: dict[str, SimulatedRegion], screen: Screen, checks: Checks
) -> list[Stored]:
    screen.title("What lies in the bucket")
    expected = files(RECOVERY)
    checks.equal(
        "Every file is there, once, and no other", versions(stack), sorted(_keys(expected))
    )
    stored = read_all(stack, expected, regions, screen)
    rows = sum(len(item.rows) for item in stored)
    checks.held.append(
        f"All {rows:,} rows of the {len(stored):,} files are those that Kaltura knows"
    )
    screen.table(["", "files", "rows", "size"], tree(stack.bucket, stored, _OPENED), right=3)
    return stored


def _queries(stack: Stack, stored: Sequence[Stored], screen: Screen, checks: Checks) -> None:
    for question in QUESTIONS:
        screen.title(f"Athena: {question.text}")
        screen.say(question.sql + "\n", style="dim")
        headings, rows = ask(stack, question, stored)
        screen.table(headings, rows, right=question.numbers)
        checks.held.append(f"Athena's answer is right: {question.text}")


def _download(stack: Stack, stored: Sequence[Stored], screen: Screen, checks: Checks) -> None:
    chosen = max(
        (item for item in stored if item.file.report.slug == "attendees"), key=lambda s: s.size
    )
    screen.title("A file downloaded over HTTP, without an AWS account")
    found = download(stack, chosen, checks)
    screen.command(f'curl -L -H "x-api-key: $KEY" {found.address}')
    screen.say(f"\n302 to a presigned link that works for {found.seconds} s")
    screen.say(f"200, {size(len(found.body))}, {len(chosen.rows):,} rows, which begin:\n")
    for line in found.body.decode().split("\n")[:_LINES_SHOWN]:
        screen.line(line)


def _keys(wanted: Sequence[File]) -> frozenset[str]:
    return frozenset(file.key for file in wanted)


def _without(wanted: Sequence[File], other: Sequence[File]) -> list[File]:
    there = _keys(other)
    return [file for file in wanted if file.key not in there]
