"""A file without one person: the rows of others keep their bytes."""

import csv
import io
import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.model.pseudonyms import Pseudonyms
from room_reports.model.reports import ATTENDEES, ROOM_DATA
from room_reports.model.suppression import Rows, ValueHash
from room_reports.storage.csv_file import write_csv
from room_reports.storage.errors import UnreadableCsvError
from room_reports_command.erasure.csv_rows import changed_row, raw_rows
from room_reports_command.erasure.rewrite import (
    has_roster_column,
    person_in,
    roster_without_person,
    rows_of,
    without_person,
)
from room_reports_command.erasure.subject import subject_of
from room_reports_command.errors import InputError

TOKEN = "erased_0123456789ab"
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
IDS = st.sampled_from(["jane", "JANE", " jane ", "jane2", "jan", "=jane", "Unknown", "0", 'j"a,n'])
NAMES = [column.name for column in ATTENDEES.columns]
ROWS = st.lists(
    st.tuples(TEXTS, TEXTS, IDS, TEXTS, st.sampled_from(["j@x.edu", "J@X.EDU", "k@x.edu", "0"]))
)


def file_of(rows: list[tuple[str, ...]]) -> str:
    out = io.BytesIO()
    write_csv(NAMES, ([*row, "host", "1.5", "0.5"] for row in rows), ATTENDEES, out)
    return out.getvalue().decode()


def is_janes(row: list[str]) -> bool:
    unknown = row[2] in ("", "0", "Unknown", "Error")
    return (row[2].strip().lower() == "jane" and not unknown) or row[4].lower() == "j@x.edu"


@given(ROWS, st.sampled_from(Rows))
def test_other_rows_stay_as_they_are(rows: list[tuple[str, ...]], mode: Rows) -> None:
    text = file_of(rows)
    subject = subject_of(("jane", "j@x.edu"), None)
    without, found = without_person(text, ATTENDEES.slug, subject, TOKEN, mode)
    old = list(csv.reader(text.split("\n")[:-1]))
    expected = [text.split("\n")[0]]
    count = 0
    for line, row in zip(text.split("\n")[1:-1], old[1:], strict=True):
        if not is_janes(row):
            expected.append(line)
            continue
        count += 1
        known = row[2] not in ("", "0", "Unknown", "Error")
        if mode is Rows.REMOVE and known:
            continue
        kept = [*row[:2], TOKEN if known else row[2], "", "", *row[5:]]
        out = io.StringIO()
        csv.writer(out, lineterminator="").writerow(kept)
        expected.append(out.getvalue())
    assert without == "\n".join([*expected, ""])
    assert found.rows == count
    assert person_in(text, ATTENDEES.slug, subject).rows == count
    assert len(list(rows_of(text, ATTENDEES.slug, subject))) == count
    again = without_person(without, ATTENDEES.slug, subject, TOKEN, mode)
    assert (again[0], again[1].rows) == (without, 0)


