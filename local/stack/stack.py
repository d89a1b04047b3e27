"""A deployed local stack, and the operations on it."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from local.stack.aws import Aws
from local.stack.process import StackError
from local.stack.servers import Kaltura

_QUERY_SECONDS = 60.0


@dataclass(frozen=True)
class InvocationResult:
    """The result of an invocation; ``error`` is the type and the message, if it failed."""

    payload: Any
    error: str | None

    def response(self) -> dict[str, Any]:
        """Return the exporter's response, which is the error's message if the run failed."""
        text = json.loads(self.payload["errorMessage"]) if self.error else self.payload
        return dict(text)


@dataclass(frozen=True)
class Stack:
    """The deployed template."""

    name: str
    aws: Aws
    outputs: Mapping[str, str]
    kaltura: Kaltura = field(repr=False)

    @property
    def bucket(self) -> str:
        """The name of the bucket with the reports."""
        return self.outputs["BucketName"]

    @property
    def api_url(self) -> str:
        """The API's URL on this machine: ``GET {api_url}/exports``."""
        # The host name in the output does not exist here, but it begins with the API's id.
        host, stage = urlsplit(self.outputs["ApiUrl"])[1:3]
        return f"{self.aws.endpoint_url}/_aws/execute-api/{host.split('.')[0]}/{stage.strip('/')}"

    @cached_property
    def api_key(self) -> str:
        """The value of the header ``x-api-key``."""
        key_id = self.outputs["ApiKeyId"]
        return self.aws.api_gateway.get_api_key(apiKey=key_id, includeValue=True)["value"]

    def put_secret(self, value: object) -> None:
        """Replace the secret; a string is stored as it is, anything else as JSON."""
        text = value if isinstance(value, str) else json.dumps(value)
        self.aws.secrets.put_secret_value(SecretId=self.outputs["SecretArn"], SecretString=text)

    def configure(self, **variables: str) -> None:
        """Change environment variables of the exporter without deploying again."""
        function = self.outputs["ExporterFunction"]
        current = self.aws.functions.get_function_configuration(FunctionName=function)
        self.aws.functions.update_function_configuration(
            FunctionName=function,
            Environment={"Variables": {**current["Environment"]["Variables"], **variables}},
        )

    def invoke(self, event: object) -> InvocationResult:
        """Invoke the exporter and wait for the result."""
        response = self.aws.functions.invoke(
            FunctionName=self.outputs["ExporterFunction"], Payload=json.dumps(event)
        )
        payload = json.loads(response["Payload"].read() or b"null")
        if "FunctionError" not in response:
            return InvocationResult(payload, None)
        return InvocationResult(
            payload, f"{payload.get('errorType')}: {payload.get('errorMessage')}"
        )

    def run_schedule(self, now: datetime) -> InvocationResult:
        """Invoke the target of the schedule's rule as EventBridge does at ``now``."""
        function = self.aws.functions.get_function(FunctionName=self.outputs["ExporterFunction"])
        arn = function["Configuration"]["FunctionArn"]
        (name,) = self.aws.events.list_rule_names_by_target(TargetArn=arn)["RuleNames"]
        rule = self.aws.events.describe_rule(Name=name)
        if rule["State"] != "ENABLED":
            raise StackError(f"The rule {name} is {rule['State']}, but must be ENABLED.")
        return self.invoke(scheduled_event(rule["Arn"], now))

    def query(self, sql: str) -> list[dict[str, str | None]]:
        """Run a query in Athena, and return the rows with every value as text."""
        athena = self.aws.athena
        query_id = athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": self.outputs["GlueDatabase"]},
            WorkGroup=self.outputs["AthenaWorkgroup"],
        )["QueryExecutionId"]
        deadline = time.monotonic() + _QUERY_SECONDS
        while True:
            status = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"][
                "Status"
            ]
            if status["State"] == "SUCCEEDED":
                break
            if status["State"] in {"FAILED", "CANCELLED"} or time.monotonic() > deadline:
                raise StackError(f"{status['State']}: {status.get('StateChangeReason')}: {sql}")
            time.sleep(0.05)
        pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
        header, *rows = [
            [cell.get("VarCharValue") for cell in row["Data"]]
            for page in pages
            for row in page["ResultSet"]["Rows"]
        ]
        return [dict(zip(map(str, header), row, strict=True)) for row in rows]

    def versions(self, prefix: str = "") -> dict[str, list[str]]:
        """Return the ids of the versions of each object in the bucket, by key."""
        pages = self.aws.s3.get_paginator("list_object_versions").paginate(
            Bucket=self.bucket, Prefix=prefix
        )
        found: dict[str, list[str]] = {}
        for page in pages:
            for version in page.get("Versions", []):
                found.setdefault(version["Key"], []).append(version["VersionId"])
        return found

    def log_text(self) -> str:
        """Return everything that the functions have logged."""
        pages = self.aws.logs.get_paginator("filter_log_events")
        groups = self.aws.logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]
        return "\n".join(
            event["message"].rstrip("\n")
            for group in groups
            for page in pages.paginate(logGroupName=group["logGroupName"])
            for event in page["events"]
        )

    def to_dict(self) -> dict[str, object]:
        """Return the contents of ``stack.json``."""
        return {
            "aws_endpoint_url": self.aws.endpoint_url,
            "aws_access_key_id": self.aws.access_key_id,
            "aws_secret_access_key": self.aws.secret_access_key,
            "aws_region": self.aws.region,
            "stack_name": self.name,
            **self.outputs,
            "api_url": self.api_url,
            "api_key": self.api_key,
            "kaltura": self.kaltura.urls,
        }


def scheduled_event(rule_arn: str, now: datetime) -> dict[str, object]:
    """Return the event that an EventBridge rule sends on its schedule."""
    return {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": rule_arn.split(":")[4],
        "time": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": rule_arn.split(":")[3],
        "resources": [rule_arn],
        "detail": {},
    }
