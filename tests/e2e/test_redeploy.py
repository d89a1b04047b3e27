"""Changing, deleting and deploying the stack again: the nested stack follows, no data is lost."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local.stack.deployment import deploy
from local.stack.lifecycle import local_stack
from local.stack.stack import Stack
from room_reports.model.reports import REPORTS
from tests.support.extent import long_test
from tools.athena.sources import queries, views

EVERY_TABLE = {
    *(report.slug for report in REPORTS),
    *(view.name for view in views() if view.name != "who_read_what"),
    *("runs", "day_files", "rooms", "rosters", "policy_file"),
}


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Stack]:
    """Yield a stack of this module's own, because its tests delete it."""
    with local_stack() as made:
        yield made


def _tables(stack: Stack) -> dict[str, str]:
    """Return the range of days or the definition of each table and view, by name."""
    database = stack.outputs["GlueDatabase"]
    return {
        table["Name"]: table["Parameters"].get(
            "projection.dt.range", table.get("ViewOriginalText", "")
        )
        for table in stack.aws.glue.get_tables(DatabaseName=database)["TableList"]
    }


@long_test
def test_a_changed_parameter_reaches_the_tables_and_the_views(
    own_stack: Stack, tmp_path: Path
) -> None:
    changed = {"StartDate": "2024-02-29", "TimeZone": "Asia/Kathmandu"}
    regions = {"KalturaRegions": own_stack.kaltura.regions}
    assert deploy(own_stack.aws, regions | changed, tmp_path) == own_stack.outputs
    tables = _tables(own_stack)
    assert set(tables) == EVERY_TABLE
    assert tables["runs"] == tables["room_data"] == "2024-02-29,NOW+1DAYS"
    encoded = tables["sessions"].removeprefix("/* Presto View: ").removesuffix(" */")
    assert b"'Asia/Kathmandu'" in base64.b64decode(encoded, validate=True)


@long_test
def test_a_new_deployment_adopts_nothing_and_the_old_data_stays(
    own_stack: Stack, tmp_path: Path
) -> None:
    aws, old = own_stack.aws, own_stack.outputs
    aws.s3.put_object(Bucket=old["BucketName"], Key="room_data/kept.csv", Body=b"kept")
    aws.cloudformation.delete_stack(StackName=own_stack.name)
    aws.cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=own_stack.name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    assert aws.glue.get_databases()["DatabaseList"] == []
    kept = aws.s3.get_object(Bucket=old["BucketName"], Key="room_data/kept.csv")
    assert kept["Body"].read() == b"kept"

    new = deploy(aws, {"KalturaRegions": own_stack.kaltura.regions}, tmp_path)
    assert new["BucketName"] != old["BucketName"]
    assert new["SecretArn"] != old["SecretArn"]
    again = Stack(own_stack.name, aws, new, own_stack.kaltura)
    assert set(_tables(again)) == EVERY_TABLE
    saved = aws.athena.list_named_queries(WorkGroup=new["AthenaWorkgroup"])["NamedQueryIds"]
    assert len(saved) == len(queries())
    aws.s3.head_object(Bucket=old["BucketName"], Key="room_data/kept.csv")


@long_test
def test_a_new_stack_adopts_the_bucket_of_a_deleted_one(own_stack: Stack, tmp_path: Path) -> None:
    aws, regions = own_stack.aws, {"KalturaRegions": own_stack.kaltura.regions}
    old = deploy(aws, regions, tmp_path)["BucketName"]
    aws.cloudformation.delete_stack(StackName=own_stack.name)
    aws.cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=own_stack.name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    buckets = {bucket["Name"] for bucket in aws.s3.list_buckets()["Buckets"]}
    new = deploy(aws, {**regions, "ExistingBucketName": old}, tmp_path)
    (results,) = {bucket["Name"] for bucket in aws.s3.list_buckets()["Buckets"]} - buckets
    assert "queryresults" in results
    assert new["BucketName"] == old
    # The functions, what they may do, and the tables are all about the old bucket.
    function = aws.functions.get_function_configuration(FunctionName=new["ExporterFunction"])
    assert function["Environment"]["Variables"]["BUCKET_NAME"] == old
    role = function["Role"].rpartition("/")[2]
    policy = aws.iam.get_role_policy(RoleName=role, PolicyName="export")["PolicyDocument"]
    assert f"arn:aws:s3:::{old}/attendees/granularity=*" in json.dumps(policy)
    tables = aws.glue.get_tables(DatabaseName=new["GlueDatabase"])["TableList"]
    locations = [table["StorageDescriptor"].get("Location", "") for table in tables]
    assert f"s3://{old}/attendees/" in locations
    # Its policy, which the old stack has taken away, requires TLS again.
    with pytest.raises(ClientError, match="explicit deny"):
        aws.s3.list_objects_v2(Bucket=old)
