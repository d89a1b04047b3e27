"""The check of the log of who read what, if the stack keeps one."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from room_reports_command.doctor.check import Area, Check, Outcome, finding, not_checked, ok
from room_reports_command.doctor.examination import Examination
from room_reports_command.errors import CommandError
from room_reports_command.output import counted

PREFIX = "reports/"
"""Where in its bucket the template lets S3 put the log."""
_LOOKED_BACK = timedelta(days=2)
_BY_LINK = (
    "regexp_like(requester, '^arn:[a-z-]+:sts::[0-9]+:assumed-role/[^/]*-PresignerRole-') "
    "AND operation = 'REST.GET.OBJECT' "
    "AND regexp_like(http_status, '^2') AND regexp_like(key, 'granularity')"
)


def _logging(given: Examination) -> Iterator[Outcome]:
    if not _configured(given):
        yield not_checked("AccessLog is false: there is no log of who read what")
        return
    found = given.stack.s3.get_bucket_logging(Bucket=given.bucket).get("LoggingEnabled")
    yield judge_logging(found, given.stack.outputs.get("AccessLogBucketName"))


def _lines(given: Examination) -> Iterator[Outcome]:
    if not _configured(given):
        return
    try:
        ((lines, understood, links, named),) = given.query(
            lines_query(given.now - _LOOKED_BACK)
        ).rows
    except CommandError as error:
        yield finding(error.cause, "the lines")
        return
    yield from judge_lines(*(int(each or 0) for each in (lines, understood, links, named)))


def _configured(given: Examination) -> bool:
    return given.stack.parameters.get("AccessLog") == "true"


def lines_query(since: datetime) -> str:
    """Return a query of the lines since a day: the arguments of ``judge_lines``."""
    return (
        "SELECT count(*) AS lines, count(bucket) AS understood, "  # noqa: S608 - no foreign text
        f"count_if({_BY_LINK}) AS links, "
        f"count_if({_BY_LINK} AND regexp_like(request_uri, '[?&]x(-|%2[Dd])link=')) AS named "
        f"FROM access_log WHERE log_day >= '{since:%Y/%m/%d}'"
    )


def judge_logging(found: Mapping[str, Any] | None, bucket: str | None) -> Outcome:
    """Return whether a bucket is logged to where the table reads.

    Args:
        found: What S3 says of the logging of the bucket; None if there is none.
        bucket: The name of the bucket for the log.
    """
    cure = "docs/privacy.md#who-read-what"
    if not found:
        return finding("S3 does not log the requests to the bucket", "the bucket", cure)
    wanted = {
        "TargetBucket": bucket,
        "TargetPrefix": PREFIX,
        "TargetObjectKeyFormat": {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}},
    }
    wrong = [name for name, value in wanted.items() if found.get(name) != value]
    if wrong:
        return finding(f"S3 logs to another place: {', '.join(wrong)}", "the bucket", cure)
    return ok("is logged", "the bucket")


def judge_lines(lines: int, understood: int, links: int, named: int) -> Iterator[Outcome]:
    """Yield what is wrong with the lines of the last days.

    Args:
        lines: How many there are.
        understood: How many of them the table understands.
        links: How many are of a download by a link of the API.
        named: How many of these have the parameters of the link.
    """
    if not lines:
        yield finding("none of the last two days has arrived", "the lines")
        return
    if understood < lines:
        yield finding(f"{lines - understood} of {lines} are not understood", "the lines")
    else:
        yield ok(f"{counted(lines, 'line')} of the last two days", "the lines")
    if not links:
        yield not_checked("no link was used in the last two days", "the links")
    elif named < links:
        yield finding(f"{links - named} of {links} have no x-link", "the links")
    else:
        yield ok(f"{counted(links, 'download')}, each with its reader", "the links")


CHECKS = (
    Check(
        "access-log",
        Area.AWS,
        "S3 delivers the log of who read what, if there is one, in the form that its table reads.",
        "The view who_read_what does not show every read, or not by whom.",
        "docs/first-deployment.md#access-log",
        _logging,
        not_local="it writes no such log",
        also=(_lines,),
    ),
)
