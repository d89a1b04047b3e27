"""The tables of reference data: what is written, what is found wrong, and the effect of rules."""

import csv
import io
from dataclasses import astuple
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.model.acknowledgements import parse_acknowledgements
from room_reports.model.findings import CODES, FEW_SESSIONS, USER_ID_FORM
from room_reports_command.errors import InputError
from room_reports_command.reference.changes import rows_in
from room_reports_command.reference.checking import check_ids, check_table, check_together, is_wrong
from room_reports_command.reference.effect import effect
from room_reports_command.reference.id_rules import IdRules
from room_reports_command.reference.inputs import read_inputs
from room_reports_command.reference.policy import POLICY_KEY
from room_reports_command.reference.store import Stored
from room_reports_command.reference.tables import (
    ACKNOWLEDGED,
    ROSTERS,
    TABLES,
    Row,
    Table,
    overlaps,
    to_csv,
)
from room_reports_command.reference.unmatched import Unmatched, unmatched_csv

values = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ue000"), max_size=9
).map(str.strip)
dates = st.one_of(st.just(""), st.dates().map(str))


def rows_of(table: Table) -> st.SearchStrategy[list[Row]]:
    parts = [
        dates if name in ("from", "to") else values.filter(bool) if name in table.needed else values
        for name in table.columns
    ]
    return st.lists(
        st.tuples(*parts).filter(lambda row: not (row[3] and row[4]) or row[3] < row[4])
    )


def stored(body: bytes | str, key: str = "reference/rosters/a.csv") -> Stored:
    return Stored(key, body.encode() if isinstance(body, str) else body, "etag")


@pytest.mark.parametrize("table", TABLES)
@given(data=st.data())
def test_what_is_written_is_read_back_and_right(table: Table, data: st.DataObject) -> None:
    rows = data.draw(rows_of(table))
    body = to_csv(table, [*rows, *rows])
    found = check_table(table, [stored(body)])
    assert found.problems == ()
    assert list(found.rows) == rows_in(body) == sorted(set(rows))
    header = next(csv.reader(io.StringIO(body.decode(), newline="")))
    assert header == list(table.columns)


ACKNOWLEDGEMENTS = st.tuples(
    st.sampled_from([FEW_SESSIONS, USER_ID_FORM, "FEW", ""]),
    st.sampled_from(["", "us", "us "]),
    st.sampled_from(["2026-09-01", "2026-09-02", "2026-02-30", "", "1/2/2026"]),
    st.sampled_from(["2026-09-02", "2026-09-03", "2026-02-30", ""]),
    st.one_of(st.sampled_from(["a holiday", "a | b", "", "two\nlines", " x", "\ue000"]), values),
)


@given(st.lists(ACKNOWLEDGEMENTS, max_size=6))
def test_what_the_check_finds_right_is_what_the_exporter_reads(rows: list[Row]) -> None:
    body = to_csv(ACKNOWLEDGED, rows)
    right = check_table(ACKNOWLEDGED, [stored(body)]).rows
    found, wrong = parse_acknowledgements([body.decode()])
    read = {astuple(each) for each in found.several}
    assert set(right) <= read
    # The exporter does not mind spaces, codes of later versions, and what only Athena cannot read.
    as_read = {row for row in read & set(rows) if row[0] in CODES and "\ue000" not in row[4]}
    assert as_read <= set(right)
    assert wrong + len(found.several) == len(set(rows))


HEADER = "course_id,user_id,role,from,to\n"
WRONG = [
    ("entry_id,course_id\n", 1, "The header is entry_id,course_id."),
    ("user_id,course_id,role,from,to\n", 1, "The header is user_id,course_id,role,from,to."),
    ("", 1, "The header is empty."),
    (HEADER + "a,b,c,,\na,b,c\n", 3, "There are 3 values and not 5."),
    (HEADER + "\na,b,c,,\n", 2, "There are 0 values and not 5."),
    (HEADER + 'a,b,"c\nd",,\n', 2, "A value has a line break."),
    (HEADER + 'a,b,"c"d,,\n', 2, "It is not CSV: ',' expected after '\"'."),
    (HEADER + "a,,c,,\n", 2, "There is no value."),
    (HEADER + "a ,b,c,,\n", 2, "'a ' has spaces around it."),
    (HEADER + "a,b,c,2026-02-30,\n", 2, "'2026-02-30' is no date."),
    (HEADER + "a,b,c,,1/2/2026\n", 2, "'1/2/2026' is no date."),
    (HEADER + "a,b,c,2026-W01-1,\n", 2, "'2026-W01-1' is no date."),
    (
        HEADER + "a,b,c,2026-09-02,2026-09-02\n",
        2,
        "The range from 2026-09-02 to 2026-09-02 is empty.",
    ),
    (HEADER + "a,b\x01,c,,\n", 2, "'b\\x01' contains U+0001."),
    (HEADER + "a,b\ue000,c,,\n", 2, "'b\\ue000' contains U+E000."),
]


