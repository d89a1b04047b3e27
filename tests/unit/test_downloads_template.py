"""The API in template.yaml, against the contract and what AWS rejects only at deployment."""

import json
from typing import Any

import pytest

from local.stack.template import load_template
from room_reports.api.settings import read_api_settings
from room_reports.model.reports import REPORTS
from room_reports.storage.keys import READERS_KEY
from room_reports.storage.privacy_state import SETTINGS_KEY


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return load_template()


@pytest.fixture(scope="module")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    return {name: each["Properties"] for name, each in template["Resources"].items() if name}


def test_the_parameter_and_outputs_of_the_contract_exist(template: dict[str, Any]) -> None:
    ttl = template["Parameters"]["LinkTtlSeconds"]
    assert (ttl["Default"], ttl["MaxValue"]) == (900, 3300)
    assert {"ApiUrl", "ApiKeyId"} <= set(template["Outputs"])


def test_the_defaults_are_those_of_the_api(
    template: dict[str, Any], resources: dict[str, Any]
) -> None:
    environment = {
        name: str(template["Parameters"][value["Ref"]]["Default"])
        for name, value in resources["Downloads"]["Environment"]["Variables"].items()
        if isinstance(value, dict) and value.get("Ref") in template["Parameters"]
    }
    elsewhere = {
        "BUCKET_NAME": "bucket",
        "PRESIGNER_ROLE_ARN": "arn:aws:iam::123456789012:role/presigner",
    }
    assert read_api_settings({**environment, **elsewhere}) == read_api_settings(elsewhere)


def test_only_the_presigner_reads_reports_and_it_does_nothing_else(
    resources: dict[str, Any],
) -> None:
    (policy,) = resources["DownloadsRole"]["Policies"]
    reads = [each for each in policy["PolicyDocument"]["Statement"] if "GetObject" in str(each)]
    bucket = "arn:${AWS::Partition}:s3:::${BucketName.Value}"
    allowed = {"Effect": "Allow", "Action": "s3:GetObject"}
    assert reads == [
        {"Sid": sid, **allowed, "Resource": {"Fn::Sub": f"{bucket}/{key}"}}
        for sid, key in (("ReadIndex", "index/*"), ("ReadReaders", READERS_KEY))
    ]
    ((statement, state, listing),) = (
        policy["PolicyDocument"]["Statement"] for policy in resources["PresignerRole"]["Policies"]
    )
    assert statement["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
    slugs = [report.slug for report in REPORTS]
    prefixes = [f"{slug}/granularity=*" for slug in [*slugs, "report_*"]]
    assert statement["Resource"] == [{"Fn::Sub": f"{bucket}/{prefix}"} for prefix in prefixes]
    settings = {"Fn::Sub": f"{bucket}/{SETTINGS_KEY}"}
    assert (state["Action"], state["Resource"]) == ("s3:GetObject", settings)
    assert (listing["Action"], listing["Resource"]) == ("s3:ListBucket", {"Fn::Sub": bucket})
    assert listing["Condition"] == {"StringLikeIfExists": {"s3:prefix": prefixes}}
    (trusted,) = resources["PresignerRole"]["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {
        "AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}
    }
    assert trusted["Condition"] == {
        "ArnEquals": {"aws:PrincipalArn": {"Fn::GetAtt": ["DownloadsRole", "Arn"]}}
    }


def test_only_the_web_page_needs_no_authentication(resources: dict[str, Any]) -> None:
    body = resources["Api"]["DefinitionBody"]
    secured = {"Fn::If": ["WantsIam", [{"iam": []}], [{"key": []}]]}
    routes = {
        (path, method): operation.get("security")
        for path, methods in body["paths"].items()
        for method, operation in methods.items()
    }
    # Browsers send preflight requests without credentials.
    preflight = resources["Api"]["DefinitionBody"]["paths"]["/{proxy+}"]["options"]["Fn::If"]
    assert preflight[0] == "WantsCors"
    assert preflight[2] == {"Ref": "AWS::NoValue"}
    assert routes == {
        ("/", "get"): None,
        ("/", "head"): None,
        ("/{proxy+}", "get"): secured,
        ("/{proxy+}", "head"): secured,
        ("/{proxy+}", "options"): None,
    }


def test_the_stage_is_deployed_again_if_only_a_parameter_changes(
    resources: dict[str, Any],
) -> None:
    api = resources["Api"]
    assert api["AlwaysDeploy"] is True
    assert api["OpenApiVersion"] == api["DefinitionBody"]["openapi"]


def test_every_error_of_the_gateway_has_the_form_of_the_contract(resources: dict[str, Any]) -> None:
    body = resources["Api"]["DefinitionBody"]
    for kind, response in body["x-amazon-apigateway-gateway-responses"].items():
        text = response["responseTemplates"]["application/json"]
        text = text.replace("$context.error.messageString", '"words"')
        assert set(json.loads(text)["error"]) == {"code", "message"}, kind


def test_api_keys_are_limited(resources: dict[str, Any]) -> None:
    plan = resources["UsagePlan"]
    assert plan["Throttle"]["RateLimit"] == {"Ref": "ApiRequestsPerSecond"}
    assert plan["Quota"] == {"Limit": {"Ref": "ApiRequestsPerDay"}, "Period": "DAY"}
    (settings,) = resources["Api"]["MethodSettings"]
    assert settings["ThrottlingRateLimit"]
