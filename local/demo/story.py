"""The demo's story: a week of exports with an outage, and what is in the bucket after it."""

import sqlite3
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from local.demo.bucket import MONDAY, REGIONS, Stored, files, read_all, tree
from local.demo.screen import Screen, printable
from local.kaltura.control_client import ControlClient
from local.stack.stack import Stack

FIRST_NIGHT = MONDAY + timedelta(days=4, minutes=7)
OUTAGE = MONDAY + timedelta(days=7, minutes=7)
RECOVERY = OUTAGE + timedelta(hours=1)
DOWN = "eu"  # The region that is down during the second run.
SIMULATION = ("--regions", ",".join(REGIONS), "--seed", "7", "--rooms", "40", "--attendees", "20")
PARAMETERS = {
    "Granularities": "day,hour",
    "CatchUpDays": "4",  # The days between the runs, and one more.
    # The demo sends the schedule's events itself, so the rule must not fire before it has ended.
    "ScheduleExpression": "rate(1 hour)",
}


def tell(stack: Stack, screen: Screen) -> None:
    """Tell the whole story on a new stack, and raise a CheckError if something is not right."""
    kaltura = {name: ControlClient(stack.kaltura.urls[name]) for name in REGIONS}
    _run_week(stack, kaltura[DOWN], screen)
    stored = _compare_files(stack, kaltura, screen)
    _query(stack, stored, screen)
    _download(stack, max(stored, key=lambda item: len(item.body)), screen)
    secrets = [stack.api_key, *(str(stack.kaltura.secret[name]["app_token"]) for name in REGIONS)]
    logged = stack.log_text()
    leaked = sum(secret in logged for secret in secrets)
    screen.check("No secret occurs in the functions' logs", leaked, 0)
    screen.show("\nChecked", "bold")
    for sentence in screen.checked:
        screen.mark(sentence)


def _run_week(stack: Stack, failing: ControlClient, screen: Screen) -> None:
    screen.show("\nFour scheduled runs: three reports, two regions, days and hours", "bold")
    screen.show(f"{'exported':>36}{'skipped':>10}{'deferred':>10}{'failed':>10}", "dim")
    nights = (FIRST_NIGHT, OUTAGE, RECOVERY)
    first, week, later = ({file.key for file in files(night)} for night in nights)
    missed = {key for key in week - first if f"region={DOWN}/" in key}
    run = _run(stack, FIRST_NIGHT, screen)
    screen.check("The first run exported Monday to Thursday", run["exported"], first)
    screen.check("and no task failed", run["failed"], [])

    failing.go_down()
    run, due = _run(stack, OUTAGE, screen), week - first - missed
    for error, count in Counter(task["error"] for task in run["failed"]).items():
        screen.show(f"  {DOWN}, {count} times: {error}", "yellow")
    screen.show("  The invocation fails. The next run exports the remaining tasks.")
    screen.check(f"While {DOWN} was down, the run failed", run["succeeded"], False)
    screen.check("but it exported all files of the other region", run["exported"], due)
    failed = {task["task"] for task in run["failed"]}
    screen.check(f"only tasks of {DOWN} failed", failed - missed, set())
    left = len(run["failed"]) + run["deferred"]
    screen.check("and all its others were left to the next run", left, len(missed))

    failing.come_back()
    run, due = _run(stack, RECOVERY, screen), missed | (later - week)
    screen.check("The next run exported what was missing and the new hour", run["exported"], due)
    screen.check("and no task failed", run["failed"], [])
    before, run = _versions(stack), _run(stack, RECOVERY, screen)
    screen.check("One more run exported nothing", run["exported"], set())
    screen.check("and wrote no file again", _versions(stack), before)


def _run(stack: Stack, now: datetime, screen: Screen) -> dict[str, Any]:
    """Send the schedule's event of ``now``, and return what the run reported."""
    began = time.monotonic()
    with screen.console.status(f"The run of {now:%F %H:%M} UTC"):
        result = stack.run_schedule(now)
    run, seconds = result.response(), time.monotonic() - began
    counts = (len(run["exported"]), run["skipped"], run["deferred"], len(run["failed"]))
    numbers = "".join(f"{count:>10,}" for count in counts)
    screen.mark(f"{now:%a %F %H:%M} UTC{numbers}{seconds:>16.1f} s", ok=not result.error)
    return run | {"exported": set(run["exported"]), "succeeded": not result.error}


