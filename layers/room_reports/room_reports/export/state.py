"""What a run leaves in the bucket for other runs: the settings in force, and that it is active.

There is no database. These are small objects under ``state/``, which lifecycle rules remove.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from room_reports.aws.secret import MAX_AGE
from room_reports.export.planner import MadeWith, Share
from room_reports.model.errors import WindowError
from room_reports.model.freshness import CLOCK_SKEW
from room_reports.model.privacy import NONE
from room_reports.model.windows import Granularity, Window, iso, parse_timestamp
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import StorageError
from room_reports.storage.objects import SmallObject, StoredObject
from room_reports.storage.privacy_state import (
    KEY_ID,
    SETTINGS_KEY,
    parsed_state,
    privacy_digests,
)
from room_reports.telemetry import logger

STATE_PREFIX = "state/"
_ACTIVE_PREFIX = f"{STATE_PREFIX}active/"
LONGEST_RUN = timedelta(minutes=16)
"""The longest that Lambda lets a run be, and some clock skew."""
_OVERLAP = LONGEST_RUN + timedelta(seconds=MAX_AGE)
"""How long after a change of the key another run can still write files with the former one."""


@dataclass(frozen=True)
class SettingsInForce:
    """Since when today's settings are in force, as far as they decide what a file holds."""

    zone_since: datetime | None
    """Day files that were written earlier can have other bounds; None: none can."""
    filters_since: datetime | None
    """Files that were written earlier can have been made with other filters; None: none can."""
    privacy_since: datetime | None = None
    """The same for what is done to columns that identify people, and the key of pseudonyms."""
    privacy: Mapping[str, str] = field(default_factory=dict)
    """What is done now, as a digest, by the report's slug."""

    @classmethod
    def read(
        cls, settings: Settings, bucket: Bucket, now: datetime, *, keep: bool = True
    ) -> "SettingsInForce":
        """Read them from the bucket, and write them there if the settings have changed.

        If S3 fails, no file counts as made with other settings; the next run looks again.

        Args:
            keep: Whether to write them; a program that only looks does not.
        """
        try:
            return cls._read(settings, bucket, now, keep=keep)
        except StorageError as error:
            logger.warning("The settings in force cannot be read", error=str(error))
            return cls(None, None)

    @classmethod
    def _read(
        cls, settings: Settings, bucket: Bucket, now: datetime, *, keep: bool
    ) -> "SettingsInForce":
        slugs = sorted(report.slug for report in settings.reports)
        filters = {slug: settings.filters_digest(slug) for slug in slugs}
        before = _before(bucket)
        zone_since, filters_since = before.get("time_zone_since"), before.get("filters_since")
        privacy_before, privacy = privacy_digests(before), _privacy(settings, slugs)
        privacy_since, pseudonyms = before.get("privacy_since"), settings.privacy.pseudonyms
        if before.get("time_zone") != settings.zone.key:
            zone_since = iso(now)
        if "filters" in before and before["filters"] != filters:
            filters_since = iso(now)
        if privacy is None:  # a program without the key believes the latest run
            privacy = privacy_before
        elif any(privacy_before.get(slug, NONE) != digest for slug, digest in privacy.items()):
            privacy_since = iso(now)
        state = {
            "time_zone": settings.zone.key,
            "time_zone_since": zone_since,
            "filters": filters,
            "filters_since": filters_since,
            "privacy": privacy,
            "privacy_since": privacy_since,
            KEY_ID: pseudonyms.key_id if pseudonyms else before.get(KEY_ID),
        }
        if keep and state != before:
            bucket.write_json(SETTINGS_KEY, json.dumps(state))
        return cls(
            _moment(zone_since),
            _moment(filters_since),
            _moment(privacy_since),
            privacy,
        )

    def inspect(
        self, item: StoredObject, window: Window, settings: Settings, bucket: Bucket
    ) -> MadeWith:
        """Return how an object was made, which takes a request only where it can be different.

        Raises:
            StorageError: If S3 refuses or fails.
        """
        days = window.granularity is Granularity.DAY
        check_bounds = days and _is_before(item.last_modified, self.zone_since)
        check_filters = _is_before(item.last_modified, self.filters_since)
        check_privacy = _is_before(item.last_modified, self.privacy_since, _OVERLAP)
        needed = check_bounds or check_filters or check_privacy
        try:
            head = bucket.head(item.key) if needed else None
        except StorageError as error:
            logger.warning("A file cannot be inspected", key=item.key, error=str(error))
            head = None
        if head is None:
            return MadeWith()
        bounds = head.metadata.get("window-start"), head.metadata.get("window-end")
        digest, slug = head.metadata.get("filters"), item.parsed.series.slug
        # A file that does not say was made by a version that published every column.
        privacy = head.metadata.get("privacy", NONE)
        return MadeWith(
            other_bounds=check_bounds
            and None not in bounds
            and bounds != (iso(window.start), iso(window.end)),
            other_filters=check_filters
            and digest is not None
            and digest != settings.filters_digest(slug),
            other_privacy=check_privacy and privacy != self.privacy.get(slug, NONE),
        )


def _privacy(settings: Settings, slugs: list[str]) -> dict[str, str] | None:
    """Return the digests of today; None if one of them depends on a key that was not read."""
    digests = {slug: settings.privacy.digest(slug) for slug in slugs}
    known = {slug: digest for slug, digest in digests.items() if digest}
    return known if len(known) == len(digests) else None


def _before(bucket: Bucket) -> dict[str, Any]:
    found = bucket.read_small(SETTINGS_KEY)
    return parsed_state(found.text if found else "")


def _moment(text: str | None) -> datetime | None:
    try:
        return parse_timestamp(text) if text else None
    except WindowError:
        return None


def _is_before(moment: datetime, since: datetime | None, overlap: timedelta = timedelta()) -> bool:
    return since is not None and moment < since + overlap + CLOCK_SKEW


def begin_run(bucket: Bucket, run_id: str, now: datetime) -> Share:
    """Announce a run, and return its share of the work among the runs that are active.

    Runs that start at the same time see each other, and begin with different windows, so that
    they do not ask Kaltura for the same ones. If S3 fails, the run takes all of the work.
    """
    try:
        set_active(bucket, f"{_ACTIVE_PREFIX}{run_id}")
        objects = bucket.small_objects(_ACTIVE_PREFIX)
    except StorageError as error:
        logger.warning("Other runs cannot be seen", error=str(error))
        return Share()
    active = sorted(
        item.key.removeprefix(_ACTIVE_PREFIX) for item in objects if is_active(item, now)
    )
    if run_id not in active:
        return Share()
    return Share(active.index(run_id), len(active))


def end_run(bucket: Bucket, run_id: str) -> None:
    """Say that a run has ended."""
    set_inactive(bucket, f"{_ACTIVE_PREFIX}{run_id}")


def set_active(bucket: Bucket, key: str) -> None:
    """Say under a key that something is under way.

    Raises:
        StorageError: If S3 refuses or fails.
    """
    bucket.write(key, b"active", "text/plain")


def set_inactive(bucket: Bucket, key: str) -> None:
    """Say that it has ended. The exporter cannot delete, so that the object becomes empty.

    If S3 fails, it is taken for active as long as an invocation can be.
    """
    try:
        bucket.write(key, b"", "text/plain")
    except StorageError as error:
        logger.warning("Taken for active for some minutes", key=key, error=str(error))


def is_active(item: SmallObject, now: datetime) -> bool:
    """Return whether what an object stands for may still be under way."""
    return bool(item.size) and abs(now - item.last_modified) < LONGEST_RUN