@pytest.mark.parametrize(("text", "line", "message"), WRONG)
def test_what_is_wrong_in_the_bucket_is_named_with_its_line(
    text: str, line: int, message: str
) -> None:
    (found,) = is_wrong(check_table(ROSTERS, [stored(text)]).problems)
    assert (found.line, found.text) == (line, message)
    assert found.cure


def test_a_row_that_is_wrong_does_not_hide_the_others() -> None:
    found = check_table(ROSTERS, [stored(f"{HEADER}a,,c,,\nb,x,c,,\n")])
    assert found.rows == (("b", "x", "c", "", ""),)


def test_a_file_in_another_encoding_is_named_with_its_line() -> None:
    (found,) = check_table(ROSTERS, [stored(HEADER.encode() + b"a,J\xf6rg,c,,\n")]).problems
    assert (found.line, found.text) == (2, "It is not in UTF-8.")


def test_a_name_that_is_not_csv_is_named() -> None:
    (found,) = check_table(ROSTERS, [stored(HEADER, "reference/rosters/a.xlsx")]).problems
    assert found.text == "Its name does not end in .csv."


def test_many_problems_of_one_file_are_counted() -> None:
    found = check_table(ROSTERS, [stored(HEADER + "a,,,,\n" * 500)])
    assert len(found.problems) == 21
    assert found.problems[-1].text == "There are 480 more problems in this file."


def test_spaces_around_the_ids_of_users_are_harmless() -> None:
    found = check_table(ROSTERS, [stored(f"{HEADER}a, b ,c,,\n")])
    assert [each.harmless for each in found.problems] == [True]
    assert found.rows == (("a", " b ", "c", "", ""),)


def test_what_deserves_a_look_together_is_harmless() -> None:
    rooms = [
        ("1_a", "BIO", "Biology", "", ""),
        ("1_b", "BIO", "Bio", "", ""),
        ("1_c", "ART", "", "", ""),
    ]
    rosters = [
        ("BIO", "jane", "Student", "", ""),
        ("BIO", "jane", "Auditor", "2026-09-01", ""),
        ("LAW", "omar", "", "", ""),
    ]
    found = list(check_together(rooms, rosters))
    assert all(each.harmless for each in found)
    text = "\n".join(str(each) for each in found)
    for part in ("'Bio', 'Biology'", "no roster: 1 (ART)", "no room: 1 (LAW)", "'jane' is on"):
        assert part in text


@given(st.lists(st.tuples(st.just("c"), st.sampled_from("ab"), values, dates, dates), max_size=6))
def test_overlaps_are_found_if_and_only_if_a_day_is_in_two_rows(rows: list[Row]) -> None:
    rows = sorted({row for row in rows if not row[3] or not row[4] or row[3] < row[4]})
    expected = any(
        one[1] == other[1]
        and (not one[4] or other[3] < one[4])
        and (not other[4] or one[3] < other[4])
        for place, one in enumerate(rows)
        for other in rows[:place]
    )
    assert bool(overlaps(rows)) == expected


# Plain tables


