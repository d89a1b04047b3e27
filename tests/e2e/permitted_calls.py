"""The calls of AWS that the code makes, by the role or the policy that allows them."""

import json
from collections.abc import Iterator
from typing import Any

from local.stack.stack import Stack
from room_reports.model.acknowledgements import PREFIX as ACKNOWLEDGED_PREFIX
from room_reports.model.suppression import SUPPRESSION_KEY
from room_reports.storage.keys import DAY_INDEX_PREFIX, READERS_KEY, day_index_key
from tests.support.world import SLUGS

Call = tuple[str, str, dict[str, Any]]
REPORTS = (*SLUGS, "report_4021")
PORTIONS = "backfill/probe/us/round-001.json"
DAY_INDEX = day_index_key("us", "2020-02")
ACKNOWLEDGED = f"{ACKNOWLEDGED_PREFIX}probe.csv"


def export(slug: str) -> str:
    return f"{slug}/granularity=day/region=us/dt=2020-02-03/{slug}_us_2020-02-03.csv"


def s3(stack: Stack, operation: str, *keys: str) -> list[Call]:
    return [("s3", operation, {"Bucket": stack.bucket, "Key": key}) for key in keys]


def listings(stack: Stack, *prefixes: str) -> list[Call]:
    return [
        ("s3", "list_objects_v2", {"Bucket": stack.bucket, "Prefix": prefix}) for prefix in prefixes
    ]


def logs(stack: Stack, function: str) -> list[Call]:
    group = {"logGroupName": f"/aws/lambda/{stack.name}-{function}", "logStreamName": "probe"}
    event = {"timestamp": 1, "message": "probe"}
    return [
        ("logs", "create_log_stream", group),
        ("logs", "put_log_events", {**group, "logEvents": [event]}),
    ]


def calls_of_the_exporter(stack: Stack) -> list[Call]:
    exports = [export(slug) for slug in REPORTS]
    state = ["state/settings.json", "pieces/attendees_us_2020-02-03/probe", PORTIONS]
    state.append(DAY_INDEX)
    entry = {"Source": "kaltura-room-reports", "DetailType": "probe", "Detail": "{}"}
    return [
        *listings(stack, *(f"{key.partition('dt=')[0]}dt=" for key in exports)),
        *listings(stack, "state/active/", "state/unsent/", "pieces/", "backfill/active/"),
        *listings(stack, DAY_INDEX_PREFIX, ACKNOWLEDGED_PREFIX, "quarantine/", SUPPRESSION_KEY),
        *s3(stack, "get_object", SUPPRESSION_KEY),
        *s3(stack, "put_object", *exports, *state, "runs/dt=2020-02-03/probe.json"),
        *s3(stack, "put_object", "quarantine/dt=2020-02-03/run/probe.json"),
        *s3(stack, "head_object", *exports),
        *s3(stack, "get_object", *exports, *state, ACKNOWLEDGED),
        ("secretsmanager", "get_secret_value", {"SecretId": stack.outputs["SecretArn"]}),
        ("events", "put_events", {"Entries": [{**entry, "EventBusName": "default"}]}),
        *logs(stack, "exporter"),
    ]


def calls_of_the_eraser(stack: Stack) -> list[Call]:
    exports = [export(slug) for slug in REPORTS]
    written = [*exports, "reference/rosters/probe.csv"]
    own = [SUPPRESSION_KEY, "suppression/reports/probe.json"]
    others = ["pieces/attendees_us_2020-02-03/probe", "quarantine/dt=2020-02-03/run/probe.json"]
    searched = [
        *((stack.bucket, key) for key in (*written, *others)),
        (results_bucket(stack), "probe"),
    ]
    versions = [
        ("s3", operation, {"Bucket": bucket, "Key": key, "VersionId": "null"})
        for bucket, key in searched
        for operation in ("get_object", "delete_object")
    ]
    versions.append(
        (
            "s3",
            "get_object",
            {
                "Bucket": stack.bucket,
                "Key": ACKNOWLEDGED,
                "VersionId": version_of(stack, ACKNOWLEDGED),
            },
        )
    )
    return [
        *(
            ("s3", operation, {"Bucket": bucket})
            for bucket in (stack.bucket, results_bucket(stack))
            for operation in ("list_objects_v2", "list_object_versions")
        ),
        *s3(stack, "put_object", *written, *own),
        *s3(stack, "get_object", *written, *own),
        *versions,
    ]


