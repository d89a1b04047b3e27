"""What template.yaml does for real accounts: boundaries, keys, domains, adoption, and limits."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.stack.template import load_template
from room_reports.model.filters import parse_filters
from room_reports.model.reports import REPORTS

TEMPLATE = load_template()
RESOURCES = TEMPLATE["Resources"]
PARAMETERS = TEMPLATE["Parameters"]
NO_VALUE = {"Ref": "AWS::NoValue"}
ENVIRONMENT_LIMIT = 4096
"""Bytes that Lambda allows for the environment variables of a function, names included."""
LONGEST = {
    # What AWS generates or allows, where no parameter limits it.
    "AWS::StackName": 128,
    "BucketName": 63,
    "Secret": len("arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:") + 128 + 40,
    "PresignerRole": len("arn:aws-us-gov:iam::123456789012:role/") + 64,
}


def of_type(kind: str) -> dict[str, Any]:
    return {
        name: resource["Properties"]
        for name, resource in RESOURCES.items()
        if resource["Type"] == kind
    }


def longest_parameter(name: str) -> int:
    """Return the most bytes that a parameter's value can have in JSON."""
    parameter = PARAMETERS[name]
    if "AllowedValues" in parameter:
        return max(len(str(value)) for value in parameter["AllowedValues"])
    if parameter["Type"] == "Number":
        # A number can be written with decimals, but not with more than this by a person.
        return len(str(parameter["MaxValue"])) + 4
    # In JSON, a quotation mark takes two bytes. In the filters, hardly more than every third
    # character is one: {"a":{"b":["c"]}}.
    return int(parameter["MaxLength"] * (1.5 if name == "ReportFilters" else 1))


def longest_value(value: Any) -> int:
    if not isinstance(value, dict):
        return len(str(value))
    ((kind, of),) = value.items()
    if kind == "Ref":
        return longest_parameter(of) if of in PARAMETERS else LONGEST[of]
    if kind == "Fn::GetAtt":
        return LONGEST[of[0]]
    assert kind == "Fn::Sub"
    names = re.findall(r"\$\{([^}.]+)\}", of)
    return len(re.sub(r"\$\{[^}]+\}", "", of)) + sum(longest_value({"Ref": each}) for each in names)


@pytest.mark.parametrize("function", of_type("AWS::Serverless::Function"))
def test_the_longest_parameters_fit_into_the_environment(function: str) -> None:
    variables = RESOURCES[function]["Properties"]["Environment"]["Variables"]
    # Each is counted as in JSON: "name":"value",
    size = 2 + sum(len(name) + longest_value(value) + 6 for name, value in variables.items())
    assert size <= ENVIRONMENT_LIMIT, size


def in_environments() -> list[str]:
    """Return the parameters of any text that a function has in its environment."""
    text = json.dumps(
        [each["Environment"] for each in of_type("AWS::Serverless::Function").values()]
    )
    return [
        name
        for name, parameter in PARAMETERS.items()
        if parameter["Type"] == "String"
        and "AllowedValues" not in parameter
        and f'"{name}"' in text
    ]


@pytest.mark.parametrize("name", in_environments())
@given(st.data())
def test_a_character_of_a_text_in_the_environment_is_one_byte(
    name: str, data: st.DataObject
) -> None:
    # MaxLength counts characters.
    pattern = PARAMETERS[name]["AllowedPattern"]
    value = data.draw(st.from_regex(re.compile(pattern), fullmatch=True))
    assert value.isascii()


def test_filters_in_another_script_can_be_written_in_ascii() -> None:
    wanted = {"attendees": {"user_ids": ["Zoë", "李"]}}
    pattern = PARAMETERS["ReportFilters"]["AllowedPattern"]
    assert not re.fullmatch(pattern, json.dumps(wanted, ensure_ascii=False))
    assert re.fullmatch(pattern, json.dumps(wanted))
    assert parse_filters(json.dumps(wanted), REPORTS) == parse_filters(
        json.dumps(wanted, ensure_ascii=False), REPORTS
    )


