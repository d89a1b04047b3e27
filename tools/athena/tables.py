"""The columns of the tables in Hive types, and the Hive DDL of the report tables."""

from dataclasses import dataclass

from room_reports.model.reports import Report
from room_reports.storage.csv_file import HIVE_ESCAPE

OPEN_CSV_SERDE = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
JSON_SERDE = "org.openx.data.jsonserde.JsonSerDe"
TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"


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

CHANGE = (Field("added", "bigint"), Field("removed", "bigint"), Field("altered", "bigint"))

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


def _structs(fields: tuple[Field, ...]) -> str:
    return f"array<struct<{','.join(f'{field.name}:{field.type}' for field in fields)}>>"


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
        "other_privacy",
        _structs(OTHER_FILTERS),
        "Windows whose files were made with other privacy settings than those of the run.",
    ),
)
"""The fields of a run record.

``RunResult.run_record`` in room_reports/export/result.py writes the records. A test compares these
fields, and those of their parts above, with the records of real runs.
"""

RUN_PARTITIONS = (Field("dt", "string", "Day of the run, in UTC."),)


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