def calls_of_the_downloads(stack: Stack) -> list[Call]:
    presigner = {"RoleArn": presigner_arn(stack), "RoleSessionName": "downloads"}
    return [
        *listings(stack, *(f"{export(slug).partition('dt=')[0]}dt=" for slug in REPORTS)),
        *listings(stack, READERS_KEY),
        *s3(stack, "get_object", DAY_INDEX, READERS_KEY),
        ("sts", "assume_role", presigner),
        *logs(stack, "downloads"),
    ]


def calls_of_the_presigner(stack: Stack) -> list[Call]:
    exports = [export(slug) for slug in REPORTS]
    versions = [
        (service, operation, {**arguments, "VersionId": version_of(stack, arguments["Key"])})
        for service, operation, arguments in s3(stack, "get_object", *exports)
    ]
    return [
        *s3(stack, "head_object", *exports),
        *s3(stack, "get_object", "state/settings.json"),
        *versions,
        *listings(stack, *(f"{slug}/granularity=day/" for slug in REPORTS)),
    ]


def calls_of_the_backfill(stack: Stack) -> list[Call]:
    """Return what the deployed definition makes Step Functions call with the role."""
    machine = stack.outputs["BackfillStateMachine"]
    deployed = stack.aws.state_machines.describe_state_machine(stateMachineArn=machine)
    calls: list[Call] = []
    for resource, parameters in _resources(json.loads(deployed["definition"])):
        if resource.endswith(":states:::lambda:invoke"):
            arguments = {"FunctionName": parameters["FunctionName"], "InvocationType": "DryRun"}
            calls.append(("lambda", "invoke", arguments))
        elif resource.endswith(":states:::s3:getObject"):
            calls.append(("s3", "get_object", {"Bucket": parameters["Bucket"], "Key": PORTIONS}))
        else:
            assert resource == "DISTRIBUTED", f"{resource}: add the calls that it makes"
            # The input is wrong, so that the execution ends at once.
            wrong = {"stateMachineArn": machine, "name": "probe", "input": '{"from": "wrong"}'}
            execution = machine.replace(":stateMachine:", ":execution:")
            children = [f"{execution}:probe", f"{execution}/Export:probe"]
            calls.append(("stepfunctions", "start_execution", wrong))
            calls += [
                ("stepfunctions", operation, {"executionArn": child})
                for operation in ("describe_execution", "stop_execution")
                for child in children
            ]
    return calls


