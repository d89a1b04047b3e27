import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.model.reports import REPORTS, Kind, Report, report_with_id
from room_reports.storage.keys import SLUG

HEADERS = {
    "room_data": "entry_id, entry_name, parent_entry_id, cue_point_id, session_start_time, "
    "session_end_time, session_host_user_id, meeting_view_period_unique_users, "
    "meeting_engaged_play_time_ratio",
    "attendees": "entry_id, cue_point_id, user_id, user_name, user_email, user_type, "
    "meeting_view_time, meeting_engaged_play_time_ratio",
    "breakout_sessions": "parent_entry_id, parent_entry_name, breakout_entry_id, "
    "breakout_entry_name, cue_point_id, session_initiator, session_start_time, session_end_time, "
    "duration, participant_count, engagement_rate",
}
every_report = pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.slug)


def test_columns_match_the_contract() -> None:
    found = {report.slug: ", ".join(column.name for column in report.columns) for report in REPORTS}

    assert found == HEADERS
    assert [report.id for report in REPORTS] == [6000, 6001, 6002]


@every_report
def test_reports_refer_only_to_their_own_columns_and_filters(report: Report) -> None:
    names = [column.name for column in report.columns]

    assert len(set(names)) == len(names)
    assert report.primary_key
    assert set(report.primary_key) <= set(names)
    assert report.room_column in names
    assert report.filters is not None
    assert {report.room_filter, report.session_filter} - {None} <= set(report.filters)
    assert re.fullmatch(SLUG, report.slug)


@every_report
def test_first_and_last_columns_cannot_hold_line_breaks(report: Report) -> None:
    # Broken rows can be rejoined because ids and numbers hold no line breaks.
    assert report.columns[0].name.endswith("_id")
    assert report.columns[-1].kind is not Kind.TEXT


@every_report
def test_only_known_filters_are_accepted(report: Report) -> None:
    assert all(report.accepts(name) for name in report.filters or ())
    assert not report.accepts("entryIds")


def test_breakout_sessions_send_both_spellings_of_the_dates() -> None:
    assert report_with_id(6002).date_parameters == (
        ("from_date", "to_date"),
        ("fromDate", "toDate"),
    )


@given(st.integers(1, 10**12))
def test_every_report_id_has_a_unique_slug(report_id: int) -> None:
    report = report_with_id(report_id)

    assert report.id == report_id
    assert re.fullmatch(SLUG, report.slug)
    if report not in REPORTS:
        assert report.slug == f"report_{report_id}"
        assert report.columns == ()
        assert report.accepts("anything")