def _versions(stack: Stack) -> list[str]:
    """Return the key of every version of every file, without what runs say of themselves."""
    found = stack.versions().items()
    return sorted(key for key, ids in found if "/granularity=" in key for _ in ids)


def _compare_files(stack: Stack, kaltura: dict[str, ControlClient], screen: Screen) -> list[Stored]:
    wanted, found = files(RECOVERY), _versions(stack)
    keys = sorted(file.key for file in wanted)
    screen.check("Each file is in the bucket once, and no other is", found, keys)
    with screen.console.status(f"Comparing {len(wanted):,} files with Kaltura's rows"):
        stored = read_all(stack, wanted, kaltura)
    rows = f"{sum(len(item.rows) for item in stored):,} rows of the {len(stored):,} files"
    screen.check(f"All {rows} are Kaltura's", len(stored), len(wanted))
    screen.show("\nThe files in the bucket", "bold")
    screen.show(f"{'files':>64}{'rows':>8}{'size':>14}", "dim")
    screen.show(tree(stack.bucket, stored, f"attendees/granularity=day/region={DOWN}/"))
    return stored


def _query(stack: Stack, stored: list[Stored], screen: Screen) -> None:
    """Run each query in Athena, and in SQLite over the rows of the files."""
    truth = sqlite3.connect(":memory:")
    for file, rows in ((item.file, item.rows) for item in stored):
        names = ["dt", "region", "granularity", *(column.name for column in file.report.columns)]
        truth.execute(f"CREATE TABLE IF NOT EXISTS {file.report.slug} ({', '.join(names)})")
        place = (f"{file.start:%F}", file.region, file.granularity)
        marks = ", ".join("?" * len(names))
        insert = f"INSERT INTO {file.report.slug} VALUES ({marks})"  # noqa: S608 - our own name
        truth.executemany(insert, [(*place, *row) for row in rows])
    for path in sorted((Path(__file__).parent / "queries").glob("*.sql")):
        question, sql = path.read_text(encoding="utf-8").removeprefix("-- ").split("\n", 1)
        found = stack.query(sql)
        rows = [[str(value) for value in row.values()] for row in found]
        # Sums of 10 s intervals never end in a half at 3 digits, so both engines round alike.
        expected = [list(map(str, row)) for row in truth.execute(sql)]
        screen.check(f"Athena's result is right: {question}", rows, expected)
        picture = path.name.startswith("3")
        screen.show(f"\nAthena: {question}", "bold", picture=picture)
        screen.show(sql, "dim", picture=picture)
        screen.table(list(found[0]), rows, picture=picture)


def _download(stack: Stack, stored: Stored, screen: Screen) -> None:
    """Download a file as any holder of an API key does, and try what must be refused."""
    file, key = stored.file, {"x-api-key": stack.api_key}
    path = f"/exports/{file.report.slug}/{file.region}/{file.granularity}/{file.start:%F}.csv"
    with requests.Session() as http:
        http.trust_env = False
        without_key = http.get(stack.api_url + path, timeout=60)
        redirect = http.get(stack.api_url + path, headers=key, allow_redirects=False, timeout=60)
        link = redirect.headers.get("Location", stack.api_url)
        response = http.get(link, timeout=60)
        changed = http.get(link.replace(file.report.slug, "room_data"), timeout=60)
    screen.check("A download without an API key is refused", without_key.status_code, 403)
    screen.check("one with a key is redirected to a presigned link", redirect.status_code, 302)
    received = (response.status_code, response.content)
    screen.check("which returns the published file, byte for byte", received, (200, stored.body))
    screen.check("and is refused when it is changed", changed.status_code, 403)
    screen.show("\nA file downloaded over HTTP, without an AWS account", "bold")
    screen.show(f'API={stack.api_url}\ncurl -L -H "x-api-key: $KEY" $API{path}', "dim")
    seconds = parse_qs(urlsplit(link).query)["X-Amz-Expires"][0]
    size = f"{len(response.content) / 1000:,.1f} kB, {len(stored.rows):,} rows"
    screen.show(f"302 to a presigned link that works for {seconds} s\n200, {size}, which begin:")
    for line in response.content.decode().split("\n")[:3]:
        screen.show(printable(line), "cyan")
