"""A report with a round number of rows is published only if it is proven complete."""

from collections.abc import Collection, Mapping

import pytest

from local.kaltura.report_action import ReportSettings
from local.kaltura.truth import Row
from tests.support.world import World, export_key

DAY = "2026-09-08"
START = 1_788_825_600
EVENT = {"from": DAY, "to": "2026-09-09", "reports": ["attendees"]}
ATTENDEES = export_key("attendees", "us", DAY)


class OneSession:
    """The rows of a day with one session, whose attendees join one after another."""

    def __init__(self, attendees: int) -> None:
        self._joined = [START + 40_000 + 5 * number for number in range(attendees)]

    def rows(
        self,
        report: int,
        start: int,
        end: int,
        *,
        filters: Mapping[str, Collection[str]] | None = None,
        as_of: float | None = None,  # noqa: ARG002 - all rows are known
    ) -> list[Row]:
        room, session = "1_room", "1_cue"
        for name, wanted in (("entry_ids", room), ("cue_point_ids", session)):
            if filters and name in filters and wanted not in filters[name]:
                return []
        users = [n for n, joined in enumerate(self._joined) if start <= joined < end]
        if report == 6000:
            row: Row = (room, "Aula", "", session, str(START), "0", "host", "1", "1")
            return [row] if users else []
        return [(room, session, f"u{user}", "A", "a@x.org", "attendee", "1", "1") for user in users]


@pytest.mark.parametrize("attendees", [999, 1000, 2000])
def test_a_complete_report_with_a_round_row_count_is_published(attendees: int) -> None:
    with World() as world:
        world.regions["us"].api.truth = OneSession(attendees)
        world.run(EVENT)
        metadata = world.item(ATTENDEES).metadata
        assert metadata["rows"] == str(attendees)
        assert "pieces" not in metadata
        calls = world.regions["us"].calls.reports()
        assert len(calls) == (1 if attendees % 1000 else 3)


def test_a_session_capped_at_a_round_row_count_is_not_published() -> None:
    with World(settings=ReportSettings(row_caps={6001: 1000})) as world:
        world.regions["us"].api.truth = OneSession(2500)
        (failure,) = world.run_and_fail(EVENT)["failed"]
        assert failure["error"].startswith("ROW_CAP: exactly 1000 rows came")
        assert "cue_point_ids=1_cue" in failure["error"]
        assert world.export_keys() == []


def test_a_configured_cap_needs_no_further_requests() -> None:
    with World(variables={"ROW_CAPS": "1000"}) as world:
        world.regions["us"].api.truth = OneSession(1000)
        (failure,) = world.run_and_fail(EVENT)["failed"]
        assert failure["error"].startswith("ROW_CAP: exactly 1000 rows came")