def test_a_row_of_a_session_stays_without_its_host() -> None:
    names = [column.name for column in ROOM_DATA.columns]
    values = ["jane" if name == "session_host_user_id" else "1" for name in names]
    text = f"{','.join(names)}\n{','.join(values)}\n"
    subject = subject_of(("Jane",), None)
    without, found = without_person(text, ROOM_DATA.slug, subject, TOKEN, Rows.REMOVE)
    assert without == text.replace("jane", TOKEN)
    assert found.rows == 1


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=4), min_size=1))
def test_rows_keep_their_bytes(rows: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    found = list(raw_rows(out.getvalue()))
    assert "".join(raw for raw, _ in found) == out.getvalue()
    assert [row for _, row in found] == rows


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_a_changed_row_is_read_back(row: list[str]) -> None:
    text = changed_row("x\r\n", row)
    assert text.endswith("\r\n")
    assert list(csv.reader(io.StringIO(text, newline=""))) == [row]


def test_a_roster_loses_the_person_only() -> None:
    text = '\ufeffcourse_id,user_id,role\r\nB,"jane",S\r\nB,other,"S ""x"""\r\nC, JANE,S\r\n'
    without, removed = roster_without_person(text, subject_of(("jane",), None))
    assert without == '\ufeffcourse_id,user_id,role\r\nB,other,"S ""x"""\r\n'
    assert [row[0] for row in removed] == ["B", "C"]
    assert roster_without_person("a,b\njane,x\n", subject_of(("jane",), None))[1] == []


def test_a_roster_without_the_column_is_noticed() -> None:
    assert has_roster_column("\ufeffcourse_id, user_id\nB,jane\n")
    assert not has_roster_column("course_id,student\nB,jane\n")
    assert not has_roster_column("")


def test_what_is_no_csv_is_refused() -> None:
    subject = subject_of(("jane",), None)
    for text in ('a,b\n"jane\n', "a,b\njane\n"):
        with pytest.raises(UnreadableCsvError):
            person_in(text, ATTENDEES.slug, subject)


@pytest.mark.parametrize("value", ["", " ", "0", "unknown", "Error", "a\nb"])
def test_a_value_that_means_others_is_refused(value: str) -> None:
    with pytest.raises(InputError):
        subject_of(("jane", value), None)


def test_pseudonyms_stand_for_the_person_and_are_not_hashed() -> None:
    pseudonyms, value_hash = Pseudonyms(bytes(32)), ValueHash(bytes(range(32)))
    subject = subject_of(("Jane", "j@x.edu"), pseudonyms)
    assert subject.is_meant_by(pseudonyms.of("Jane"))
    assert subject.is_meant_by(pseudonyms.of("jane"))
    assert not subject.is_meant_by(pseudonyms.of("john"))
    assert set(subject.hashes(value_hash)) == {value_hash.of("jane"), value_hash.of("J@X.edu")}
    assert "jane" not in repr(subject).lower()


def attendees_of(*rows: str) -> str:
    return file_of([tuple(row.split("|")) for row in rows])


def test_another_id_of_the_person_is_noticed_by_the_address() -> None:
    text = attendees_of("r|c|s77777|Jane|j@x.edu", "r|c|s77777||0", "r|c|Unknown|Jane|j@x.edu")
    found = person_in(text, ATTENDEES.slug, subject_of(("s1", "j@x.edu"), None))
    assert found.other_ids == {"s77777"}
    assert found.spellings == {"j@x.edu"}
    known = person_in(text, ATTENDEES.slug, subject_of(("s1", "j@x.edu", "S77777"), None))
    assert known.other_ids == set()
    assert known.spellings == {"j@x.edu", "s77777"}
    erased = attendees_of(f"r|c|{TOKEN}|Jane|j@x.edu")
    assert person_in(erased, ATTENDEES.slug, subject_of(("j@x.edu",), None)).other_ids == set()


@pytest.mark.parametrize(
    "spelling",
    [
        "jane.doe@x.edu",
        "Jane.Doe@X.edu",
        "Jane.Doe@x.edu",
        "jane.doe@X.Edu",
    ],
)
def test_a_pseudonym_of_another_spelling_is_found(spelling: str) -> None:
    pseudonyms = Pseudonyms(bytes(32))
    for typed in ("jane.doe@x.edu", "JANE.DOE@x.edu", "Jane.Doe@x.edu"):
        assert subject_of((typed,), pseudonyms).is_meant_by(pseudonyms.of(spelling))


def test_an_accent_is_found_in_both_forms() -> None:
    pseudonyms, value_hash = Pseudonyms(bytes(32)), ValueHash(bytes(range(32)))
    one, two = (unicodedata.normalize(form, "josé@x.edu") for form in ("NFC", "NFD"))
    for typed in (one, two):
        subject = subject_of((typed,), pseudonyms)
        for other in (one, two, one.upper()):
            assert subject.is_meant_by(other)
            assert subject.is_meant_by(pseudonyms.of(other))
            assert value_hash.of(other) in subject.hashes(value_hash)


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("typed", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["josé@x.edu", "JOSÉ@X.EDU", "\u212b@x.edu"])
def test_an_accent_is_found_in_files_in_both_forms(
    name: str, typed: Literal["NFC", "NFD"], stored: Literal["NFC", "NFD"]
) -> None:
    text = attendees_of(f"r|c|{unicodedata.normalize(stored, name)}|José|j@x.edu")
    subject = subject_of((unicodedata.normalize(typed, name),), None)
    without, found = without_person(text, ATTENDEES.slug, subject, TOKEN, Rows.KEEP)
    assert found.rows == 1
    assert TOKEN in without
    assert person_in(text, ATTENDEES.slug, subject).rows == 1
    assert len(list(rows_of(text, ATTENDEES.slug, subject))) == 1


def test_spellings_that_were_met_have_pseudonyms_too() -> None:
    pseudonyms = Pseudonyms(bytes(32))
    subject = subject_of(("jane@x.edu",), pseudonyms)
    odd = pseudonyms.of("jAnE@x.edu")
    assert not subject.is_meant_by(odd)
    assert subject.with_spellings({"jAnE@x.edu", "0"}, pseudonyms).is_meant_by(odd)
    assert not subject.with_spellings({"0"}, pseudonyms).is_meant_by("0")
