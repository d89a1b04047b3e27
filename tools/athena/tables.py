"""The columns of the tables in Hive types, and the Hive DDL of the report tables."""

from dataclasses import dataclass

from room_reports.model.reports import Report
from room_reports.storage.csv_file import HIVE_ESCAPE

OPEN_CSV_SERDE = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
JSON_SERDE = "org.openx.data.jsonserde.JsonSerDe"
REGEX_SERDE = "org.apache.hadoop.hive.serde2.RegexSerDe"
TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"


ACCESS_LOG_CONDITION = "KeepsAccessLog"


@dataclass(frozen=True)
class Field:
    """A column of a table, with a Hive type."""

    name: str
    type: str
    meaning: str = ""


PARTITIONS = (
    Field("granularity", "string", "day or hour: the length of the file's window."),
    Field("region", "string", "Kaltura data centre."),
    Field("dt", "string", "Day of the window, YYYY-MM-DD: local for days, UTC for hours."),
)

CHANGE = (
    Field("added", "bigint"),
    Field("removed", "bigint"),
    Field("altered", "bigint"),
    Field("renamed", "bigint"),
)

EXPORTED = (
    Field("task", "string"),
    Field("report", "string"),
    Field("region", "string"),
    Field("granularity", "string"),
    Field("start", "string"),
    Field("reason", "string"),
    Field("state", "string"),
    Field("rows", "bigint"),
    Field("size", "bigint"),
    Field("sha256", "string"),
    Field("pieces", "bigint"),
    Field("unknown_columns", "array<string>"),
    Field("replaced_bytes", "bigint"),
    Field("change", f"struct<{','.join(f'{f.name}:{f.type}' for f in CHANGE)}>"),
    Field("same", "boolean"),
    Field("fewer_rows_than", "bigint"),
    Field("window_start", "string"),
    Field("window_end", "string"),
    Field("time_zone", "string"),
    Field("filters", "string"),
    Field("source", "string"),
    Field("sessions", "bigint"),
    Field("users", "bigint"),
    Field("minutes", "double"),
    Field("previous_exported_at", "string"),
    Field("privacy", "string"),
)
"""New fields are appended, because a view names all of them in this order."""

FAILED = (Field("task", "string"), Field("error", "string"), Field("retryable", "boolean"))

FRESHNESS = (
    Field("report", "string"),
    Field("region", "string"),
    Field("granularity", "string"),
    Field("due", "bigint"),
    Field("oldest_due", "string"),
    Field("hours_late", "double"),
    Field("deferred", "array<string>"),
)

OTHER_FILTERS = (
    Field("report", "string"),
    Field("region", "string"),
    Field("granularity", "string"),
    Field("windows", "bigint"),
    Field("oldest", "string"),
    Field("newest", "string"),
)

QUALITY = (
    Field("code", "string"),
    Field("report", "string"),
    Field("region", "string"),
    Field("granularity", "string"),
    Field("start", "string"),
    Field("text", "string"),
    Field("value", "double"),
    Field("expected", "double"),
)

SAMPLES = (
    Field("asked", "bigint"),
    Field("changed", "bigint"),
    Field("not_asked", "bigint"),
    Field("failed", f"array<struct<{','.join(f'{f.name}:{f.type}' for f in FAILED)}>>"),
)


def _struct(fields: tuple[Field, ...]) -> str:
    return f"struct<{','.join(f'{field.name}:{field.type}' for field in fields)}>"


def _structs(fields: tuple[Field, ...]) -> str:
    return f"array<{_struct(fields)}>"


RUNS = (
    Field("run_id", "string", "ID of the run."),
    Field("trigger", "string", "What started the run: schedule, event or backfill."),
    Field("now", "string", "Time for which the run decided what was due, ISO 8601 in UTC."),
    Field("started_at", "string", "Start of the run, ISO 8601 in UTC."),
    Field("finished_at", "string", "End of the run, ISO 8601 in UTC."),
    Field(
        "exported",
        _structs(EXPORTED),
        "Files that the run wrote; the view exports has one row for each.",
    ),
    Field(
        "skipped",
        "bigint",
        "Number of windows that were not due, or that another run exported meanwhile.",
    ),
    Field("deferred", "bigint", "Number of exports that were due and left to the next run."),
    Field("failed", _structs(FAILED), "Exports that failed, with the error."),
    Field(
        "freshness",
        _structs(FRESHNESS),
        "What was still due after the run, for each report, region and granularity.",
    ),
    Field("retired", "array<string>", "Keys of files that the run emptied as duplicates."),
    Field(
        "other_filters",
        _structs(OTHER_FILTERS),
        "Windows whose files were made with other filters than those of the run.",
    ),
    Field(
        "quality",
        _structs(QUALITY),
        "What looks wrong about the files that the run wrote, by the quality checks.",
    ),
    Field(
        "samples",
        _struct(SAMPLES),
        "Settled windows that were asked for again, to notice data that came late.",
    ),
    Field(
        "other_privacy",
        _structs(OTHER_FILTERS),
        "Windows whose files were made with other privacy settings than those of the run.",
    ),
    Field("expired", "bigint", "Number of windows that were not due, because they have expired."),
    Field(
        "emptied",
        _structs(OTHER_FILTERS),
        "Windows whose files the run emptied, because they have expired.",
    ),
)
"""The fields of a run record.

``RunResult.run_record`` in room_reports/export/result.py writes the records. A test compares these
fields, and those of their parts above, with the records of real runs.
"""

