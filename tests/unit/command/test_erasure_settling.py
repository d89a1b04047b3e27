"""Files that look newer than their rows: what the planner would do with them decides."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from room_reports.export.scope import CalendarRange, Scope
from room_reports.model.reports import ATTENDEES
from room_reports.model.windows import Granularity, iso
from room_reports.storage.keys import ParsedKey, Series
from room_reports.storage.objects import StoredObject
from room_reports_command.erasure.settling import Settling
from tests.support.plans import plan
from tests.support.settings import read_settings

SETTINGS = read_settings({"BUCKET_NAME": "b", "SECRET_ID": "s"})
SERIES = Series("attendees", "us", Granularity.DAY)


def is_due(key: str, written: datetime, now: datetime) -> bool:
    calendar = SETTINGS.calendar(Granularity.DAY)
    window = calendar.window("2026-11-22")
    held = StoredObject(key, ParsedKey(SERIES, window.label, gzip=False), written, "x", 1)
    scope = Scope(
        trigger="event",
        now=now,
        reports={"us": (ATTENDEES,)},
        time_ranges={Granularity.DAY: CalendarRange(window.start, window.end, calendar)},
        open_windows=False,
    )
    return bool(plan(scope, SETTINGS.settle, {SERIES: {window.label: held}}, gzip=False).tasks)


@given(st.integers(-90, 200), st.integers(0, 200))
def test_a_file_is_hidden_if_the_rewriting_takes_it_off_the_plan(first: int, later: int) -> None:
    window = SETTINGS.calendar(Granularity.DAY).window("2026-11-22")
    key = SERIES.key(window, gzip=False)
    exported = window.end + timedelta(hours=first)
    written = exported + timedelta(hours=later)
    settling = Settling(SETTINGS, lambda _: True)
    hidden = settling.is_hidden(key, {"exported-at": iso(exported)}, written)
    assert hidden == (is_due(key, exported, written) and not is_due(key, written, written))
    assert not settling.is_hidden(key, {}, written)
    assert not settling.is_hidden("pieces/x", {"exported-at": iso(exported)}, written)


def test_windows_that_follow_each_other_are_one_event() -> None:
    calendar = SETTINGS.calendar(Granularity.DAY)
    labels = ["2026-10-31", "2026-11-01", "2026-11-02", "2026-11-04"]
    keys = [SERIES.key(calendar.window(label), gzip=False) for label in labels]
    events = Settling(SETTINGS, lambda _: True).events(reversed(keys))
    assert [(event["from"], event["to"]) for event in events] == [
        (iso(calendar.window("2026-10-31").start), iso(calendar.window("2026-11-02").end)),
        (iso(calendar.window("2026-11-04").start), iso(calendar.window("2026-11-04").end)),
    ]
    assert all(event["force"] and event["reports"] == ["attendees"] for event in events)
