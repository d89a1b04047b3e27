"""What other runs have left in the bucket, as a run sees it when it begins."""

from dataclasses import dataclass
from datetime import datetime

from room_reports.export.piece_store import windows_with_pieces
from room_reports.export.planner import Share
from room_reports.export.state import SettingsInForce, begin_run
from room_reports.runtime import Runtime, wait_all
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket


@dataclass(frozen=True)
class OtherRuns:
    """What other runs have left in the bucket."""

    share: Share
    in_force: SettingsInForce
    windows_with_pieces: frozenset[str]


def announce(
    run_id: str, bucket: Bucket, settings: Settings, runtime: Runtime, now: datetime
) -> OtherRuns:
    """Announce a run and read what others have left; three chains of requests at a time."""
    share = runtime.submit(lambda: begin_run(bucket, run_id, now))
    in_force = runtime.submit(lambda: SettingsInForce.read(settings, bucket, now))
    pieces = runtime.submit(lambda: windows_with_pieces(bucket))
    wait_all(runtime, share, in_force, pieces)
    return OtherRuns(share.result(), in_force.result(), pieces.result())
