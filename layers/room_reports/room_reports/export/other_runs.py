"""What other runs have left in the bucket, as a run sees it when it begins."""

from dataclasses import dataclass
from datetime import datetime

from room_reports.export.piece_store import windows_with_pieces
from room_reports.export.planner import Share
from room_reports.export.state import SettingsInForce, begin_run
from room_reports.runtime import Runtime, wait_all
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import StorageError
from room_reports.storage.keys import QUARANTINE_PREFIX
from room_reports.telemetry import logger


@dataclass(frozen=True)
class OtherRuns:
    """What other runs have left in the bucket."""

    share: Share
    in_force: SettingsInForce
    windows_with_pieces: frozenset[str]
    quarantined: int | None
    """Responses in quarantine, at most 1,000; None if they were not counted."""


def announce(
    run_id: str,
    bucket: Bucket,
    settings: Settings,
    runtime: Runtime,
    now: datetime,
    *,
    count_quarantined: bool,
) -> OtherRuns:
    """Announce a run and read what others have left; several chains of requests at a time."""
    share = runtime.submit(lambda: begin_run(bucket, run_id, now))
    in_force = runtime.submit(lambda: SettingsInForce.read(settings, bucket, now))
    pieces = runtime.submit(lambda: windows_with_pieces(bucket))
    quarantined = runtime.submit(lambda: _quarantined(bucket) if count_quarantined else None)
    wait_all(runtime, share, in_force, pieces, quarantined)
    return OtherRuns(share.result(), in_force.result(), pieces.result(), quarantined.result())


def _quarantined(bucket: Bucket) -> int | None:
    try:
        return bucket.count(QUARANTINE_PREFIX)
    except StorageError as error:
        logger.warning("What is in quarantine cannot be counted", error=str(error))
        return None
