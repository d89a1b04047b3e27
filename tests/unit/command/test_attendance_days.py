"""The days of which classes may be missing."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from room_reports_command.athena import QueryResult
from room_reports_command.attendance.days import (
    OpenDay,
    day_before,
    days_between,
    open_days,
    stretches,
)

FIRST = date(2026, 2, 25)
DAYS = [(FIRST + timedelta(number)).isoformat() for number in range(10)]
TODAY = DAYS[7]
REPORTS = ("room_data", "attendees")
places = st.tuples(st.sampled_from(("us", "eu")), st.sampled_from(("", *DAYS)))
index = st.dictionaries(
    st.tuples(places, st.sampled_from(REPORTS)),
    st.sampled_from(("settled", "settling", "open", "expired")),
)


def found(files: dict[tuple[tuple[str, str], str], str]) -> list[OpenDay]:
    rows = [(*place, report, state) for (place, report), state in files.items()]
    result = QueryResult(("region", "day", "report", "state"), rows, {})
    return open_days(result, DAYS[0], (FIRST + timedelta(10)).isoformat(), TODAY)


@given(index)
def test_a_day_is_open_unless_both_files_are_settled(
    files: dict[tuple[tuple[str, str], str], str],
) -> None:
    regions = {region for (region, _), _ in files}
    expected = {
        (day, region)
        for region in regions
        for day in DAYS
        if day >= min(known for (other, known), _ in files if other == region)
        if not all(files.get(((region, day), report)) == "settled" for report in REPORTS)
    }
    opened = found(files)
    assert {(each.dt, each.region) for each in opened} == (
        expected if regions else {(day, "") for day in DAYS}
    )
    assert len({(each.dt, each.region) for each in opened}) == len(opened)
    for each in opened:
        if each.dt >= TODAY:
            assert each.why == "The day is not over."
            continue
        states = {files.get(((each.region, each.dt), report)) for report in REPORTS}
        assert each.why.startswith("Expired") == ("expired" in states)
        for report in REPORTS if "expired" not in states else ():
            state = files.get(((each.region, each.dt), report))
            missing = any(files.get(((each.region, each.dt), other)) is None for other in REPORTS)
            assert (report in each.why) == (state is None if missing else state != "settled")


@given(index)
def test_stretches_are_all_open_days_in_few_pieces(
    files: dict[tuple[tuple[str, str], str], str],
) -> None:
    opened = found(files)
    pieces = stretches(opened)
    unfolded = [
        OpenDay(day, first.region, first.why)
        for first, last in pieces
        for day in [*days_between(first.dt, last), last]
    ]
    assert sorted(unfolded, key=repr) == sorted(opened, key=repr)
    starts = {(first.dt, first.region, first.why) for first, _ in pieces}
    for first, last in pieces:
        assert (day_before(first.dt), first.region, first.why) not in {
            (end, each.region, each.why) for each, end in pieces
        }
        assert last >= first.dt
    assert len(starts) == len(pieces)
