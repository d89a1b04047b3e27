"""Athena's HTTP API over DuckDB, for what the local AWS lacks: queries of the views.

It has the operations that run a query, with the errors and the pages of the real ones::

    with AthenaServer(duck_athena) as athena:
        client = boto3.client("athena", endpoint_url=athena.url)
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Protocol, Self

import duckdb

_MOST = 1000
"""The most rows in one response of GetQueryResults, the header included."""


class Database(Protocol):
    """What carries out queries in Athena's SQL, such as DuckAthena."""

    def query(self, sql: str) -> list[dict[str, Any]]: ...


@dataclass
class Execution:
    """One query."""

    sql: str
    workgroup: str
    database: str
    state: str = "QUEUED"
    reason: str = ""
    rows: list[list[str | None]] = field(default_factory=list)
    """With the header."""
    types: dict[str, str] = field(default_factory=dict)
    looks: int = 0
    """How often its state was asked for."""


class AthenaServer:
    """A server on this machine; use as a context manager.

    Args:
        database: What carries out the queries.
        page: The most rows in one response of GetQueryResults.
    """

    def __init__(self, database: Database, page: int = _MOST) -> None:
        self.executions: list[Execution] = []
        self.requests: list[str] = []
        """The operations, in order."""
        self.fails: dict[str, str] = {}
        """The reason that a query fails with, by a text in its SQL."""
        self.looks = 1
        """How often the state of a query must be asked for until it has ended."""
        self.refused: list[str] = []
        """Error codes with which the next requests are refused."""
        self._database = database
        self._page = page
        self._lock = Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                operation = self.headers["X-Amz-Target"].partition(".")[2]
                with server._lock:
                    status, document = server._respond(operation, body)
                encoded = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(encoded)))
                self.end_headers()
                self.wfile.write(encoded)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def stopped(self) -> list[str]:
        """The SQL of the queries that were stopped."""
        return [each.sql for each in self.executions if each.state == "CANCELLED"]

    def _respond(self, operation: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        self.requests.append(operation)
        if self.refused:
            code = self.refused.pop(0)
            return 400, {"__type": code, "message": "refused by the test"}
        if operation == "StartQueryExecution":
            context = body.get("QueryExecutionContext", {})
            found = Execution(body["QueryString"], body["WorkGroup"], context["Database"])
            self.executions.append(found)
            return 200, {"QueryExecutionId": f"{len(self.executions) - 1:08}"}
        execution = self.executions[int(body["QueryExecutionId"])]
        if operation == "GetQueryExecution":
            return 200, {"QueryExecution": self._state(execution, body["QueryExecutionId"])}
        if operation == "StopQueryExecution":
            execution.state = "CANCELLED"
            return 200, {}
        if execution.state != "SUCCEEDED":
            return 400, {"__type": "InvalidRequestException", "message": execution.state}
        return 200, self._results(execution, body)

    def _state(self, execution: Execution, query_id: str) -> dict[str, Any]:
        execution.looks += 1
        if execution.state == "QUEUED" and execution.looks >= self.looks:
            self._run(execution)
        status = {"State": execution.state}
        if execution.reason:
            status["StateChangeReason"] = execution.reason
        statistics = {"DataScannedInBytes": 1, "QueryPlanningTimeInMillis": 1}
        return {"QueryExecutionId": query_id, "Status": status, "Statistics": statistics}

    def _run(self, execution: Execution) -> None:
        reason = next((why for text, why in self.fails.items() if text in execution.sql), None)
        rows: list[dict[str, Any]] = []
        try:
            rows = [] if reason else self._database.query(execution.sql)
        except duckdb.Error as error:
            reason = str(error)
        if reason:
            execution.state, execution.reason = "FAILED", reason
            return
        names = list(rows[0]) if rows else []
        execution.types = {name: _type([row[name] for row in rows]) for name in names}
        texts = [[athena_text(value) for value in row.values()] for row in rows]
        execution.rows = [[*names], *texts]
        execution.state = "SUCCEEDED"

    def _results(self, execution: Execution, body: Mapping[str, Any]) -> dict[str, Any]:
        first = int(body.get("NextToken", 0))
        last = first + min(int(body.get("MaxResults", self._page)), self._page)
        columns = [{"Name": name, "Type": kind} for name, kind in execution.types.items()]
        document: dict[str, Any] = {
            "ResultSet": {
                "Rows": [{"Data": _data(row)} for row in execution.rows[first:last]],
                "ResultSetMetadata": {"ColumnInfo": columns},
            }
        }
        if last < len(execution.rows):
            document["NextToken"] = str(last)
        return document


def athena_text(value: object) -> str | None:
    """Return a value as GetQueryResults writes it: Trino's text, from Java's."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _java_double(value)
    if isinstance(value, list):
        return f"[{', '.join(athena_text(each) or 'null' for each in value)}]"
    return str(value)


def _java_double(value: float) -> str:
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    shown = f"{text[0]}.{text[1:] or '0'}E{len(text) - 1 + int(exponent)}"
    return f"-{shown}" if sign else shown


def _type(values: Sequence[object]) -> str:
    kinds = {type(value) for value in values if value is not None}
    for kind, name in ((bool, "boolean"), (float, "double"), (int, "bigint")):
        if kinds == {kind}:
            return name
    return "varchar"


def _data(row: Sequence[str | None]) -> list[dict[str, str]]:
    return [{} if value is None else {"VarCharValue": value} for value in row]
