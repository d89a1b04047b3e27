"""An export as readers see it."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from room_reports.downloads.links import Target
from room_reports.freshness import State, state_at
from room_reports.lake.bucket import LakeError
from room_reports.lake.keys import Series, parse_key
from room_reports.settings import Settings
from room_reports.windows import Window, iso

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_AT_ONCE = 32
_GONE = ("404", "NoSuchKey", "NotFound")
_STATES = {state.value: state for state in State}


@dataclass(frozen=True)
class Export:
    """One version of an export."""

    target: Target
    fields: dict[str, Any]
    """What the API answers for it, but the link."""


def describe(
    client: "S3Client", settings: Settings, wanted: Iterable[tuple[str, Window]]
) -> list[Export]:
    """The exports under these keys, in their order, without those that are gone.

    Args:
        client: may read objects.

    Raises:
        LakeError: when S3 refuses or fails.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda each: _describe(client, settings, *each), wanted)
        return [export for export in found if export]


def _describe(client: "S3Client", settings: Settings, key: str, window: Window) -> Export | None:
    try:
        head = client.head_object(Bucket=settings.bucket, Key=key)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _GONE:
            return None
        raise LakeError("reading", key, error) from error
    except BotoCoreError as error:
        raise LakeError("reading", key, error) from error
    parsed = parse_key(key)
    if parsed is None:
        return None
    name = parsed.series.file_name(parsed.label)
    target = Target(settings.bucket, key, head.get("VersionId"), name)
    return Export(target, _fields(parsed.series, window, settings, head, name))


def _fields(
    series: Series,
    window: Window,
    settings: Settings,
    head: "HeadObjectOutputTypeDef",
    file_name: str,
) -> dict[str, Any]:
    metadata, modified = head["Metadata"], head["LastModified"]
    rows = metadata.get("rows", "")
    state = _STATES.get(metadata.get("state", "")) or state_at(window, settings.settle, modified)
    return {
        "report": series.slug,
        "region": series.region,
        "granularity": series.granularity.value,
        "start": window.label,
        "window_start": iso(window.start),
        "window_end": iso(window.end),
        "state": state.value,
        # A file that was not put there by the exporter may lack them.
        "rows": int(rows) if rows.isascii() and rows.isdigit() else None,
        "size": head["ContentLength"],
        "sha256": metadata.get("sha256"),
        "exported_at": metadata.get("exported-at") or iso(modified),
        "file_name": file_name,
    }
