"""The regions of the Athena tables come from the parameter KalturaRegions."""

import json

import pytest

from local.stack.stack import Stack
from local.stack.template import load_template
from tests.support.world import SLUGS


@pytest.mark.parametrize("names", [["us"], ["us", "eu"], ["a", "b-b", "ca", "sg", "e5", "last"]])
def test_region_names_come_from_the_parameter(stack: Stack, names: list[str]) -> None:
    template = load_template()
    cut = {
        "Parameters": {"KalturaRegions": template["Parameters"]["KalturaRegions"]},
        "Resources": {"RegionNames": template["Resources"]["RegionNames"]},
        "Outputs": {"Names": {"Value": {"Fn::GetAtt": ["RegionNames", "Value"]}}},
    }
    regions = ",".join(f"{name}=https://{name}.kaltura.example" for name in names)
    name = f"regions-{len(names)}"
    cloudformation = stack.aws.cloudformation
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(cut),
        Parameters=[{"ParameterKey": "KalturaRegions", "ParameterValue": regions}],
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    (made,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    assert made["Outputs"][0]["OutputValue"] == ",".join(names)


def test_every_table_uses_the_region_names(stack: Stack) -> None:
    tables = stack.aws.glue.get_tables(DatabaseName=stack.outputs["GlueDatabase"])["TableList"]
    found = {
        table["Name"]: table["Parameters"]["projection.region.values"]
        for table in tables
        if "region" in {key["Name"] for key in table.get("PartitionKeys", [])}
    }
    assert found == dict.fromkeys((*SLUGS, "day_files"), ",".join(stack.kaltura.urls))
