"""PrivacyColumns: which columns can be dropped or have pseudonyms, and what a digest tells."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.model.privacy import Action, Privacy, parse_privacy
from room_reports.model.reports import ATTENDEES, BREAKOUT_SESSIONS, REPORTS, ROOM_DATA, Report
from tests.support.privacy import PERSONAL

CUSTOM = Report(id=9000, slug="report_9000")
ALL = (*REPORTS, CUSTOM)

choices = st.dictionaries(
    st.sampled_from([(slug, name) for slug, names in PERSONAL.items() for name in names]),
    st.sampled_from(list(Action)),
).filter(lambda chosen: chosen.get(("attendees", "user_id")) is not Action.DROP)


def written(chosen: dict[tuple[str, str], Action]) -> str:
    return ",".join(f"{slug}.{name}={action}" for (slug, name), action in chosen.items())


def test_the_catalogue_names_the_columns_that_identify_people() -> None:
    assert {
        report.slug: tuple(column.name for column in report.columns if column.personal)
        for report in REPORTS
    } == PERSONAL


def test_the_example_of_the_documentation() -> None:
    privacy = parse_privacy(
        "attendees.user_email=drop,attendees.user_name=drop,attendees.user_id=pseudonym, "
        "room_data.session_host_user_id=pseudonym",
        REPORTS,
    )
    assert privacy.dropped(ATTENDEES) == ("user_email", "user_name")
    assert privacy.of(ROOM_DATA) == {"session_host_user_id": Action.PSEUDONYM}
    assert privacy.of(BREAKOUT_SESSIONS) == {}
    assert privacy.is_set
    assert privacy.needs_key


def test_nothing_is_the_default() -> None:
    privacy = parse_privacy("", REPORTS)
    assert not privacy.is_set
    assert not privacy.needs_key
    assert {privacy.digest(report.slug) for report in ALL} == {"none"}


@given(choices)
def test_what_is_written_is_read(chosen: dict[tuple[str, str], Action]) -> None:
    privacy = parse_privacy(written(chosen), REPORTS)
    assert {
        (slug, name): action
        for slug, columns in privacy.actions.items()
        for name, action in columns.items()
    } == chosen


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("attendees", "attendees: does not name a column of a report"),
        ("attendees.=drop", "attendees.: does not name a column"),
        ("attendee.user_id=pseudonym", "attendee.user_id: unknown report 'attendee'; known are"),
        ("attendees.user_mail=drop", "is not a column of this report; the columns that do are"),
        ("attendees.user_type=drop", "does not identify a person; the columns that do are"),
        ("attendees.entry_id=pseudonym", "does not identify a person"),
        ("attendees.user_id=drop", "cannot be dropped, because rows are told apart by it"),
        ("attendees.user_name=hash", "'hash' should be drop or pseudonym"),
        ("attendees.user_name", "'' should be drop or pseudonym"),
        (
            "attendees.user_name=drop,attendees.user_name=drop",
            "attendees.user_name: is there twice",
        ),
        ("report_9000.a b=drop", "letters, digits and underscores"),
        ("report_9001.user_id=drop", "unknown report 'report_9001'"),
    ],
)
def test_mistakes_are_explained(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(hint)):
        parse_privacy(text, ALL)


def test_all_mistakes_are_named_together() -> None:
    with pytest.raises(ValueError, match=r"first.*second"):
        parse_privacy("first.x=drop,attendees.user_id=pseudonym,second.x=drop", REPORTS)


def test_any_column_of_a_report_outside_the_catalogue_can_be_named() -> None:
    privacy = parse_privacy("report_9000.userId=pseudonym,report_9000.mail=drop", ALL)
    assert privacy.dropped(CUSTOM) == ("mail",)


@given(st.text("abr_dteus.=,po nym", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(parse_privacy(text, ALL), Privacy)


@given(choices, choices, st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_digest_tells_settings_and_keys_apart(
    one: dict[tuple[str, str], Action],
    other: dict[tuple[str, str], Action],
    key: bytes,
    other_key: bytes,
) -> None:
    before = parse_privacy(written(one), REPORTS).with_key(key)
    after = parse_privacy(written(other), REPORTS).with_key(other_key)
    for report in REPORTS:
        has_pseudonym = Action.PSEUDONYM in after.of(report).values()
        same = before.of(report) == after.of(report) and (key == other_key or not has_pseudonym)
        assert (before.digest(report.slug) == after.digest(report.slug)) is same


@given(choices)
def test_without_the_key_a_digest_is_known_only_if_it_does_not_depend_on_one(
    chosen: dict[tuple[str, str], Action],
) -> None:
    privacy = parse_privacy(written(chosen), REPORTS)
    for report in REPORTS:
        has_pseudonym = Action.PSEUDONYM in privacy.of(report).values()
        assert (privacy.digest(report.slug) is None) is has_pseudonym
