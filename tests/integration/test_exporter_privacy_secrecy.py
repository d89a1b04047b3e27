"""With every identifying column pseudonymised, no person is named anywhere, whatever goes wrong."""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from local.kaltura.campus import Size
from local.kaltura.faults import KINDS, Fault
from tests.chaos.scenario import scenario
from tests.chaos.verify import verify
from tests.chaos.world import ChaosWorld
from tests.support.extent import extent
from tests.support.privacy import (
    ALL_PSEUDONYMS,
    AS_LITTLE_AS_POSSIBLE,
    found,
    people,
    with_key,
)
from tests.support.world import World

HARMLESS = {"stall", "stall_in_body", "drip", "rate_limit"}
SIZE = Size(rooms=6, attendees=8, special_names=0.3)
ONE_DAY = {"from": "2026-09-08", "to": "2026-09-09", "force": True}
SEEDS = range(extent(8, 24))


def names_of(world: World) -> set[str]:
    return people(*(server.truth for server in world.regions.values()))


def run(world: World, event: Mapping[str, object]) -> str:
    """Return the response to an event, or the error that it ends with, as the caller sees it."""
    try:
        return json.dumps(world.run(event), ensure_ascii=False)
    except Exception as error:  # noqa: BLE001 - the message is searched
        return f"{type(error).__name__}: {error} {error.__cause__!r}"


def live_through_every_fault(world: World) -> list[str]:
    """Return what a caller sees of a run in each kind of trouble."""
    shown = [run(world, world.scheduled_event())]
    for kind in sorted(set(KINDS) - HARMLESS):
        world.regions["us"].faults.push(Fault(kind, times=None, amount=3))
        shown.append(run(world, ONE_DAY))
        world.regions["us"].faults.clear()
    return [*shown, run(world, ONE_DAY)]


@pytest.mark.parametrize("setting", [ALL_PSEUDONYMS, AS_LITTLE_AS_POSSIBLE])
def test_no_person_is_named_in_any_trouble(
    setting: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with World(size=SIZE, variables={"PRIVACY_COLUMNS": setting}) as world:
        world.secret = with_key(world.secret)
        shown = live_through_every_fault(world)
        written = [caplog.text, *capfd.readouterr(), *shown]
        assert "UNRECOGNISED_RESPONSE" in "".join(shown)
        assert "MALFORMED_REPORT" in "".join(shown)
        assert world.s3.store.keys("quarantine/")
        texts = [*world.stored(), *(text.encode() for text in written)]
        assert found(names_of(world), texts) == set()


def test_the_search_finds_every_person_without_the_setting() -> None:
    with World(size=SIZE) as world:
        live_through_every_fault(world)
        present = {
            value
            for server in world.regions.values()
            for key in world.export_keys()
            if key.startswith("attendees/")
            for row in world.expected_rows(key)[1:]
            for value in names_of(world)
            if value in row
        }
        assert len(present) > 30
        assert found(present, world.stored()) == present
        body = next(item for item in world.stored() if item.startswith(b'{\n "task"'))
        assert body, "quarantined as it was"


def lived_through(seed: int, setting: str) -> ChaosWorld:
    chosen = scenario(seed)
    variables = {**chosen.environment, "PRIVACY_COLUMNS": setting}
    return ChaosWorld(replace(chosen, environment=variables))


@pytest.mark.parametrize("first", SEEDS[::4])
def test_no_person_is_named_after_chaos_and_every_row_is_there(
    first: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for seed in range(first, first + 4):
        caplog.clear()
        with lived_through(seed, ALL_PSEUDONYMS) as world:
            world.secret = with_key(world.secret)
            world.live_through(lambda _: None)
            result = world.catch_up()
            assert not result["failed"], seed
            verify(world)
            responses: list[Any] = [run.result for run in world.runs]
            written = [caplog.text, *capfd.readouterr(), json.dumps(responses, ensure_ascii=False)]
            texts = [*world.stored(), *(text.encode() for text in written)]
            assert found(names_of(world), texts) == set(), seed
