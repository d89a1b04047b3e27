"""Start simulated regions in one process: ``python -m local.kaltura --regions us,eu --seed 7``."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event

from local.kaltura.campus import Size
from local.kaltura.clock import Clock
from local.kaltura.report_action import HARD_CAP, ReportSettings
from local.kaltura.server import KalturaServer
from local.kaltura.university import University


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.kaltura", description=__doc__)
    parser.add_argument("--regions", default="us,eu", help="comma list (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rooms", type=int, default=Size.rooms)
    parser.add_argument("--attendees", type=int, default=Size.attendees, help="mean of a session")
    parser.add_argument(
        "--busy", action="append", default=[], metavar="DATE=N", help="a day with N attendees more"
    )
    parser.add_argument(
        "--lag-hours", type=float, default=0.0, help="the most that events are late"
    )
    parser.add_argument("--row-cap", type=int, default=HARD_CAP)
    parser.add_argument("--now", type=float, help="stop the shared clock at this Unix time")
    parser.add_argument("--ready-file", type=Path, help="also write the description here")
    return parser.parse_args(words)


def describe(servers: dict[str, KalturaServer]) -> dict[str, dict[str, object]]:
    """Return what a client must know of each region; it holds secrets."""
    return {
        region: {
            "url": server.url,
            "partner_id": server.account.partner_id,
            "admin_secret": server.account.admin_secrets[0],
            "app_token_id": server.account.app_tokens[0].id,
            "app_token": server.account.app_tokens[0].token,
        }
        for region, server in servers.items()
    }


def main(words: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT."""
    given = _arguments(words)
    size = Size(
        rooms=given.rooms,
        attendees=given.attendees,
        lag_hours=given.lag_hours,
        busy={day: int(count) for day, _, count in (item.partition("=") for item in given.busy)},
    )
    settings = ReportSettings(row_cap=given.row_cap)
    clock = Clock()
    clock.pin(given.now)
    done = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    servers = {
        region: KalturaServer(
            University(given.seed, region, size), clock=clock, settings=settings
        ).start()
        for region in given.regions.split(",")
    }
    description = json.dumps(describe(servers))
    if given.ready_file:
        partial = given.ready_file.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(description)
        partial.rename(given.ready_file)
    else:
        print(description, flush=True)
    done.wait()
    for server in servers.values():
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
