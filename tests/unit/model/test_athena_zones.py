"""The names that Athena lacks, against Trino's list and the exporter's own tzdata."""

import re
from datetime import UTC, datetime, timedelta
from importlib import resources
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from room_reports.model.athena_zones import UNKNOWN_TO_ATHENA
from room_reports.settings import SettingsReader, read_settings

UTC_NAMES = {
    *("UTC", "UCT", "GMT", "GMT0", "GMT+0", "GMT-0", "Zulu", "Greenwich", "Universal"),
    *("Etc/UTC", "Etc/UCT", "Etc/GMT", "Etc/GMT0", "Etc/GMT+0", "Etc/GMT-0", "Etc/Universal"),
}
"""Trino's own names for UTC that tzdata has as well: TimeZoneKey.UTC_EQUIVALENTS."""
FIXED_OFFSET = re.compile(r"Etc/GMT[+-]\d{1,2}")
"""Trino turns these into an offset such as -05:00."""
LAST = datetime(2037, 1, 1, tzinfo=UTC)
"""The last year with transitions in every file of tzdata."""


def trino_zones() -> set[str]:
    names: set[str] = set()
    text = Path(__file__).with_name("trino_zones.txt").read_text(encoding="ascii")
    for line in text.splitlines():
        if not line.startswith("#"):
            area, *places = line.split(" ")
            names.update(area + place for place in places)
    return names


def tzdata_zones() -> set[str]:
    return set((resources.files("tzdata") / "zones").read_text(encoding="ascii").split())


def is_known_to_trino(name: str) -> bool:
    return name in trino_zones() | UTC_NAMES or bool(FIXED_OFFSET.fullmatch(name))


def problem(name: str) -> str | None:
    reader = SettingsReader({"TIME_ZONE": name})
    read_settings(reader)
    return reader.problems.get("TIME_ZONE")


def test_trinos_list_is_whole_and_part_of_tzdata() -> None:
    # Trino's numbers go from 1681 to 2230, and five of them are commented out.
    assert len(trino_zones()) == 2230 - 1680 - 5
    assert trino_zones() <= tzdata_zones()


def test_every_name_in_tzdata_is_known_to_trino_or_has_a_replacement() -> None:
    lacking = {name for name in tzdata_zones() if not is_known_to_trino(name)}
    assert set(UNKNOWN_TO_ATHENA) == lacking
    for replacement in UNKNOWN_TO_ATHENA.values():
        assert is_known_to_trino(replacement.name)


@pytest.mark.parametrize("name", UNKNOWN_TO_ATHENA)
def test_a_replacement_has_the_same_time(name: str) -> None:
    replacement = UNKNOWN_TO_ATHENA[name]
    mine, other = ZoneInfo(name), ZoneInfo(replacement.name)

    def differs(moment: datetime) -> bool:
        return moment.astimezone(mine).utcoffset() != moment.astimezone(other).utcoffset()

    if replacement.since is None:
        first = datetime(1990, 1, 1, tzinfo=UTC)
    else:
        first = datetime.fromisoformat(replacement.since).replace(tzinfo=other)
        day_before = first - timedelta(days=1)
        # The day is the earliest one, so that the message promises neither too much nor too little.
        assert any(differs(day_before + timedelta(hours=hour)) for hour in range(24))
    # A change of the clock lasts for weeks.
    moments = (first.astimezone(UTC) + timedelta(days=day) for day in range((LAST - first).days))
    assert not any(map(differs, moments))


def test_the_settings_refuse_a_name_that_athena_lacks_and_say_what_to_use() -> None:
    assert problem("Europe/Kyiv") == (
        "'Europe/Kyiv' is unknown to Athena; write Europe/Kiev, which is the same zone"
    )
    assert problem("America/Ciudad_Juarez") == (
        "'America/Ciudad_Juarez' is unknown to Athena; write America/Denver, which has the same "
        "time since 2022-11-30"
    )
    for name, replacement in UNKNOWN_TO_ATHENA.items():
        assert f"write {replacement.name}," in str(problem(name))


@pytest.mark.parametrize("name", sorted(tzdata_zones() - set(UNKNOWN_TO_ATHENA))[::7])
def test_the_settings_accept_every_other_name(name: str) -> None:
    assert problem(name) is None


def test_the_replacements_are_in_order() -> None:
    assert all(one < other for one, other in pairwise(UNKNOWN_TO_ATHENA))