RUN_PARTITIONS = (Field("dt", "string", "Day of the run, in UTC."),)

DAY_FILES = (
    Field("report", "string", "Report, named like its table."),
    Field("dt", "string", "Day of the file's window."),
    Field(
        "state",
        "string",
        "open, settling or settled, when the file was exported; expired if it is no longer kept.",
    ),
    Field("exported_at", "string", "Time of the export, ISO 8601 in UTC."),
    Field("window_start", "string", "Start of the window, ISO 8601 in UTC."),
    Field("window_end", "string", "End of the window, exclusive, ISO 8601 in UTC."),
    Field("rows", "string", "Rows in the file."),
    Field("sessions", "string", "Sessions in the file; empty if it was not counted."),
    Field("users", "string", "Identified users in the file; only of attendees."),
    Field("minutes", "string", "Minutes of all users in the file; only of attendees."),
    Field(
        "findings",
        "string",
        "Findings by which people or minutes are missing, each CODE: sentence, between bars.",
    ),
    Field("last_modified", "string", "Time at which S3 received the file, ISO 8601 in UTC."),
    Field("other_findings", "string", "Other findings of the quality checks."),
    Field("acknowledged", "string", "Findings that were acknowledged, each with the reason."),
    Field("unpaired", "string", "Sessions that only this one of room_data and attendees has."),
    Field(
        "session_users",
        "string",
        "Users of all sessions, as Kaltura counts them; only of room_data.",
    ),
    Field("unknown_rows", "string", "Rows of users whom Kaltura does not know; only of attendees."),
    Field("user_forms", "string", "Share of each form of user ids, in percent; only of attendees."),
    Field("etag", "string", "S3's ETag of the file."),
    Field("sha256", "string", "SHA-256 of the uncompressed file, in hexadecimal digits."),
    Field("filters", "string", "Digest of the filters that the file was exported with."),
    Field("privacy", "string", "Digest of what was done to columns that identify people."),
)
"""The columns of an index file, in their order."""

DAY_FILES_PARTITIONS = (
    Field("region", "string", "Kaltura data centre."),
    Field("month", "string", "Month of the windows, YYYY-MM."),
)

_VALIDITY = (
    Field("valid_from", "string", "First day, YYYY-MM-DD, inclusive; empty for no bound."),
    Field("valid_to", "string", "First day after, YYYY-MM-DD, exclusive; empty for no bound."),
)
ROOMS = (
    Field("entry_id", "string", "Room."),
    Field("course_id", "string", "Course."),
    Field("course_name", "string", "Name of the course."),
    *_VALIDITY,
)
"""The columns of reference/rooms/*.csv, in their order; there, the last two are from and to."""

ROSTERS = (
    Field("course_id", "string", "Course."),
    Field("user_id", "string", "User, as the learning management system writes the id."),
    Field("role", "string", "Role in the course, such as student."),
    *_VALIDITY,
)
"""The columns of reference/rosters/*.csv, in their order."""

POLICY_FILE = (
    Field("min_minutes", "double", "Minutes that a person needs to be present."),
    Field("min_share", "double", "Share of the class that a person needs to be present."),
    Field("late_minutes", "double", "Grace at the beginning of a class."),
    Field("early_minutes", "double", "Grace at the end of a class."),
    Field("gap_minutes", "double", "How close sessions of a room are that are one class."),
    Field("roles", "array<string>", "Roles of the roster that count; all if there are none."),
    Field("min_class_minutes", "double", "Shorter classes do not count."),
    Field("min_class_users", "bigint", "Classes with fewer users do not count."),
    Field("ignore_case", "boolean", "Whether ids match without regard to case."),
    Field("drop_domains", "array<string>", "Domains that are removed from the end of ids."),
    Field("drop_prefixes", "array<string>", "Texts that are removed from the beginning of ids."),
)
"""The settings in reference/policy/policy.json; the view policy adds the defaults."""


READERS = (
    Field("key_id", "string", "Id of the API key, which is no secret."),
    Field("name", "string", "Name that the key was made with."),
    Field("created_at", "string", "When the key was made, ISO 8601 in UTC."),
    Field("expires_at", "string", "From when on the key is refused; empty for no expiry."),
    Field("revoked_at", "string", "When the key was revoked; empty if it was not."),
)
"""The columns of readers/readers.csv, in their order."""

