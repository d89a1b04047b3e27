"""template.yaml against the catalogue, the contract, and what AWS rejects only at deployment."""

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.stack.template import ATHENA_TEMPLATE, load_template
from room_reports.api.settings import MAX_LINK_TTL
from room_reports.backfill.store import PREFIX as BACKFILL
from room_reports.export.notifications import UNSENT_PREFIX
from room_reports.export.piece_store import MAX_AGE
from room_reports.export.piece_store import PREFIX as PIECES
from room_reports.export.result import RunResult
from room_reports.export.run import LATEST_DELIVERY
from room_reports.export.run_metrics import measure
from room_reports.model.reports import REPORTS, Report
from room_reports.telemetry import metrics
from tests.integration.schedule import schedule_problem
from tests.support.emf import emf_metrics
from tests.support.settings import read_settings

ROOT = Path(__file__).parents[2]
CONTRACT_PARAMETERS = {
    "KalturaRegions",
    "ReportIds",
    "Granularities",
    "ScheduleExpression",
    "TimeZone",
    "SettleHours",
    "CatchUpDays",
    "ExportOpenWindow",
    "SampleDays",
    "ReportFilters",
    "Concurrency",
    "BackfillConcurrency",
    "RowCaps",
    "Compression",
    "LinkTtlSeconds",
    "AlarmEmail",
}
CONTRACT_OUTPUTS = {
    "BucketName",
    "SecretArn",
    "ExporterFunction",
    "BackfillStateMachine",
    "ApiUrl",
    "ApiKeyId",
    "GlueDatabase",
    "AthenaWorkgroup",
}

BUCKET = {"Fn::GetAtt": ["BucketName", "Value"]}
BUCKET_ARN = "arn:${AWS::Partition}:s3:::${BucketName.Value}"


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return load_template()


def resources(template: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def test_the_parameters_and_outputs_of_the_contract_exist(template: dict[str, Any]) -> None:
    assert set(template["Parameters"]) >= CONTRACT_PARAMETERS
    assert set(template["Outputs"]) >= CONTRACT_OUTPUTS


def test_every_parameter_is_in_one_group_and_has_a_label(template: dict[str, Any]) -> None:
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert grouped == list(template["Parameters"])
    assert list(interface["ParameterLabels"]) == grouped
    labels = [label["default"] for label in interface["ParameterLabels"].values()]
    assert len(set(labels)) == len(labels)


def test_every_parameter_has_a_default_that_its_own_rules_accept(template: dict[str, Any]) -> None:
    for name, parameter in template["Parameters"].items():
        default = str(parameter["Default"])
        assert parameter["Description"], name
        if "AllowedValues" in parameter:
            assert default in map(str, parameter["AllowedValues"]), name
        if "AllowedPattern" in parameter:
            assert re.fullmatch(parameter["AllowedPattern"], default), name
            assert parameter["ConstraintDescription"], name
        if parameter["Type"] == "Number":
            assert "AllowedValues" in parameter or {"MinValue", "MaxValue"} <= set(parameter), name
            assert parameter.get("MinValue", 0) <= float(default), name


def test_the_defaults_are_those_of_the_exporter(
    template: dict[str, Any],
) -> None:
    variables = resources(template, "AWS::Serverless::Function")["Exporter"]["Environment"]
    environment = {
        name: str(template["Parameters"][value["Ref"]]["Default"])
        for name, value in variables["Variables"].items()
        if isinstance(value, dict) and value.get("Ref") in template["Parameters"]
    }
    elsewhere = {"BUCKET_NAME": "bucket", "SECRET_ID": "secret"}
    assert read_settings({**environment, **elsewhere}) == read_settings(elsewhere)


@pytest.mark.parametrize(
    "regions",
    [
        "us=https://www.kaltura.com",
        "us=https://www.kaltura.com,eu=https://api.eu.kaltura.com/",
        "a=http://127.0.0.1:8080,b-2=https://k.example:8443",
    ],
)
def test_valid_regions_are_accepted(template: dict[str, Any], regions: str) -> None:
    assert re.fullmatch(template["Parameters"]["KalturaRegions"]["AllowedPattern"], regions)


@pytest.mark.parametrize(
    "regions",
    [
        "",
        "us",
        "us=http://www.kaltura.com",
        "us=https://www.kaltura.com, eu=https://api.eu.kaltura.com",
        "us=https://user:password@www.kaltura.com",
        ",".join(f"r{n}=https://k{n}.example" for n in range(7)),
    ],
)
def test_invalid_regions_are_rejected(template: dict[str, Any], regions: str) -> None:
    assert not re.fullmatch(template["Parameters"]["KalturaRegions"]["AllowedPattern"], regions)


def test_the_default_schedule_is_valid_for_eventbridge(template: dict[str, Any]) -> None:
    assert schedule_problem(template["Parameters"]["ScheduleExpression"]["Default"]) is None


@pytest.mark.parametrize(
    "expression",
    [
        "cron(7 * * * ? *)",
        "cron(0 6,18 ? * MON-FRI *)",
        "cron(*/15 0 1 1-6 ? 2027)",
        "rate(1 hour)",
    ],
)
def test_valid_schedules(expression: str) -> None:
    assert schedule_problem(expression) is None


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "cron(7 * * * *)",
        "cron(7 * * * * *)",
        "cron(7 * ? * ? *)",
        "cron(60 * * * ? *)",
        "cron(7 24 * * ? *)",
        "cron(7 * * * 8 *)",
        "cron(7 5-3 * * ? *)",
        "rate(1 hours)",
        "rate(2 hour)",
        "rate(0 minutes)",
        "0 * * * *",
    ],
)
def test_invalid_schedules(expression: str) -> None:
    assert schedule_problem(expression)


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.slug)
def test_each_report_has_a_table_that_agrees_with_the_catalogue(report: Report) -> None:
    tables = {
        table["TableInput"]["Name"]: table["TableInput"]
        for table in resources(load_template(ATHENA_TEMPLATE), "AWS::Glue::Table").values()
    }
    assert set(tables) >= {each.slug for each in REPORTS}
    table = tables[report.slug]
    storage = table["StorageDescriptor"]
    assert storage["Columns"] == [
        {"Name": column.name, "Type": "string"} for column in report.columns
    ]
    assert [key["Name"] for key in table["PartitionKeys"]] == ["granularity", "region", "dt"]
    assert storage["Location"] == {"Fn::Sub": f"s3://${{BucketName}}/{report.slug}/"}
    assert table["Parameters"]["storage.location.template"] == {
        "Fn::Sub": f"s3://${{BucketName}}/{report.slug}/"
        "granularity=${!granularity}/region=${!region}/dt=${!dt}/"
    }
    assert storage["SerdeInfo"]["Parameters"] == {
        "separatorChar": ",",
        "quoteChar": '"',
        "escapeChar": "\ue000",
    }