def test_the_longest_values_are_enough_for_six_regions() -> None:
    host = "https://kaltura-on-premises.university-with-a-long-name.example.edu:8443"
    assert PARAMETERS["KalturaRegions"]["MaxLength"] >= 6 * len(f"region-of-sixtee={host},")
    ids = ",".join(str(report.id) for report in REPORTS)
    assert PARAMETERS["ReportIds"]["MaxLength"] >= 6 * len(f"region-of-sixtee={ids},4021,3009;")


def test_every_role_gets_the_permissions_boundary() -> None:
    boundary = {"Fn::If": ["HasBoundary", {"Ref": "PermissionsBoundaryArn"}, NO_VALUE]}
    assert of_type("AWS::IAM::Role")
    for name, role in of_type("AWS::IAM::Role").items():
        assert role["PermissionsBoundary"] == boundary, name
    # A role that SAM generates would have none.
    for name, function in of_type("AWS::Serverless::Function").items():
        assert function["Role"]["Fn::GetAtt"][0] in RESOURCES, name


def test_the_key_encrypts_what_holds_data_or_credentials() -> None:
    key = {"Ref": "KmsKeyArn"}
    for name, bucket in of_type("AWS::S3::Bucket").items():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        if name == "AccessLogBucket":
            # S3 delivers its logs to no bucket that KMS encrypts by default.
            assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            continue
        condition, mine, other = rule["Fn::If"]
        assert condition == "HasKey", name
        assert mine["ServerSideEncryptionByDefault"] == {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": key,
        }
        assert mine["BucketKeyEnabled"] is True
        assert other == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    optional = {"Fn::If": ["HasKey", key, NO_VALUE]}
    assert RESOURCES["Secret"]["Properties"]["KmsKeyId"] == optional
    assert RESOURCES["AlarmTopic"]["Properties"]["KmsMasterKeyId"] == optional
    results = RESOURCES["WorkGroup"]["Properties"]["WorkGroupConfiguration"]["ResultConfiguration"]
    assert results["EncryptionConfiguration"]["Fn::If"][1] == {
        "EncryptionOption": "SSE_KMS",
        "KmsKey": key,
    }


@pytest.mark.parametrize(
    ("policy", "role", "actions", "services"),
    [
        (
            "ExporterMayUseKey",
            "ExporterRole",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            ["s3", "secretsmanager"],
        ),
        ("DownloadsMayUseKey", "DownloadsRole", ["kms:Decrypt"], ["s3"]),
        ("PresignerMayUseKey", "PresignerRole", ["kms:Decrypt"], ["s3"]),
        ("BackfillMayUseKey", "BackfillRole", ["kms:Decrypt"], ["s3"]),
    ],
)
def test_who_reads_or_writes_may_use_the_key_and_only_by_way_of_the_storing_service(
    policy: str, role: str, actions: list[str], services: list[str]
) -> None:
    assert RESOURCES[policy]["Condition"] == "HasKey"
    properties = RESOURCES[policy]["Properties"]
    assert properties["Roles"] == [{"Ref": role}]
    (statement,) = properties["PolicyDocument"]["Statement"]
    granted = statement["Action"]
    assert ([granted] if isinstance(granted, str) else granted) == actions
    assert statement["Resource"] == {"Ref": "KmsKeyArn"}
    via = statement["Condition"]["StringEquals"]["kms:ViaService"]
    assert [each["Fn::Sub"] for each in (via if isinstance(via, list) else [via])] == [
        f"{service}.${{AWS::Region}}.${{AWS::URLSuffix}}" for service in services
    ]