ACCESS_LOG = (
    Field("bucket_owner", "string", "Canonical user id of the owner of the bucket."),
    Field("bucket", "string", "Bucket; NULL in a row means that its line was not understood."),
    Field("request_time", "string", "Time of the request, as [22/Nov/2026:13:05:00 +0000]."),
    Field("remote_ip", "string", "Address that the request came from."),
    Field("requester", "string", "ARN or canonical user id of the principal."),
    Field("request_id", "string", "Id of the request."),
    Field("operation", "string", "Operation, such as REST.GET.OBJECT."),
    Field("key", "string", "Key of the object, URL-encoded."),
    Field("request_uri", "string", "First line of the request, in quotation marks."),
    Field("http_status", "string", "Status of the response."),
    Field("error_code", "string", "Error code of S3."),
    Field("bytes_sent", "string", "Bytes of the response."),
    Field("object_size", "string", "Bytes of the object."),
    Field("total_time", "string", "Milliseconds until the response was sent."),
    Field("turn_around_time", "string", "Milliseconds until S3 began to respond."),
    Field("rest", "string", "All that follows, beginning with referrer and user agent."),
)
"""The fields of a line of S3's server access log. A field without a value is ``-``.

The client chooses referrer and user agent, and S3 does not say that it escapes quotation marks in
them. So nothing that follows is told apart: a name that does not match would hide a read.
"""
ACCESS_LOG_LINE = (
    r"([^ ]*) ([^ ]*) \[([^\]]*)\] ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) "
    r"""(".*?"|-) (-|[0-9]{3}) ([^ ]*) (-|[0-9]+) (-|[0-9]+) (-|[0-9]+) (-|[0-9]+) (.*)"""
)
"""What a whole line matches, with a group for each field."""
ACCESS_LOG_PARTITIONS = (Field("log_day", "string", "Day of the requests in UTC, YYYY/MM/DD."),)


@dataclass(frozen=True)
class TextTable:
    """A table over text files that is no report."""

    name: str
    fields: tuple[Field, ...]
    partitions: tuple[Field, ...]
    prefix: str
    """Where its files are in the bucket, without the partitions."""
    serde: str
    description: str
    location: str = ""
    """Where its files are, without the partitions, if they are in another bucket; for Fn::Sub."""
    line: str = ""
    """What a line matches, for REGEX_SERDE."""
    condition: str = ""
    """The condition under which the table exists."""


TEXT_TABLES = (
    TextTable(
        *("runs", RUNS, RUN_PARTITIONS, "runs/", JSON_SERDE),
        "One row per run of the exporter, from the run records",
    ),
    TextTable(
        *("day_files", DAY_FILES, DAY_FILES_PARTITIONS, "index/day_files/", OPEN_CSV_SERDE),
        "One row per day file, from the index that the exporter keeps",
    ),
    TextTable(
        *("rooms", ROOMS, (), "reference/rooms/", OPEN_CSV_SERDE),
        "One row per room and course, from the reference data",
    ),
    TextTable(
        *("rosters", ROSTERS, (), "reference/rosters/", OPEN_CSV_SERDE),
        "One row per course and user, from the reference data",
    ),
    TextTable(
        *("policy_file", POLICY_FILE, (), "reference/policy/", JSON_SERDE),
        "The attendance policy as it was set; the view policy adds the defaults",
    ),
    TextTable(
        *("readers", READERS, (), "readers/", OPEN_CSV_SERDE),
        "One row per API key, from the list of readers",
        condition=ACCESS_LOG_CONDITION,
    ),
    TextTable(
        *("access_log", ACCESS_LOG, ACCESS_LOG_PARTITIONS, "access_log/", REGEX_SERDE),
        "One row per request to the bucket, from S3's server access log",
        location=(
            "s3://${AccessLogBucketName}/reports/${AWS::AccountId}/${AWS::Region}/${BucketName}/"
        ),
        line=ACCESS_LOG_LINE,
        condition=ACCESS_LOG_CONDITION,
    ),
)


def create_table(report: Report, location: str) -> str:
    """Return the Hive DDL of a report's table on the files under ``location``.

    It has the same columns and SerDe as the Glue table. It is for a metastore without partition
    projection, in which the partitions have to be added or repaired.
    """
    columns = ",\n".join(f"  `{column.name}` string" for column in report.columns)
    partitions = ", ".join(f"`{field.name}` {field.type}" for field in PARTITIONS)
    return (
        f"CREATE EXTERNAL TABLE `{report.slug}` (\n{columns}\n)\n"
        f"PARTITIONED BY ({partitions})\n"
        f"ROW FORMAT SERDE '{OPEN_CSV_SERDE}'\n"
        f"WITH SERDEPROPERTIES ('separatorChar' = ',', 'quoteChar' = '\"', "
        f"'escapeChar' = '{HIVE_ESCAPE}')\n"
        f"STORED AS INPUTFORMAT '{TEXT_INPUT}' OUTPUTFORMAT '{TEXT_OUTPUT}'\n"
        f"LOCATION '{location}'\n"
        "TBLPROPERTIES ('skip.header.line.count' = '1')"
    )
