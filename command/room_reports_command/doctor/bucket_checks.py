"""The checks of the bucket with the reports, as it is deployed."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from room_reports.export.notifications import UNSENT_PREFIX
from room_reports.model.windows import iso
from room_reports.storage.keys import QUARANTINE_PREFIX
from room_reports_command.doctor.check import Area, Check, Outcome, finding, ok
from room_reports_command.doctor.examination import Examination
from room_reports_command.output import counted
from room_reports_command.reference.checking import check_all
from room_reports_command.reference.store import ReferenceStore

_PROBLEMS_NAMED = 5
_DEFAULT_LIFETIME = 900
"""The template's default of LinkTtlSeconds."""


def _policy(given: Examination) -> str | None:
    try:
        return given.stack.s3.get_bucket_policy(Bucket=given.bucket)["Policy"]
    except given.stack.s3.exceptions.ClientError as error:
        if error.response["Error"].get("Code") != "NoSuchBucketPolicy":
            raise
        return None


def _bucket_policy(given: Examination) -> Iterator[Outcome]:
    text = _policy(given)
    if text is None:
        yield finding("the bucket has no policy")
    elif denies_plain_http(text):
        yield ok("denies requests without TLS")
    else:
        yield finding("the bucket's policy allows requests without TLS")


def _link_age(given: Examination) -> Iterator[Outcome]:
    text = _policy(given)
    lifetime = int(given.stack.parameters.get("LinkTtlSeconds") or _DEFAULT_LIFETIME)
    oldest = longest_link(text) if text else None
    if oldest is None:
        yield finding("the bucket's policy allows links of any age")
    elif oldest > lifetime:
        yield finding(f"links of up to {oldest:g} s are allowed, and LinkTtlSeconds is {lifetime}")
    else:
        yield ok(f"denies links that are older than {oldest:g} s")


def denies_plain_http(text: str) -> bool:
    """Return whether a bucket policy denies every request without TLS."""
    return any(
        str(_condition(each, "Bool", "aws:SecureTransport")).lower() == "false"
        for each in _denials(text)
    )


def longest_link(text: str) -> float | None:
    """Return the age in seconds from which on a bucket policy denies every link; None: any age."""
    ages = [
        int(age) / 1000
        for each in _denials(text)
        if _condition(each, "StringEquals", "s3:authType") == "REST-QUERY-STRING"
        and (age := _condition(each, "NumericGreaterThan", "s3:signatureAge")) is not None
    ]
    return min(ages, default=None)


def _denials(text: str) -> list[Mapping[str, Any]]:
    """Return the statements of a policy that deny everything to everyone, under a condition."""
    return [
        each
        for each in json.loads(text).get("Statement", ())
        if each.get("Effect") == "Deny"
        and each.get("Principal") in ("*", {"AWS": "*"})
        and "s3:*" in _listed(each.get("Action"))
    ]


def _condition(statement: Mapping[str, Any], operator: str, key: str) -> Any:
    return statement.get("Condition", {}).get(operator, {}).get(key)


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


def _quarantine(given: Examination) -> Iterator[Outcome]:
    kept = [item for item in given.stack.bucket.small_objects(QUARANTINE_PREFIX) if item.size]
    if kept:
        newest = max(kept, key=lambda item: item.last_modified)
        responses = counted(len(kept), "response")
        yield finding(f"{responses} of Kaltura could not be read, the newest is {newest.key}")
    else:
        yield ok("it is empty")


def _notifications(given: Examination) -> Iterator[Outcome]:
    # What has been sent leaves an object without bytes, because the exporter cannot delete.
    kept = [item for item in given.stack.bucket.small_objects(UNSENT_PREFIX) if item.size]
    if kept:
        oldest = min(item.last_modified for item in kept)
        runs = counted(len(kept), "run")
        yield finding(f"EventBridge did not take all those of {runs}, since {iso(oldest)}")
    else:
        yield ok("none waits to be sent")


def _reference(given: Examination) -> Iterator[Outcome]:
    found = check_all(ReferenceStore(given.stack))
    for problem in found.wrong[:_PROBLEMS_NAMED]:
        yield finding(problem.text, problem.file)
    if not found.wrong:
        rows = f"{counted(found.rooms, 'row')} of rooms, {counted(found.rosters, 'row')} of rosters"
        yield ok(rows)


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
        "link-age",
        Area.STACK,
        "The bucket denies links that are older than LinkTtlSeconds, also those that others sign.",
        "A link of another role or person can be valid for up to a week.",
        "docs/first-deployment.md#changed-outside-the-stack",
        _link_age,
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
    Check(
        "quarantine",
        Area.STACK,
        "No response of Kaltura is in quarantine.",
        "A window may be missing, because its report could not be read.",
        "docs/operating.md#quarantine",
        _quarantine,
    ),
    Check(
        "notifications",
        Area.STACK,
        "No notification waits to be sent.",
        "Programs that act on new files do not hear of some of them.",
        "docs/operating.md#acting-on-new-files",
        _notifications,
    ),
    Check(
        "reference-data",
        Area.STACK,
        "The files of rooms and rosters, and the policy, can be used.",
        "Attendance of courses is wrong, or its views fail.",
        "room-reports reference check",
        _reference,
    ),
)
