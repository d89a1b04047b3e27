import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.kaltura.request import ReportRequest
from room_reports.model.reports import ATTENDEES, BREAKOUT_SESSIONS, REPORTS, ROOM_DATA, Report

values = st.text(
    st.characters(codec="utf-8", exclude_characters=";,", exclude_categories=["Cc"]), min_size=1
)


def as_kaltura_reads(params: str) -> dict[str, str]:
    """Split at ';' and at the first '='; the last of several values of a name counts."""
    pairs = (pair.partition("=") for pair in params.split(";"))
    return {name: value for name, _, value in pairs}


@given(
    st.sampled_from(REPORTS),
    st.integers(0, 2**33),
    st.integers(0, 2**33),
    st.dictionaries(st.sampled_from(["entry_ids", "user_ids"]), st.tuples(values, values)),
)
def test_parameters_survive_kalturas_parser(
    report: Report, start: int, end: int, filters: dict[str, tuple[str, ...]]
) -> None:
    read = as_kaltura_reads(ReportRequest(report, start, end, filters).params())

    assert (read["from_date"], read["to_date"]) == (str(start), str(end))
    assert {name: tuple(read[name].split(",")) for name in filters} == filters


@given(st.lists(st.sampled_from(["user_name", "user_email", "user_id"]), unique=True))
def test_excluded_columns_are_named_and_no_others(excluded: list[str]) -> None:
    form = ReportRequest(ATTENDEES, 1, 2, excluded=tuple(excluded)).form()

    assert form.get("excludedFields", "").split(",") == (excluded or [""])
    assert ("excludedFields" in form) is bool(excluded)
    assert (form["id"], form["params"]) == ("6001", "from_date=1;to_date=2")


def test_parameters_match_the_documented_example() -> None:
    request = ReportRequest(ROOM_DATA, 1722470400, 1722556800, {"entry_ids": ("1_a", "1_b")})

    assert request.params() == "from_date=1722470400;to_date=1722556800;entry_ids=1_a,1_b"


def test_breakout_sessions_have_both_spellings_of_the_dates() -> None:
    read = as_kaltura_reads(ReportRequest(BREAKOUT_SESSIONS, 1, 2).params())

    assert read == {"from_date": "1", "to_date": "2", "fromDate": "1", "toDate": "2"}


@pytest.mark.parametrize("bad", [(), ("",), ("a", ""), ("a;b",), ("a,b",)])
def test_filters_that_kaltura_would_misread_are_rejected(bad: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="user_ids: a filter needs values"):
        ReportRequest(ATTENDEES, 1, 2, {"user_ids": bad}).params()
