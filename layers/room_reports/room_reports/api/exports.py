"""An export as the downloads API describes it."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from room_reports.api.day_files import known_heads
from room_reports.api.listing import ListedExport
from room_reports.api.presign import ObjectVersion
from room_reports.model.errors import WindowError
from room_reports.model.freshness import State, state_at
from room_reports.model.privacy import NONE
from room_reports.model.windows import Window, iso, parse_timestamp
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import StorageError
from room_reports.storage.keys import ParsedKey, parse_key
from room_reports.storage.objects import ObjectHead
from room_reports.storage.privacy_state import privacy_in_force
from room_reports.telemetry import logger

_CONCURRENT_READS = 32
_STATES = {state.value: state for state in State}


@dataclass(frozen=True)
class DescribedExport:
    """One version of an export."""

    version: ObjectVersion
    fields: dict[str, Any]
    """What the API returns for it, except for the link."""


def describe(
    bucket: Bucket, settings: Settings, key: str, window: Window
) -> DescribedExport | None:
    """Return the export under a key, or None if there is none any more.

    Args:
        bucket: With credentials that may read objects.
        settings: Today's, for what an object does not say of itself.

    Raises:
        StorageError: If S3 refuses or fails.
    """
    head, parsed = bucket.head(key), parse_key(key)
    if head is None or parsed is None:
        return None
    today = _Today(settings, _privacy(bucket, settings))
    version = ObjectVersion(bucket.name, key, head.version_id, _file_name(parsed))
    return DescribedExport(version, _fields(parsed, window, today, head))


def describe_listed(
    index: Bucket, bucket: Bucket, settings: Settings, listed: Sequence[ListedExport]
) -> list[dict[str, Any]]:
    """Return the fields of exports, in their order, without those that no longer exist.

    An export that the index of day files does not have takes one request, 32 at a time.

    Args:
        index: With credentials that may read the index.
        bucket: As for ``describe``.
        settings: As for ``describe``.
        listed: The exports, as a listing shows them now.

    Raises:
        StorageError: If S3 refuses or fails.
    """
    known = known_heads(index, (each.stored for each in listed))
    today = _Today(settings, _privacy(bucket, settings))
    heads = dict[str, ObjectHead | None](known)
    unknown = [each.stored.key for each in listed if each.stored.key not in known]
    if unknown:
        with ThreadPoolExecutor(_CONCURRENT_READS) as pool:
            heads |= zip(unknown, pool.map(bucket.head, unknown), strict=True)
    return [
        _fields(each.stored.parsed, each.position.window, today, head)
        for each in listed
        if (head := heads[each.stored.key])
    ]


@dataclass(frozen=True)
class _Today:
    """What files are made with today."""

    settings: Settings
    privacy: Mapping[str, str]
    """What is done to columns that identify people, as a digest, by the report's slug."""


def _privacy(bucket: Bucket, settings: Settings) -> Mapping[str, str]:
    """Return today's digests, of which only the exporter knows those that depend on the key."""
    digests = {report.slug: settings.privacy.digest(report.slug) for report in settings.reports}
    by_exporter: Mapping[str, str] = {}
    if settings.privacy.needs_key:
        try:
            by_exporter = privacy_in_force(bucket)
        except StorageError as error:
            logger.warning("The privacy settings in force cannot be read", error=str(error))
    found = {slug: digest or by_exporter.get(slug) for slug, digest in digests.items()}
    return {slug: digest for slug, digest in found.items() if digest}


def _file_name(parsed: ParsedKey) -> str:
    return parsed.series.file_name(parsed.label)


def _fields(parsed: ParsedKey, window: Window, today: _Today, head: ObjectHead) -> dict[str, Any]:
    series = parsed.series
    settings = today.settings
    metadata, modified = head.metadata, head.last_modified
    rows = metadata.get("rows", "")
    state = _STATES.get(metadata.get("state", "")) or state_at(window, settings.settle, modified)
    start, end = _bounds(head, window)
    filters, privacy = metadata.get("filters"), metadata.get("privacy", NONE)
    privacy_today = today.privacy.get(series.slug)
    return {
        "report": series.slug,
        "region": series.region,
        "granularity": series.granularity.value,
        "start": window.label,
        "window_start": start,
        "window_end": end,
        "state": state.value,
        # A file that the exporter did not write can lack metadata.
        "rows": int(rows) if rows.isascii() and rows.isdigit() else None,
        "size": head.size,
        "sha256": metadata.get("sha256"),
        "exported_at": metadata.get("exported-at") or iso(modified),
        "file_name": _file_name(parsed),
        "filters": filters,
        "filters_current": filters and filters == settings.filters_digest(series.slug),
        "privacy": privacy,
        "privacy_current": privacy_today and privacy == privacy_today,
    }


def _bounds(head: ObjectHead, window: Window) -> tuple[str, str]:
    """Return the bounds that a file was made with, or today's if it does not say.

    After a change of TimeZone, the days of older files begin and end at other times than today's.
    """
    try:
        start = parse_timestamp(head.metadata["window-start"])
        end = parse_timestamp(head.metadata["window-end"])
    except (KeyError, WindowError):
        start, end = window.start, window.end
    return iso(start), iso(end)
