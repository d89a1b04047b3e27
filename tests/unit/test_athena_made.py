"""What is made from athena/ and the catalogue is as they are now, in the template and in docs/."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from local.stack.template import load_template
from room_reports.model.reports import REPORTS, ROOM_DATA, Report
from tools.athena import dictionary
from tools.athena.__main__ import DICTIONARY, TEMPLATE, main
from tools.athena.block import view_columns, with_block
from tools.athena.dictionary import dictionary as made_dictionary
from tools.athena.sources import queries, views
from tools.athena.tables import CHANGE, EXPORTED, FAILED, PARTITIONS, RUN_PARTITIONS, RUNS


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    resources: dict[str, Any] = load_template()["Resources"]
    return resources


@pytest.fixture(scope="module")
def tables(template: dict[str, Any]) -> dict[str, Any]:
    return {
        resource["Properties"]["TableInput"]["Name"]: resource["Properties"]["TableInput"]
        for resource in template.values()
        if resource["Type"] == "AWS::Glue::Table"
    }


def test_nothing_that_is_made_is_stale(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_an_edit_by_hand_is_undone() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    assert with_block(text.replace("presto_view", "presto_virus")) == text
    assert with_block(text.replace("Top hosts", "Hosts")) == text


def test_a_template_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="made from athena/"):
        with_block("Resources:\n")


def test_there_is_no_table_that_nobody_declared(tables: dict[str, Any]) -> None:
    declared = {*(report.slug for report in REPORTS), *(view.name for view in views()), "runs"}
    assert set(tables) == declared


def test_each_view_in_the_template_holds_its_sql_and_presto_types(tables: dict[str, Any]) -> None:
    for view in views():
        table = tables[view.name]
        assert table["TableType"] == "VIRTUAL_VIEW"
        assert table["Parameters"]["presto_view"] == "true"
        assert table["ViewExpandedText"] == "/* Presto View */"
        assert table["PartitionKeys"] == []
        assert table["StorageDescriptor"]["SerdeInfo"]
        before, encoded, after = table["ViewOriginalText"]["Fn::Join"][1]
        assert (before, after) == ("/* Presto View: ", " */")
        definition = json.loads(encoded["Fn::Base64"]["Fn::Sub"])
        assert definition["originalSql"] == view.sql
        assert definition["catalog"] == "awsdatacatalog"
        assert definition["schema"] == "${DatabaseName}"
        names = [column["name"] for column in definition["columns"]]
        assert names == [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
        assert names == list(view.column_meanings)


def test_the_views_types_are_these() -> None:
    types = {
        name: {field.name: presto for field, presto in columns}
        for name, columns in view_columns().items()
    }
    moment = "timestamp(3) with time zone"
    assert {name for name, type_ in types["sessions"].items() if type_ == moment} == {
        *("start_time", "end_time")
    }
    assert types["sessions"]["unique_users"] == "bigint"
    assert types["sessions"]["estimated"] == "boolean"
    assert types["attendance"]["start_time"] == moment
    assert types["attendance"]["view_minutes"] == "double"
    assert types["breakouts"]["participants_at_most"] == "bigint"
    assert types["exports"]["exported_at"] == moment
    assert all(types[name]["dt"] == "varchar" for name in types)


def test_each_example_query_is_a_named_query_in_the_stacks_workgroup(
    template: dict[str, Any],
) -> None:
    named = [
        resource["Properties"]
        for resource in template.values()
        if resource["Type"] == "AWS::Athena::NamedQuery"
    ]
    assert [query["QueryString"] for query in named] == [query.sql for query in queries()]
    for query in named:
        assert query["Database"] == {"Ref": "Database"}
        assert query["WorkGroup"] == {"Ref": "WorkGroup"}
        assert len(query["Name"]) <= 128
    assert len({query["Name"] for query in named}) == len(named) == 10


def test_projections_begin_at_the_start_date(tables: dict[str, Any]) -> None:
    for name in (*(report.slug for report in REPORTS), "runs"):
        parameters = tables[name]["Parameters"]
        assert parameters["projection.enabled"] == "true"
        assert parameters["projection.dt.range"] == {"Fn::Sub": "${StartDate},NOW+1DAYS"}


def test_the_dictionary_names_every_column_with_a_meaning() -> None:
    text = DICTIONARY.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (?:View|Table) `(\w+)`\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    columns = {report.slug: [c.name for c in report.columns] for report in REPORTS}
    columns = {name: [*found, *(f.name for f in PARTITIONS)] for name, found in columns.items()}
    columns |= {view.name: list(view.column_meanings) for view in views()}
    columns["runs"] = [field.name for field in (*RUNS, *RUN_PARTITIONS)]
    assert set(sections) == set(columns)
    for name, names in columns.items():
        assert re.findall(r"^\| `(\w+)` \|", sections[name], re.M) == names
    for report in REPORTS:
        assert all(column.meaning.endswith(".") for column in report.columns)


def test_the_dictionary_follows_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    column = replace(ROOM_DATA.columns[0], meaning="Something else.")
    changed: tuple[Report, ...] = (replace(ROOM_DATA, columns=(column, *ROOM_DATA.columns[1:])),)
    monkeypatch.setattr(dictionary, "REPORTS", changed)
    assert "Something else." in made_dictionary()


def test_the_tables_of_runs_are_made_of_their_parts() -> None:
    types = {field.name: field.type for field in RUNS}
    for name, parts in (("exported", EXPORTED), ("failed", FAILED)):
        assert all(f"{field.name}:{field.type}" in types[name] for field in parts)
    assert all(f"{field.name}:{field.type}" in types["exported"] for field in CHANGE)
