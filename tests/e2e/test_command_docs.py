"""docs/command.md and docs/attendance.md: every example is run in order, and pictures are made."""

import io
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console, RenderableType

from local.picture import save_svg
from room_reports_command.backfill_display import bar
from room_reports_command.backfill_progress import ProgressReader
from room_reports_command.doctor.check import carry_out
from room_reports_command.doctor.command import CHECKS, rendered
from room_reports_command.doctor.examination import Examination
from room_reports_command.errors import ExitCode
from room_reports_command.reference.recent import recent_ids
from room_reports_command.status import read_status
from room_reports_command.status_display import rendered as rendered_status
from tests.e2e.operator import Operator, failing_report, slow_kaltura
from tests.support.athena_server import AthenaServer
from tests.support.attendance import AttendanceViews, term_of
from tests.support.brightspace import Brightspace

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
ATTENDANCE = (ROOT / "docs" / "attendance.md").read_text(encoding="utf-8")
EXAMPLES = [
    line
    for block in re.findall(r"^```sh\n(.+?)^```", PAGE + ATTENDANCE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
BY_HAND = {
    *("pipx install .", "room-reports secret set", "room-reports secret set --regions eu"),
    "room-reports forget s000123 --email jane@example.edu",
    "room-reports forget s000123 --email jane@example.edu --verify",
}
"""Examples that install, or that ask; tests of the package and of the secret run those."""
FLAGS = re.MULTILINE | re.DOTALL
WIDTH = 112
MARCH = [replace(row, dt=row.dt.replace("-09-", "-03-")) for row in term_of(("BIO-101",), people=4)]
"""Attendance on the days that the examples name."""


@pytest.fixture(scope="module")
def environment(operator: Operator) -> Iterator[dict[str, str]]:
    """Return the environment that the pages describe, with the files that they name."""
    secret = json.dumps(operator.stack.kaltura.secret)
    (operator.folder / "secret.json").write_text(secret, encoding="utf-8")
    write_reference_files(operator)
    with AthenaServer(AttendanceViews(MARCH)) as athena:
        yield {
            "API_URL": operator.stack.api_url,
            "ROOM_REPORTS_API_KEY": operator.stack.api_key,
            "SHELL": "/bin/bash",
            "ATHENA_OF_VIEWS": athena.url,
        }
    s3, bucket = operator.stack.aws.s3, operator.stack.bucket
    for each in s3.list_objects_v2(Bucket=bucket, Prefix="reference/").get("Contents", ()):
        s3.delete_object(Bucket=bucket, Key=each["Key"])


def write_reference_files(operator: Operator) -> None:
    """Write the data sets, the tables and the policy that the examples name."""
    stack = operator.deployed()
    recent = recent_ids(stack.bucket, stack.settings, datetime.now(UTC), 30)
    campus = Brightspace()
    campus.course(101, "BIO-101", "Biology")
    campus.role(110, "Student")
    for number, user in enumerate(sorted(recent.users), 1):
        campus.user(number, user)
        campus.log(101, number, 110, "Enroll", "2026-03-01T12:00:00.000Z")
        campus.enrolled(101, number, "Student", "2026-03-01T12:00:00.000Z")
    for number, room in enumerate(sorted(recent.rooms), 1):
        campus.link(number, 101, f"https://kaf.example.edu/hosted/index/entryid/{room}")
        campus.launch(number, 101)
    campus.write(operator.folder)
    blocks = re.findall(r"^```text\n(.+?)^```", ATTENDANCE, FLAGS)
    for name, block in zip(("rooms.csv", "rosters.csv"), blocks, strict=True):
        (operator.folder / name).write_text(block, encoding="utf-8")
    (operator.folder / "policy.json").write_text('{"min_share": 0.9}', encoding="utf-8")


def test_the_page_has_examples_of_every_subcommand() -> None:
    used = {line.split()[1] for line in EXAMPLES if line.startswith("room-reports ")}
    assert used >= {
        *("status", "doctor", "backfill", "secret", "key", "get", "reference", "attendance"),
        "export-person",
    }


def test_examples_that_are_not_run_here_are_known() -> None:
    blocks = re.findall(r"^```console\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL)
    lines = {line.removeprefix("$ ") for block in blocks for line in block.splitlines()}
    assert lines == BY_HAND


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_works(operator: Operator, environment: dict[str, str], example: str) -> None:
    if example.startswith("room-reports attendance"):  # the local AWS has no views
        environment = {**environment, "AWS_ENDPOINT_URL_ATHENA": environment["ATHENA_OF_VIEWS"]}
    ran = operator.shell(example, environment)
    assert ran.code == 0, ran.err
    assert ran.out or "-o -" in example


def test_the_exit_codes_are_those_of_the_page() -> None:
    table = re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)
    assert table == [str(code.value) for code in ExitCode]


# Pictures


VARYING = frozenset(
    {
        # Times and amounts.
        *("min", "ms", "row", "rows", "window", "windows", "ahead", "behind"),
        # Values in the tables of status, which depend on the time of the day and on other tests.
        *("backfill", "event", "schedule", "settled", "settling", "open", "missing", "settle"),
        *("recut", "nothing"),
    }
)
"""Words that another run of the same command may show or not."""


def words(text: str) -> set[str]:
    """Return the words that a command shows, without those that vary and without values."""
    every = (word.strip(".,:;()") for word in text.split())
    return {
        word
        for word in every
        if len(word) > 1
        and any(map(str.isalpha, word))
        and not any(map(str.isdigit, word))
        and word not in VARYING
    }


def text_of(picture: Path) -> str:
    """Return the text that a picture shows."""
    texts = ElementTree.parse(picture).getroot().iter("{http://www.w3.org/2000/svg}text")
    return " ".join(each.text or "" for each in texts if each.get("clip-path"))


def picture(name: str, command: str, shown: Sequence[RenderableType]) -> str:
    """Return what a command shows on a terminal, and check that its picture shows the same words.

    If IMAGES names a folder, write the picture there.
    """
    console = Console(
        record=True, file=io.StringIO(), width=WIDTH, highlight=False, markup=False, emoji=False
    )
    for each in shown:
        console.print(each)
    text = console.export_text(clear=False)
    if folder := os.environ.get("IMAGES"):
        save_svg(console, Path(folder) / f"{name}.svg", title=command, name=name)
    pictured = words(text_of(Path(folder or ROOT / "docs" / "images") / f"{name}.svg"))
    assert len(pictured) > 5
    assert pictured == words(text), "the picture is of another version: make command-images"
    return text


@pytest.fixture
def late_region(operator: Operator) -> Iterator[Operator]:
    """Return the operator of a stack in which a report of eu has failed."""
    with failing_report(operator.stack, 3):
        yield operator


def test_a_picture_of_status(late_region: Operator) -> None:
    found = read_status(late_region.deployed(), datetime.now(UTC))
    shown = picture("status", "room-reports status", list(rendered_status(found)))
    assert "SERVICE_FORBIDDEN" in shown


def test_a_picture_of_doctor(operator: Operator) -> None:
    events, stack = operator.stack.aws.events, operator.deployed()
    # One of the checks looks at the last backfill.
    arguments = ("--from", "2025-01-01", "--to", "2025-01-02", "--reports", "attendees", "--force")
    assert operator.run("backfill", *arguments, "--yes").code == 0
    events.disable_rule(Name=stack.resources["ExporterSchedule"])
    try:
        examination = Examination(stack)
        results = [result for check in CHECKS for result in carry_out(check, examination)]
    finally:
        events.enable_rule(Name=stack.resources["ExporterSchedule"])
    shown = picture("doctor", "room-reports doctor", list(rendered(results)))
    assert "cure: aws events enable-rule" in shown


def test_a_picture_of_a_running_backfill(operator: Operator) -> None:
    with slow_kaltura(operator.stack, 0.3):
        started = operator.run(
            "backfill", "--from", "2023-09-01", "--to", "2024-01-01", "--yes", "--detach", "--json"
        )
        name, windows = started.document["execution"], started.document["windows"]
        reader = ProgressReader(operator.deployed().bucket, name)
        while (progress := reader.read()).done <= windows / 4:
            time.sleep(0.1)
        now = datetime.now(UTC)
    shown = picture("backfill", "room-reports backfill", [bar(name, progress, now)])
    assert f"{progress.done:,} of {windows:,} windows" in shown
    assert operator.run("backfill", "--attach", "--json").code == 0
