"""Queries in Athena, in the stack's workgroup and database."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from room_reports_command.errors import StackError
from room_reports_command.stack import DeployedStack

_DEPLOY = "Deploy the current version: sam build && sam deploy --config-file deploy.toml"
_CURES = (
    (
        r"TABLE_NOT_FOUND|SCHEMA_NOT_FOUND|COLUMN_NOT_FOUND|does not exist|cannot be resolved",
        _DEPLOY,
    ),
    (
        r"[Bb]ytes scanned limit",
        "Ask for fewer days, or raise the parameter BytesScannedCutoff.",
    ),
    (r"exhausted resources|EXCEEDED_|QUERY_TIMEOUT|timed? ?out", "Ask for fewer days."),
    (
        r"Access ?Denied|not authori[sz]ed|[Ii]nsufficient permissions|PERMISSION_DENIED|403",
        "Attach the policy in the stack's output AnalystPolicyArn to your AWS role.",
    ),
    (r"HIVE_|INVALID_CAST|INVALID_FUNCTION_ARGUMENT|BAD_DATA", "Run room-reports reference check."),
)
"""What to do about a query that failed, by what Athena says."""
_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 2.0
_QUERY_SECONDS = 600.0


@dataclass(frozen=True)
class QueryResult:
    """The result of a query."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str | None, ...]]
    """Each value as text; None for NULL."""
    types: Mapping[str, str]
    """The type of each column by its name."""
    scanned: int = 0
    """Bytes."""
    planning: timedelta = field(default_factory=timedelta)


class QueryFailedError(StackError):
    """Raised when Athena did not carry out a query."""


def run_query(
    stack: DeployedStack,
    sql: str,
    *,
    seconds: float = _QUERY_SECONDS,
    wait: Callable[[float], None] = time.sleep,
) -> QueryResult:
    """Return the result of a query, read page by page.

    The query is stopped if this is interrupted. What Athena has written for it is removed; without
    the permission to do so, it expires.

    Args:
        seconds: How long the query may take.
        wait: Waits for some seconds between two looks.

    Raises:
        QueryFailedError: If the query fails, is cancelled or takes too long.
    """
    athena = stack.athena
    query_id = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": stack.outputs["GlueDatabase"]},
        WorkGroup=stack.outputs["AthenaWorkgroup"],
    )["QueryExecutionId"]
    try:
        execution = _finished(stack, query_id, seconds, wait)
    except KeyboardInterrupt:
        athena.stop_query_execution(QueryExecutionId=query_id)
        raise
    status = execution["Status"]
    if status["State"] != "SUCCEEDED":
        if status["State"] not in _ENDED:
            athena.stop_query_execution(QueryExecutionId=query_id)
        _remove_result(stack, execution)
        reason = status.get("StateChangeReason", f"it took longer than {seconds:g} seconds")
        raise QueryFailedError(f"The query {status['State']}: {reason}", _cure(reason))
    rows: list[tuple[str | None, ...]] = []
    types: dict[str, str] = {}
    for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id):
        found = page["ResultSet"]
        columns = found.get("ResultSetMetadata", {}).get("ColumnInfo", ())
        types = types or {column["Name"]: column["Type"] for column in columns}
        rows += [tuple(cell.get("VarCharValue") for cell in row["Data"]) for row in found["Rows"]]
    _remove_result(stack, execution)
    statistics = execution.get("Statistics", {})
    return QueryResult(
        columns=tuple(name or "" for name in rows[0]) if rows else tuple(types),
        rows=rows[1:],
        types=types,
        scanned=int(statistics.get("DataScannedInBytes", 0)),
        planning=timedelta(milliseconds=statistics.get("QueryPlanningTimeInMillis", 0)),
    )


def literal(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def _finished(
    stack: DeployedStack, query_id: str, seconds: float, wait: Callable[[float], None]
) -> Mapping[str, Any]:
    """Return the description of a query when it has ended, or has taken too long."""
    deadline, pause = time.monotonic() + seconds, _FIRST_WAIT
    while True:
        found = stack.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        if found["Status"]["State"] in _ENDED or time.monotonic() > deadline:
            return dict(found)
        wait(pause)
        pause = min(pause * 2, _LONGEST_WAIT)


def _remove_result(stack: DeployedStack, execution: Mapping[str, Any]) -> None:
    location = execution.get("ResultConfiguration", {}).get("OutputLocation", "")
    bucket, _, key = location.removeprefix("s3://").partition("/")
    if not key:
        return
    with suppress(ClientError):
        # There is a second object with metadata. This bucket keeps no former versions.
        pages = stack.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        for each in [item["Key"] for page in pages for item in page.get("Contents", ())]:
            stack.s3.delete_object(Bucket=bucket, Key=each)


def _cure(reason: str) -> str:
    return next(
        (cure for pattern, cure in _CURES if re.search(pattern, reason)),
        "Run the command again. If it stays, run room-reports doctor.",
    )
