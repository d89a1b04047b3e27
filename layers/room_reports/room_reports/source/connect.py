"""Ties each region's parts together."""

from collections.abc import Callable, Mapping

from room_reports.settings import Region
from room_reports.source.client import KalturaRegion, RetryPolicy
from room_reports.source.credentials import Credentials
from room_reports.source.session import SessionKeeper
from room_reports.source.transport import HttpPolicy, Transport


def connect(
    regions: tuple[Region, ...],
    credentials: Mapping[str, Credentials],
    http: HttpPolicy,
    retry: RetryPolicy,
    clock: Callable[[], float],
) -> dict[str, KalturaRegion]:
    """Each region by its name, ready to be asked; makes no connection yet.

    Args:
        credentials: by the region's name.
        clock: Unix time in seconds.
    """
    connected: dict[str, KalturaRegion] = {}
    for region in regions:
        transport = Transport(region.base_url, http)
        sessions = SessionKeeper(credentials[region.name], transport, clock)
        connected[region.name] = KalturaRegion(region, transport, sessions, retry)
    return connected
