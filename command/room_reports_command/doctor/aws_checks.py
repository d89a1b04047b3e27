"""The checks of S3 and IAM that only the real AWS can tell."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from room_reports.model.windows import Granularity
from room_reports.storage.keys import Series
from room_reports_command.doctor.check import Area, Check, Outcome, finding, not_checked, ok
from room_reports_command.doctor.examination import PREFIX, Examination
from room_reports_command.doctor.link_checks import error_code, headers_with_key, request
from room_reports_command.doctor.permissions import denied_actions, partition, role_arn
from room_reports_command.errors import CommandError

_CONFLICTS = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")
_WRONG_ETAG = '"00000000000000000000000000000000"'
_EXPORTER_ACTIONS = ("s3:GetObject", "s3:PutObject")


@contextmanager
def _temporary_object(given: Examination) -> Iterator[tuple[str, str]]:
    """Write an object under the prefix of the checks, and remove it with all its versions."""
    s3, bucket = given.stack.s3, given.bucket
    key = f"{PREFIX}{secrets.token_hex(8)}"
    etag = s3.put_object(Bucket=bucket, Key=key, Body=b"doctor")["ETag"]
    try:
        yield key, etag
    finally:
        try:
            pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
            for page in pages:
                for each in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                    s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
        except ClientError as error:
            code = error.response["Error"].get("Code")
            raise CommandError(
                f"{key} is left in the bucket, S3 does not remove it: {code}"
            ) from error


def _conditional_copy(given: Examination) -> Iterator[Outcome]:
    s3, bucket = given.stack.s3, given.bucket

    def copy(key: str, if_match: str) -> str:
        """Return ``copied``, or the code with which S3 refused."""
        try:
            s3.copy_object(
                Bucket=bucket,
                Key=key,
                CopySource={"Bucket": bucket, "Key": key},
                IfMatch=if_match,
                MetadataDirective="REPLACE",
                Metadata={"checked": "yes"},
            )
        except ClientError as error:
            return str(error.response["Error"].get("Code"))
        return "copied"

    with _temporary_object(given) as (key, etag):
        right, wrong = copy(key, etag), copy(key, _WRONG_ETAG)
        # Before the object is removed, which can fail.
        if right != "copied":
            yield finding(f"S3 refuses a copy with the right If-Match: {right}")
        elif wrong not in _CONFLICTS:
            yield finding(f"S3 does not refuse a copy with a wrong If-Match: {wrong}")
        else:
            yield ok("with your credentials: a wrong If-Match is refused, the right one is not")


def _exporter_may_copy(given: Examination) -> Iterator[Outcome]:
    """Return whether the exporter's role may do both halves of a copy, as IAM evaluates it."""
    report = given.stack.settings.reports[0].slug
    denied = denied_actions(
        given,
        given.stack.exporter["Role"],
        _EXPORTER_ACTIONS,
        f"arn:{partition(given)}:s3:::{given.bucket}/{report}/granularity=day/doctor",
    )
    if denied:
        yield finding(
            f"its policies deny {', '.join(denied)}",
            "the exporter's role",
            "docs/first-deployment.md#changed-outside-the-stack",
        )
    else:
        yield ok("its policies allow it, as IAM simulates them", "the exporter's role")


def _missing_key(given: Examination) -> Iterator[Outcome]:
    try:
        given.stack.s3.head_object(Bucket=given.bucket, Key=f"{PREFIX}{secrets.token_hex(8)}")
    except ClientError as error:
        code = str(error.response["Error"].get("Code"))
    else:
        code = "200"
    if code in ("404", "NoSuchKey", "NotFound"):
        yield ok("with your credentials: 404")
    elif code in ("403", "AccessDenied"):
        yield not_checked("your AWS role may not list the bucket, so that S3 responds with 403")
    else:
        yield finding(f"S3 responds with {code} and not with 404")


def _missing_file(given: Examination) -> Iterator[Outcome]:
    """Yield what the API says about a file that does not exist, with the roles of its function.

    The exporter's role is not tried: it lists a key before it reads it. Nor does the API read a key
    that it has not listed, so that the presigner's permission is looked at by itself.
    """
    subject = "the API's roles"
    settings, stack = given.stack.settings, given.stack
    region, reports = next(iter(settings.reports_by_region.items()))
    first = stack.parameters.get("StartDate", "2020-01-01")
    series = Series(reports[0].slug, region, Granularity.DAY)
    if stack.parameters.get("ApiAuthorization", "key") != "key":
        yield not_checked("the API is called with an IAM signature", subject)
        return
    if any(stack.bucket.exports(series, first, first)):
        yield not_checked(f"{first} has been exported", subject)
        return
    response = request(
        "GET",
        f"{stack.api_url}/exports/{series.slug}/{region}/day/{first}",
        headers=headers_with_key(given),
    )
    text = f"{response.status_code} {error_code(response)}"
    if text == "404 not_exported":
        yield ok(f"a day without a file gets {text}", subject)
    else:
        yield finding(f"a day without a file gets {text} and not 404 not_exported", subject)


def _presigner_may_learn(given: Examination) -> Iterator[Outcome]:
    """Yield whether S3 tells the holder of a link that its file does not exist any more."""
    subject = "the presigner's role"
    denied = denied_actions(
        given,
        role_arn(given, "PresignerRole"),
        # Without s3:prefix, which a read does not have.
        ["s3:ListBucket"],
        f"arn:{partition(given)}:s3:::{given.bucket}",
    )
    if denied:
        yield finding("its policies deny s3:ListBucket to a read: a link gets 403", subject)
    else:
        yield ok("its policies allow s3:ListBucket to a read, as IAM simulates them: 404", subject)


CHECKS = (
    Check(
        "conditional-copy",
        Area.AWS,
        "S3 copies an object onto itself only if the ETag is right, and the exporter may do it.",
        "A file that has not changed cannot be marked as settled safely.",
        "docs/first-deployment.md#conditional-copy",
        _conditional_copy,
        not_local="it ignores If-Match on a copy",
        also=(_exporter_may_copy,),
    ),
    Check(
        "missing-key",
        Area.AWS,
        "S3 responds to a request for a missing key with 404 where the key may be listed.",
        "A missing file is taken for an error of S3.",
        "docs/first-deployment.md#missing-key",
        _missing_key,
        also=(_missing_file, _presigner_may_learn),
    ),
)
