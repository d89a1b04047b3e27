"""The checks of the bucket with the reports, as it is deployed."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from room_reports_command.doctor.check import Area, Check, Outcome, finding, ok
from room_reports_command.doctor.examination import Examination


def _bucket_policy(given: Examination) -> Iterator[Outcome]:
    try:
        text = given.stack.s3.get_bucket_policy(Bucket=given.bucket)["Policy"]
    except given.stack.s3.exceptions.ClientError as error:
        if error.response["Error"].get("Code") != "NoSuchBucketPolicy":
            raise
        yield finding("the bucket has no policy")
        return
    yield (
        ok("denies requests without TLS")
        if denies_plain_http(text)
        else finding("the bucket's policy allows requests without TLS")
    )


def denies_plain_http(text: str) -> bool:
    """Return whether a bucket policy denies every request without TLS."""
    statements: Any = json.loads(text).get("Statement", ())
    return any(_denies(each) for each in statements if isinstance(each, Mapping))


def _denies(statement: Mapping[str, Any]) -> bool:
    condition = statement.get("Condition", {}).get("Bool", {})
    return (
        statement.get("Effect") == "Deny"
        and statement.get("Principal") in ("*", {"AWS": "*"})
        and str(condition.get("aws:SecureTransport")).lower() == "false"
        and "s3:*" in _listed(statement.get("Action"))
    )


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _versioning(given: Examination) -> Iterator[Outcome]:
    state = given.stack.s3.get_bucket_versioning(Bucket=given.bucket).get("Status", "off")
    yield ok("enabled") if state == "Enabled" else finding(f"versioning is {state.lower()}")


def _public_access(given: Examination) -> Iterator[Outcome]:
    try:
        found = given.stack.s3.get_public_access_block(Bucket=given.bucket)
        flags: Mapping[str, Any] = dict(found["PublicAccessBlockConfiguration"])
    except given.stack.s3.exceptions.ClientError as error:
        if "NoSuchPublicAccessBlock" not in str(error.response["Error"].get("Code")):
            raise
        flags = {}
    names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    off = [name for name in names if not flags.get(name)]
    yield finding(f"not blocked: {', '.join(off)}") if off else ok("all of it is blocked")


def _uploads(given: Examination) -> Iterator[Outcome]:
    pages = given.stack.s3.get_paginator("list_multipart_uploads").paginate(Bucket=given.bucket)
    left = [
        each
        for page in pages
        for each in page.get("Uploads", ())
        if each["Initiated"] < given.now - timedelta(days=3)
    ]
    for each in left:
        yield finding(
            f"unfinished since {each['Initiated']:%Y-%m-%d}",
            each["Key"],
            cure=f"aws s3api abort-multipart-upload --bucket <bucket> --key {each['Key']} "
            f"--upload-id {each['UploadId']}",
        )
    if not left:
        yield ok("none is older than three days")


CHECKS = (
    Check(
        "bucket-policy",
        Area.STACK,
        "The bucket denies requests without TLS.",
        "Reports could be read on the way.",
        "docs/first-deployment.md#changed-outside-the-stack",
        _bucket_policy,
        not_local="its endpoint has no TLS, so that the policy is removed",
    ),
    Check(
        "versioning",
        Area.STACK,
        "The bucket keeps former versions.",
        "A file that is exported again replaces the one before for good, and links break.",
        "aws s3api put-bucket-versioning --bucket <bucket> "
        "--versioning-configuration Status=Enabled",
        _versioning,
    ),
    Check(
        "public-access",
        Area.STACK,
        "The bucket blocks all public access.",
        "A mistake in a policy could make the reports public.",
        "aws s3api put-public-access-block --bucket <bucket> --public-access-block-configuration "
        "BlockPublicAcls=true,BlockPublicPolicy=true,IgnorePublicAcls=true,RestrictPublicBuckets=true",
        _public_access,
    ),
    Check(
        "unfinished-uploads",
        Area.STACK,
        "No multipart upload was left unfinished.",
        "It costs as much as a file. The lifecycle rule that removes it is missing.",
        "docs/first-deployment.md#changed-outside-the-stack",
        _uploads,
    ),
)