def _resources(states: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what a definition uses: a resource and its parameters, or the mode of a Map."""
    if isinstance(states, list):
        for each in states:
            yield from _resources(each)
    elif isinstance(states, dict):
        if "Resource" in states:
            yield states["Resource"], states["Parameters"]
        if states.get("Mode") == "DISTRIBUTED":
            yield "DISTRIBUTED", {}
        yield from _resources(list(states.values()))


def calls_of_an_analyst(stack: Stack) -> list[Call]:
    group, database = stack.outputs["AthenaWorkgroup"], stack.outputs["GlueDatabase"]
    results = results_bucket(stack)
    query, catalogue = {"QueryExecutionId": "0" * 36}, {"CatalogName": "AwsDataCatalog"}
    start = {
        "QueryString": "SELECT 1",
        "WorkGroup": group,
        "QueryExecutionContext": {"Database": database},
    }
    run = stack.aws.athena.start_query_execution(**start)["QueryExecutionId"]  # type: ignore[arg-type]
    query = {"QueryExecutionId": run}
    (saved, *_) = stack.aws.athena.list_named_queries(WorkGroup=group)["NamedQueryIds"]
    table = {"DatabaseName": database, "Name": "attendees"}
    objects = {"Bucket": results, "Key": "probe"}
    upload = stack.aws.s3.create_multipart_upload(Bucket=results, Key="probe")["UploadId"]
    return [
        ("athena", "get_work_group", {"WorkGroup": group}),
        ("athena", "start_query_execution", start),
        ("athena", "get_query_execution", query),
        ("athena", "batch_get_query_execution", {"QueryExecutionIds": [run]}),
        ("athena", "get_query_results", query),
        ("athena", "stop_query_execution", query),
        ("athena", "list_query_executions", {"WorkGroup": group}),
        ("athena", "list_named_queries", {"WorkGroup": group}),
        ("athena", "get_named_query", {"NamedQueryId": saved}),
        ("athena", "batch_get_named_query", {"NamedQueryIds": [saved]}),
        ("athena", "list_work_groups", {}),
        ("athena", "list_data_catalogs", {}),
        ("athena", "list_engine_versions", {}),
        ("athena", "get_data_catalog", {"Name": "AwsDataCatalog"}),
        ("athena", "list_databases", catalogue),
        ("athena", "get_database", {**catalogue, "DatabaseName": database}),
        ("athena", "list_table_metadata", {**catalogue, "DatabaseName": database}),
        (
            "athena",
            "get_table_metadata",
            {**catalogue, "DatabaseName": database, "TableName": "attendees"},
        ),
        ("glue", "get_database", {"Name": database}),
        ("glue", "get_databases", {}),
        ("glue", "get_table", table),
        ("glue", "get_tables", {"DatabaseName": database}),
        ("glue", "get_partitions", {"DatabaseName": database, "TableName": "attendees"}),
        ("s3", "get_bucket_location", {"Bucket": stack.bucket}),
        ("s3", "get_bucket_location", {"Bucket": results}),
        *listings(stack, *(f"{slug}/granularity=day/" for slug in REPORTS), "runs/dt="),
        *listings(stack, DAY_INDEX_PREFIX, "reference/rooms/"),
        *s3(stack, "get_object", *map(export, REPORTS), "runs/dt=2020-02-03/probe.json"),
        *s3(stack, "get_object", DAY_INDEX, "reference/policy/policy.json"),
        ("s3", "list_objects_v2", {"Bucket": results}),
        ("s3", "put_object", objects),
        ("s3", "get_object", objects),
        ("s3", "abort_multipart_upload", {**objects, "UploadId": upload}),
    ]


def calls_of_an_auditor(stack: Stack) -> list[Call]:
    """Return the calls that Athena makes for a query of the access log and the readers."""
    log = access_log_bucket(stack)
    return [
        ("s3", "get_bucket_location", {"Bucket": log}),
        ("s3", "list_objects_v2", {"Bucket": log}),
        ("s3", "get_object", {"Bucket": log, "Key": "reports/probe"}),
        *listings(stack, "readers/"),
        *s3(stack, "get_object", READERS_KEY),
    ]


def access_log_bucket(stack: Stack) -> str:
    return stack.outputs["AccessLogBucketName"]


def permissions_that_aws_checks(stack: Stack) -> list[tuple[str, str]]:
    """Return what an analyst needs where AWS checks another resource than the local AWS.

    The sources are AWS's reference of the actions and their resources, and Athena's page on access
    to databases and tables: an action on a table is checked on its database and the catalogue too.
    """
    account = stack.outputs["BackfillStateMachine"].split(":")[4]
    arn = f"{stack.aws.region}:{account}"
    group = f"arn:aws:athena:{arn}:workgroup/{stack.outputs['AthenaWorkgroup']}"
    database, glue = stack.outputs["GlueDatabase"], f"arn:aws:glue:{arn}"
    of_database = [f"{glue}:catalog", f"{glue}:database/{database}"]
    of_table = [*of_database, f"{glue}:table/{database}/attendees"]
    needed = {
        "athena:GetQueryResultsStream": [group],
        "athena:ListEngineVersions": ["*"],
        "glue:GetDatabase": of_database,
        "glue:GetDatabases": [*of_database, f"{glue}:database/another"],
        "glue:GetTable": of_table,
        "glue:GetTables": of_table,
        "glue:GetPartitions": of_table,
    }
    return [(action, resource) for action, resources in needed.items() for resource in resources]


def presigner_arn(stack: Stack) -> str:
    configuration = stack.aws.functions.get_function_configuration(FunctionName=downloads(stack))
    return configuration["Environment"]["Variables"]["PRESIGNER_ROLE_ARN"]


def downloads(stack: Stack) -> str:
    (name,) = [
        function["FunctionName"]
        for function in stack.aws.functions.list_functions()["Functions"]
        if "PRESIGNER_ROLE_ARN" in function.get("Environment", {}).get("Variables", {})
    ]
    return name


def role_of(stack: Stack, function: str) -> str:
    configuration = stack.aws.functions.get_function_configuration(FunctionName=function)
    return configuration["Role"].rpartition("/")[2]


def version_of(stack: Stack, key: str) -> str:
    return stack.aws.s3.head_object(Bucket=stack.bucket, Key=key)["VersionId"]


def results_bucket(stack: Stack) -> str:
    group = stack.aws.athena.get_work_group(WorkGroup=stack.outputs["AthenaWorkgroup"])
    configuration = group["WorkGroup"]["Configuration"]["ResultConfiguration"]
    return configuration["OutputLocation"].removeprefix("s3://").strip("/")
