"""The faults of tests/chaos on the deployed stack: real functions, roles, S3 and kills."""

from dataclasses import asdict
from datetime import date, timedelta
from itertools import product
from random import Random
from threading import Thread
from time import monotonic, sleep

import pytest

from local.stack.stack import Stack
from tests.chaos.scenario import KALTURA_FAULTS
from tests.e2e.deployed import check, kill_exporter, settings, simulation
from tests.support.extent import extent
from tests.support.secrecy import leaks
from tests.support.world import SLUGS
from tests.support.world import export_key as key

SLOW = ("stall", "drip")


def kill_soon(stack: Stack, seconds: float) -> None:
    sleep(seconds)
    kill_exporter(stack)


def kill_at_work(stack: Stack) -> None:
    """Kill the exporter while it waits for a response that Kaltura delays."""
    deadline = monotonic() + 60
    while simulation(stack, "us", "faults") and monotonic() < deadline:
        sleep(0.1)
    kill_exporter(stack)


@pytest.mark.parametrize("seed", range(extent(1, 2)))
def test_the_deployed_exporter_recovers_from_faults(stack: Stack, seed: int) -> None:
    rng = Random(f"stack {seed}")
    first = date(2026, 4, 1) + timedelta(days=10 * seed)
    days = [str(first + timedelta(days=number)) for number in range(5)]
    event = {"from": days[0], "to": str(first + timedelta(days=5))}
    faults = [asdict(fault) for fault in KALTURA_FAULTS if fault.kind not in SLOW]
    with settings(stack, CONCURRENCY=str(rng.choice((1, 4)))):
        for rate in (0.9, 0.3):
            for region in stack.kaltura.urls:
                wanted = {"seed": seed, "rate": rate, "faults": faults}
                simulation(stack, region, "random", "POST", wanted)
            killer = Thread(target=kill_soon, args=(stack, rng.uniform(0.5, 3)))
            killer.start()
            stack.invoke(event)
            killer.join()
        for region in stack.kaltura.urls:
            simulation(stack, region, "faults", "DELETE")
        healed = stack.invoke(event)
        assert healed.error is None, healed.error
        assert healed.payload["deferred"] == 0
        again = stack.invoke(event)
    assert again.payload["exported"] == []
    expected = [key(slug, region, day) for slug, region, day in product(SLUGS, ("us", "eu"), days)]
    for a_key in expected:
        check(stack, a_key)
    held = [a_key for slug in SLUGS for a_key in stack.versions(f"{slug}/granularity=day/")]
    assert set(expected) <= set(held)
    assert len(held) == len(set(held))
    uploads = stack.aws.s3.list_multipart_uploads(Bucket=stack.bucket)
    assert not uploads.get("Uploads")
    assert leaks(stack.log_text()) == []


def test_a_killed_exporter_leaves_no_partial_file(stack: Stack) -> None:
    stall = {"kind": "stall", "times": 1, "seconds": 30, "report": 6001}
    event = {"from": "2026-03-20", "to": "2026-03-21"}
    stalled = key("attendees", "us", "2026-03-20")
    simulation(stack, "us", "faults", "POST", [stall])
    killer = Thread(target=kill_at_work, args=(stack,))
    killer.start()
    result = stack.invoke(event)
    killer.join()
    simulation(stack, "us", "faults", "DELETE")
    assert result.error is not None
    assert not stack.versions(stalled)
    healed = stack.invoke(event)
    assert healed.error is None
    assert stalled in healed.payload["exported"]
    for slug, region in product(SLUGS, ("us", "eu")):
        check(stack, key(slug, region, "2026-03-20"))