def test_the_tables_read_the_bucket_that_the_exporter_writes_to(template: dict[str, Any]) -> None:
    nested = template["Resources"]["AthenaTables"]["Properties"]["Parameters"]
    exporter = resources(template, "AWS::Serverless::Function")["Exporter"]["Environment"]
    assert nested["BucketName"] == exporter["Variables"]["BUCKET_NAME"] == BUCKET
    assert nested["TimeZone"] == exporter["Variables"]["TIME_ZONE"]
    assert nested["RegionNames"] == {"Fn::GetAtt": ["RegionNames", "Value"]}


def statements(template: dict[str, Any], *, eraser: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the statements of the roles, without those of the one that may delete."""
    for name, role in resources(template, "AWS::IAM::Role").items():
        if (name == "EraserRole") != eraser:
            continue
        assert "ManagedPolicyArns" not in role
        for policy in role["Policies"]:
            yield from policy["PolicyDocument"]["Statement"]


def test_no_permission_is_granted_on_everything_or_to_delete_anything(
    template: dict[str, Any],
) -> None:
    for statement in statements(template):
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            assert "*" not in action, statement
            assert "Delete" not in action, statement
        granted = statement["Resource"]
        for resource in granted if isinstance(granted, list) else [granted]:
            # A resource of this stack or objects with a prefix in its bucket, never an ARN pattern.
            assert set(resource) <= {"Fn::GetAtt", "Fn::Sub"}, statement
            text = str(resource.get("Fn::Sub", BUCKET_ARN))
            if actions == "events:PutEvents":
                assert text.endswith(":event-bus/default")
                continue
            assert text == BUCKET_ARN or re.match(rf"{re.escape(BUCKET_ARN)}/[a-z]", text)


def test_only_the_eraser_may_delete_and_only_versions(template: dict[str, Any]) -> None:
    granted = [statement["Action"] for statement in statements(template, eraser=True)]
    actions = [each for some in granted for each in ([some] if isinstance(some, str) else some)]
    deleting = [action for action in actions if "Delete" in action or "*" in action]
    assert set(deleting) == {"s3:DeleteObjectVersion"}


def test_the_exporter_may_access_the_objects_of_each_report(template: dict[str, Any]) -> None:
    text = json.dumps(list(statements(template)))
    for slug in [*(report.slug for report in REPORTS), "report_*"]:
        assert f"{BUCKET_ARN}/{slug}/granularity=*" in text


def exporter_statement(template: dict[str, Any], sid: str) -> dict[str, Any]:
    role = template["Resources"]["ExporterRole"]["Properties"]
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]
    (found,) = (statement for statement in statements if statement["Sid"] == sid)
    return dict(found)


def test_the_exporter_may_list_read_and_write_its_state(template: dict[str, Any]) -> None:
    listed = exporter_statement(template, "ListReports")["Condition"]["StringLike"]["s3:prefix"]
    assert {"state/*", "pieces/*", "backfill/*", "index/*"} <= set(listed)
    statement = exporter_statement(template, "ReadAndWriteState")
    assert statement["Action"] == ["s3:GetObject", "s3:PutObject"]
    assert statement["Resource"] == [
        {"Fn::Sub": f"{BUCKET_ARN}/{prefix}*"} for prefix in ("state/", PIECES, BACKFILL, "index/")
    ]


def test_pieces_and_active_runs_expire_with_their_versions_and_settings_do_not(
    template: dict[str, Any],
) -> None:
    rules = resources(template, "AWS::S3::Bucket")["Bucket"]["LifecycleConfiguration"]["Rules"]
    expiring = {
        rule["Prefix"]: rule
        for rule in rules
        if "ExpirationInDays" in rule and rule["Status"] == "Enabled" and "/g" not in rule["Prefix"]
    }
    assert "ObjectSizeLessThan" in expiring.pop("report_")
    active = (f"{BACKFILL}active/", "state/active/")
    assert set(expiring) == {"quarantine/", PIECES, *active, UNSENT_PREFIX}
    for prefix, days, noncurrent in ((PIECES, 8, 1), *((each, 2, 2) for each in active)):
        assert expiring[prefix]["ExpirationInDays"] == days
        assert expiring[prefix]["NoncurrentVersionExpiration"] == {"NoncurrentDays": noncurrent}
    assert timedelta(days=8) > timedelta(seconds=MAX_AGE)


def test_what_the_reports_are_removed_by_is_no_wider_and_no_earlier_than_asked_for(
    template: dict[str, Any],
) -> None:
    rules = resources(template, "AWS::S3::Bucket")["Bucket"]["LifecycleConfiguration"]["Rules"]
    prefixes = {*(f"{each.slug}/granularity=" for each in REPORTS), "report_"}
    empty = [rule for rule in rules if "ObjectSizeLessThan" in rule]
    assert {rule["Prefix"] for rule in empty} == prefixes
    # S3 takes no rule that has both a size and ExpiredObjectDeleteMarker.
    assert not [rule for rule in empty if "ExpiredObjectDeleteMarker" in rule]
    assert {rule["ObjectSizeLessThan"] for rule in empty} == {"1"}
    removes = {"Fn::If": ["RemovesReports", "Enabled", "Disabled"]}
    assert {rule["Prefix"] for rule in rules if rule["Status"] == removes} == prefixes
    ages = {int(days): age["Days"] for days, age in template["Mappings"]["ReportAges"].items()}
    assert list(ages) == template["Parameters"]["ReportRetentionDays"]["AllowedValues"]
    assert all(age == days + 2 for days, age in ages.items() if days)
    assert all(len(rule["Id"]) <= 255 for rule in rules)


def test_the_alarms_watch_the_metric_that_a_scheduled_run_emits(
    template: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    exporter = resources(template, "AWS::Serverless::Function")["Exporter"]
    variables = exporter["Environment"]["Variables"]
    alarms = resources(template, "AWS::CloudWatch::Alarm")
    late, stopped = alarms["ExportsLateAlarm"], alarms["ExportsStoppedAlarm"]
    for alarm in (late, stopped):
        assert alarm["Dimensions"] == [
            {"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]}
        ]
        assert alarm["Namespace"] == variables["POWERTOOLS_METRICS_NAMESPACE"]
    assert (late["Statistic"], late["TreatMissingData"]) == ("Maximum", "ignore")
    assert late["Threshold"] == {"Ref": "LateHours"}
    assert (stopped["Statistic"], stopped["TreatMissingData"]) == ("SampleCount", "breaching")
    assert emitted(capsys, scheduled=True)[late["Namespace"], ("service",)] >= {
        late["MetricName"],
        stopped["MetricName"],
    }
    assert "HoursLate" not in emitted(capsys, scheduled=False)[late["Namespace"], ("service",)]


def emitted(
    capsys: pytest.CaptureFixture[str], *, scheduled: bool
) -> dict[tuple[str, tuple[str, ...]], set[str]]:
    """Return the names of a run's metrics by their namespace and dimensions."""
    capsys.readouterr()
    result = RunResult("run", (), 0, 0, ())
    measure(result, scheduled=scheduled, unsent=0, calls={}, expiring=0, quarantined_before=0)
    metrics.flush_metrics()
    return emf_metrics(capsys.readouterr().out)


def test_links_live_as_long_as_the_api_allows(template: dict[str, Any]) -> None:
    assert template["Parameters"]["LinkTtlSeconds"]["MaxValue"] == MAX_LINK_TTL


def test_an_event_is_at_most_as_late_as_the_exporter_expects(template: dict[str, Any]) -> None:
    exporter = resources(template, "AWS::Serverless::Function")["Exporter"]
    ages = (
        exporter["EventInvokeConfig"],
        exporter["Events"]["Schedule"]["Properties"]["RetryPolicy"],
    )
    seconds = sum(each["MaximumEventAgeInSeconds"] for each in ages)
    assert timedelta(seconds=seconds) == LATEST_DELIVERY


@pytest.mark.parametrize(
    "report_ids",
    ["6000", "6000,6001,6002", "us=6000,6001;eu=6000,6001,6002", "a-1=4021"],
)
def test_valid_report_ids_are_accepted(template: dict[str, Any], report_ids: str) -> None:
    assert re.fullmatch(template["Parameters"]["ReportIds"]["AllowedPattern"], report_ids)


@pytest.mark.parametrize(
    "report_ids",
    [
        "",
        "0",
        "6000;6001",
        "us=6000,eu=6001",
        "us=;eu=6000",
        "us=6000;",
        "6000,us=6001",
        "6000, 6001",
    ],
)
def test_invalid_report_ids_are_rejected(template: dict[str, Any], report_ids: str) -> None:
    assert not re.fullmatch(template["Parameters"]["ReportIds"]["AllowedPattern"], report_ids)


@pytest.mark.parametrize("policy", ["BucketPolicy", "QueryResultsPolicy", "AccessLogPolicy"])
def test_buckets_are_private_and_encrypted_and_deny_plain_http(
    template: dict[str, Any], policy: str
) -> None:
    for bucket in resources(template, "AWS::S3::Bucket").values():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["BucketEncryption"]
    statement, *_ = template["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_access_log_is_delivered_by_s3_of_this_account_to_the_prefix_that_is_read(
    template: dict[str, Any],
) -> None:
    found = template["Resources"]
    condition, logging, otherwise = found["Bucket"]["Properties"]["LoggingConfiguration"]["Fn::If"]
    assert (condition, otherwise) == ("KeepsAccessLog", {"Ref": "AWS::NoValue"})
    assert logging["DestinationBucketName"] == {"Ref": "AccessLogBucket"}
    key_format = logging["TargetObjectKeyFormat"]
    assert key_format == {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}}
    policy = found["AccessLogPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (allowed,) = [each for each in policy if each["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert allowed["Action"] == "s3:PutObject"
    objects = f"${{AccessLogBucket.Arn}}/{logging['LogFilePrefix']}*"
    assert allowed["Resource"] == {"Fn::Sub": objects}
    account = {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert allowed["Condition"] == {"StringEquals": account}
    (expiry,) = found["AccessLogBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert expiry["ExpirationInDays"] == {"Ref": "AccessLogDays"}
    conditional = {name for name, each in found.items() if each.get("Condition") == condition}
    assert conditional == {"AccessLogBucket", "AccessLogPolicy", "AuditorPolicy"}


def test_locks_contain_no_registry_and_no_local_path() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    locks = {group: ROOT / "requirements" / f"{group}.txt" for group in groups}
    locks["layer"] = ROOT / "layers/room_reports/requirements.txt"
    locks["command"] = locks["dev"]  # it has no environment of its own
    assert {*ROOT.glob("requirements/*"), locks["layer"]} == set(locks.values())
    for group, lock in locks.items():
        text = lock.read_text(encoding="utf-8")
        for wanted in (each for each in groups[group] if isinstance(each, str)):
            name = re.split(r"[\[=]", wanted)[0]
            assert re.search(rf"^{name}(\[.+\])?==", text, re.MULTILINE), f"{lock} lacks {name}"
        assert not re.search(r"://|--index|--find-links|/home/|/tmp/", text), lock
        assert text.count("--hash=sha256:") >= len(re.findall(r"^\S+==", text, re.MULTILINE)), lock
    assert not (ROOT / "uv.lock").exists()