def test_a_plain_table_may_have_its_columns_in_any_order_and_others(tmp_path: Path) -> None:
    path = tmp_path / "Spring Term.csv"
    path.write_bytes(b"\xef\xbb\xbfuser_id,note,course_id\r\njane ,x,BIO\r\n\r\njane,y,BIO\r\n")
    (found,) = read_inputs([str(path)], None).tables
    assert found.table == ROSTERS
    assert found.name == "spring-term"
    assert found.rows == (("BIO", "jane", "", "", ""),)
    assert found.ignored == ("note",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "file.csv: The file is empty."),
        ("a;b\n", "file.csv, line 1: The values are not separated by commas. Save it with commas."),
        ("Name,Email\n", "file.csv, line 1: The columns Name, Email are those of no table"),
        ("course_id,user_id,user_id\n", "file.csv, line 1: The column 'user_id' occurs twice."),
        ("course_id,user_id\na\n", "file.csv, line 2: There are 1 values, and the header has 2."),
        ("course_id,user_id\na,b\nc,\n", "file.csv, line 3, column user_id: There is no value."),
        ('course_id,user_id\na,"b"c\n', "file.csv, line 2: It is not CSV"),
        (
            "course_id,user_id,from\na,b,1.9.2026\n",
            "file.csv, line 2, column from: '1.9.2026' is no date. Write it like 2026-09-01",
        ),
        (
            "LtiLinkId,OrgUnitId,Title\n",
            "file.csv, line 1: The columns LtiLinkId, OrgUnitId, Title are those of no table and "
            "no data set. A table has entry_id,course_id,course_name,from,to or "
            "course_id,user_id,role,from,to "
            "or code,region,from,to,reason. The data set LTI Links would need Url as well.",
        ),
    ],
)
def test_a_file_that_cannot_be_imported_says_where_and_what_is_right(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "file.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_inputs([str(path)], None)
    assert caught.value.cause.startswith(message)


def test_all_problems_of_a_table_are_named(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("course_id,user_id\n" + "a,\n" * 30, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_inputs([str(path)], None)
    lines = caught.value.cause.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "and 10 more"


def test_a_file_that_is_not_in_utf8_says_in_which_line(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"course_id,user_id\n" + b"a,b\n" * 3 + b"a,J\xf6rg\n")
    with pytest.raises(InputError, match="The file is not in UTF-8"):
        read_inputs([str(path)], None)


@pytest.mark.parametrize("name", ["missing.csv", "broken.zip", "empty.zip"])
def test_a_path_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    if name == "empty.zip":
        (tmp_path / name).write_bytes(b"PK\x05\x06" + b"\x00" * 18)
    if name == "broken.zip":
        (tmp_path / name).write_bytes(b"PK\x03\x04" + b"\x00" * 40)
    with pytest.raises(InputError, match=name):
        read_inputs([str(tmp_path / name)], None)


@pytest.mark.parametrize("name", ["a/b", "", "..", "Ä", "a b"])
def test_a_name_that_cannot_be_part_of_a_key_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "---.csv"
    path.write_text("course_id,user_id\na,b\n", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be the name"):
        read_inputs([str(path)], name)


def test_two_files_of_the_same_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.csv").write_text("course_id,user_id\na,b\n", encoding="utf-8")
    paths = [str(tmp_path / folder / "x.csv") for folder in ("a", "b")]
    with pytest.raises(InputError, match=r"reference/rosters/x\.csv"):
        read_inputs(paths, None)


# The effect of rules

ids = st.frozensets(st.text(st.sampled_from("aAb@.x"), min_size=1, max_size=5), max_size=8)
rules = st.builds(
    IdRules,
    ignore_case=st.booleans(),
    drop_prefixes=st.lists(st.sampled_from(["a", "x."]), unique=True).map(tuple),
    drop_domains=st.lists(st.sampled_from(["b", "*"]), unique=True).map(tuple),
)


@given(ids, ids, rules)
def test_the_effect_is_counted_for_each_rule(
    rosters: frozenset[str], reports: frozenset[str], rule: IdRules
) -> None:
    found = effect(rosters, reports, rule)
    keys = {rule.normalised(each) for each in reports} - {""}
    assert found.steps[-1].roster_ids == sum(rule.normalised(each) in keys for each in rosters)
    assert found.steps[0].roster_ids == len(rosters & reports)
    assert len(found.steps) == 1 + rule.ignore_case + bool(rule.drop_prefixes) + bool(
        rule.drop_domains
    )
    same = [set(group) for group in found.merged]
    for group in same:
        assert len({rule.normalised(each) for each in group}) == 1
        assert len(group) >= 2
    together = {each for group in same for each in group}
    for one in rosters - together:
        key = rule.normalised(one)
        assert not key or [each for each in rosters if rule.normalised(each) == key] == [one]
    assert set(found.unseen) == {each for each in rosters if rule.normalised(each) not in keys}


def test_ids_that_become_the_same_are_named() -> None:
    found = effect(
        ["jane@a.edu", "jane@b.edu", "JANE@a.edu", "omar"], [], IdRules(drop_domains=("*",))
    )
    assert found.merged == (("JANE@a.edu", "jane@a.edu", "jane@b.edu"),)
    assert effect(["Jane", "jane ", "jane"], [], IdRules()).merged == (("Jane", "jane"),)
    assert effect(["jane ", "jane"], [], IdRules()).merged == ()
    # Of other rosters, only what becomes the same as an id of this one.
    others = ["JANE", "omar", "OMAR"]
    assert effect(["jane"], [], IdRules(), others).merged == (("JANE", "jane"),)


def test_the_check_names_ids_that_become_the_same_by_the_policy() -> None:
    rows = [("BIO", "jane@a.edu", "", "", ""), ("ART", "jane", "", "", "")]
    policy = stored('{"drop_domains": ["a.edu"]}', POLICY_KEY)
    (found,) = check_ids(rows, [policy])
    assert found.harmless
    assert "'jane' and 'jane@a.edu' the same" in found.text
    for other in ([], [stored("{", POLICY_KEY)], [stored('{"drop_domains": "x"}', POLICY_KEY)]):
        assert list(check_ids(rows, other)) == []


def test_all_that_was_not_matched_is_written_as_a_file() -> None:
    found = [Unmatched("roster id", 'a"b', "no user has it"), Unmatched("user", "7", "no UserName")]
    header, *rows = csv.reader(io.StringIO(unmatched_csv(found).decode(), newline=""), strict=True)
    assert header == ["what", "id", "reason"]
    assert rows == [["roster id", 'a"b', "no user has it"], ["user", "7", "no UserName"]]