def test_an_analyst_may_use_the_key_for_reports_and_results() -> None:
    *_, last = RESOURCES["AnalystPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    condition, statement, otherwise = last["Fn::If"]
    assert (condition, otherwise) == ("HasKey", NO_VALUE)
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert statement["Resource"] == {"Ref": "KmsKeyArn"}
    via = {"kms:ViaService": {"Fn::Sub": "s3.${AWS::Region}.${AWS::URLSuffix}"}}
    assert statement["Condition"] == {"StringEquals": via}


def test_everything_reads_the_name_of_the_bucket_in_one_place() -> None:
    assert RESOURCES["BucketName"]["Properties"]["Value"] == {
        "Fn::If": ["MakesBucket", {"Ref": "Bucket"}, {"Ref": "ExistingBucketName"}]
    }
    assert RESOURCES["Bucket"]["Condition"] == "MakesBucket"
    others = json.dumps([{k: v for k, v in RESOURCES.items() if k != "BucketName"}])
    others += json.dumps(TEMPLATE["Outputs"])
    assert '{"Ref": "Bucket"}' not in others
    assert "${Bucket.Arn}" not in others
    assert '["Bucket", "Arn"]' not in others


def test_a_query_is_cancelled_at_the_cutoff() -> None:
    configuration = RESOURCES["WorkGroup"]["Properties"]["WorkGroupConfiguration"]
    assert configuration["BytesScannedCutoffPerQuery"] == {"Ref": "BytesScannedCutoff"}
    assert configuration["EnforceWorkGroupConfiguration"] is True


def test_one_of_domain_name_and_certificate_is_refused() -> None:
    rule = TEMPLATE["Rules"]["DomainNameAndCertificate"]
    names = ("ApiDomainName", "ApiCertificateArn")
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": n} for n in names]}]}
    for name, other, assertion in zip(names, reversed(names), rule["Assertions"], strict=True):
        assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]}
        assert f"{other} is set, but {name} is not" in assertion["AssertDescription"]


def test_a_domain_name_needs_a_certificate_and_keeps_the_path() -> None:
    both = TEMPLATE["Conditions"]["HasDomain"]["Fn::And"]
    assert {each["Fn::Not"][0]["Fn::Equals"][0]["Ref"] for each in both} == {
        "ApiDomainName",
        "ApiCertificateArn",
    }
    path = RESOURCES["ApiDomainPath"]["Properties"]
    stage = RESOURCES["Api"]["Properties"]["StageName"]
    assert (path["BasePath"], path["Stage"]) == (stage, {"Ref": "Api.Stage"})
    condition, own, generated = TEMPLATE["Outputs"]["ApiUrl"]["Value"]["Fn::If"]
    assert condition == "HasDomain"
    assert own["Fn::Sub"].endswith(f"/{stage}/")
    assert generated["Fn::Sub"].endswith(f"/{stage}/")


def statements(policy: str) -> Iterator[dict[str, Any]]:
    yield from RESOURCES[policy]["Properties"]["PolicyDocument"]["Statement"]


def test_the_bucket_policy_denies_links_that_are_older_than_the_longest() -> None:
    (denied,) = (each for each in statements("BucketPolicy") if "Link" in each["Sid"])
    assert denied["Effect"] == "Deny"
    assert denied["Principal"] == "*"
    assert denied["Condition"] == {
        # Without this, it would deny every request of a client whose clock is late.
        "StringEquals": {"s3:authType": "REST-QUERY-STRING"},
        "NumericGreaterThan": {"s3:signatureAge": {"Fn::Sub": "${LinkTtlSeconds}000"}},
    }


def test_only_the_page_and_the_allowed_origin_may_read_files_with_javascript() -> None:
    (rule,) = RESOURCES["Bucket"]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedMethods"] == ["GET", "HEAD"]
    assert rule["AllowedOrigins"] == [
        {"Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"},
        {"Fn::If": ["HasDomain", {"Fn::Sub": "https://${ApiDomainName}"}, NO_VALUE]},
        {"Fn::If": ["WantsCors", {"Ref": "CorsOrigin"}, NO_VALUE]},
    ]
    # The rule names the API. So the API may not refer to the function, which refers to the bucket.
    api = RESOURCES["Api"]["Properties"]
    text = json.dumps(api["DefinitionBody"])
    named = {
        *re.findall(r"\$\{(\w+)[.}]", text),
        *re.findall(r'"(?:Ref|Fn::GetAtt)": \[?"(\w+)"', text),
    }
    assert named
    assert named.isdisjoint(RESOURCES)
    assert api["Variables"] == {"downloads": {"Ref": "Downloads"}}
    uri = api["DefinitionBody"]["paths"]["/"]["get"]["x-amazon-apigateway-integration"]["uri"]
    assert ":function:${!stageVariables.downloads}/invocations" in uri["Fn::Sub"]


@pytest.mark.parametrize("prefix", ["quarantine/", "pieces/", "state/active/"])
def test_what_expires_does_not_stay_as_a_version(prefix: str) -> None:
    rules = RESOURCES["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    (rule,) = (each for each in rules if each.get("Prefix") == prefix)
    assert rule["ExpirationInDays"]
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] <= 2
