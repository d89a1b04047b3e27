"""What the checks look at: the stack, Kaltura's accounts and the runs, each read once."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property

from room_reports.errors import ConfigurationError
from room_reports.kaltura.credentials import Credentials, parse_pseudonym_key, parse_secret
from room_reports_command.athena import QueryResult, run_query
from room_reports_command.errors import InputError
from room_reports_command.kaltura import KalturaAccount
from room_reports_command.run_records import RunRecord, latest_runs
from room_reports_command.secret import read_secret
from room_reports_command.stack import DeployedStack

_QUERY_SECONDS = 120.0
_RUNS_READ = 60
PREFIX = "doctor/"
"""The only prefix of the bucket that the checks write to; they leave nothing there.

Athena writes the results of queries into another bucket, from which they are removed, too.
"""


class Examination:
    """A stack under examination, at one point in time."""

    def __init__(
        self, stack: DeployedStack, now: datetime | None = None, *, local: bool | None = None
    ) -> None:
        self.stack = stack
        self.now = now or datetime.now(UTC)
        self.local = stack.local if local is None else local
        """Whether to leave out what a local AWS cannot tell."""

    @property
    def bucket(self) -> str:
        """The name of the bucket with the reports."""
        return self.stack.outputs["BucketName"]

    def named(self, text: str) -> str:
        """Return a cure with the names of this stack in it."""
        names: dict[str, Callable[[], str]] = {
            "stack": lambda: self.stack.name,
            "bucket": lambda: self.bucket,
            "rule": lambda: self.rule,
            "exporter": lambda: self.stack.outputs["ExporterFunction"],
            "topic": lambda: self.stack.resources.get("AlarmTopic", "TOPIC_ARN"),
            "email": lambda: self.stack.parameters.get("AlarmEmail", "ADDRESS"),
        }
        for name, value in names.items():
            if f"<{name}>" in text:
                text = text.replace(f"<{name}>", value())
        return text

    @cached_property
    def rule(self) -> str:
        """The name of the EventBridge rule that starts the exporter."""
        return self.stack.resources["ExporterSchedule"]

    @cached_property
    def credentials(self) -> Mapping[str, Credentials] | str:
        """The credentials of each region; a text that says what is wrong with the secret."""
        settings = self.stack.settings
        try:
            secret = read_secret(self.stack)
            if settings.privacy.needs_key:
                parse_pseudonym_key(secret)
            return parse_secret(secret, settings.regions)
        except InputError as error:
            return error.cause
        except ConfigurationError as error:
            return "; ".join(error.problems)

    @cached_property
    def accounts(self) -> Mapping[str, KalturaAccount]:
        """The account of each region; none if the secret is wrong."""
        if isinstance(self.credentials, str):
            return {}
        settings = self.stack.settings
        return {
            region.name: KalturaAccount(settings, region, self.credentials[region.name])
            for region in settings.regions
        }

    @cached_property
    def runs(self) -> list[RunRecord]:
        """The last runs, the newest first."""
        return latest_runs(self.stack.bucket, self.now, _RUNS_READ, until_scheduled=True)

    @cached_property
    def aws_ahead(self) -> timedelta:
        """How far AWS's clock is ahead of that of this machine."""
        before = datetime.now(UTC)
        response = self.stack.s3.head_bucket(Bucket=self.bucket)
        date = response["ResponseMetadata"]["HTTPHeaders"].get("date")
        return parsedate_to_datetime(date) - before if date else timedelta()

    def query(self, sql: str) -> QueryResult:
        """Run a query in Athena, in the stack's workgroup.

        Raises:
            QueryFailedError: If the query fails; the cause is what Athena says.
        """
        return run_query(self.stack, sql, seconds=_QUERY_SECONDS)
