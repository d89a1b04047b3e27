"""The files generated from athena/ and the catalogue are up to date and complete."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.stack.template import ATHENA_TEMPLATE, TEMPLATE, load_template
from room_reports.model.reports import REPORTS, ROOM_DATA, Report
from tools.athena import __main__ as command
from tools.athena import dictionary
from tools.athena import template as generated_template
from tools.athena.__main__ import DICTIONARY, main
from tools.athena.dictionary import dictionary as made_dictionary
from tools.athena.facts import FACTS
from tools.athena.sources import queries, views
from tools.athena.tables import (
    ACCESS_LOG_LINE,
    CHANGE,
    EXPORTED,
    FAILED,
    PARTITIONS,
    QUALITY,
    RUNS,
    TEXT_TABLES,
)
from tools.athena.template import athena_template, view_columns


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    resources: dict[str, Any] = load_template(ATHENA_TEMPLATE)["Resources"]
    return resources


@pytest.fixture(scope="module")
def tables(template: dict[str, Any]) -> dict[str, Any]:
    return {
        resource["Properties"]["TableInput"]["Name"]: resource["Properties"]["TableInput"]
        for resource in template.values()
        if resource["Type"] == "AWS::Glue::Table"
    }


def test_the_generated_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_an_edit_by_hand_is_found_and_overwritten(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = ATHENA_TEMPLATE.read_text(encoding="utf-8")
    edited = tmp_path / "template.yaml"
    monkeypatch.setattr(command, "ATHENA_TEMPLATE", edited)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    for edit in (("presto_view", "presto_virus"), ("Top hosts", "Hosts"), ("entry_id", "id")):
        edited.write_text(text.replace(*edit), encoding="utf-8")
        assert main(["--check"]) == 1
        assert "template.yaml is out of date" in capsys.readouterr().out
        assert main([]) == 0
        assert edited.read_text(encoding="utf-8") == text


def test_the_parent_stack_passes_every_parameter_and_has_no_tables_of_its_own() -> None:
    parent = load_template()
    nested = parent["Resources"]["AthenaTables"]
    assert nested["Type"] == "AWS::CloudFormation::Stack"
    assert TEMPLATE.parent / nested["Properties"]["TemplateURL"] == ATHENA_TEMPLATE
    assert set(nested["Properties"]["Parameters"]) == set(
        load_template(ATHENA_TEMPLATE)["Parameters"]
    )
    generated = {"AWS::Glue::Table", "AWS::Athena::NamedQuery"}
    assert not generated & {resource["Type"] for resource in parent["Resources"].values()}


def test_the_nested_stack_needs_no_capability(template: dict[str, Any]) -> None:
    """An operator who deploys with samconfig.toml acknowledges CAPABILITY_IAM only."""
    assert "Transform" not in load_template(ATHENA_TEMPLATE)
    assert {resource["Type"].split("::")[1] for resource in template.values()} == {
        *("Athena", "Glue")
    }


def test_there_are_no_other_tables(tables: dict[str, Any]) -> None:
    declared = {*(report.slug for report in REPORTS), *(view.name for view in views())}
    assert set(tables) == declared | {table.name for table in TEXT_TABLES}


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


def test_the_types_of_the_views() -> None:
    types = {
        name: {field.name: presto for field, presto in columns}
        for name, columns in view_columns().items()
    }
    moment = "timestamp(3) with time zone"
    assert {name for name, type_ in types["sessions"].items() if type_ == moment} == {
        *("start_time", "end_time", "exported_at")
    }
    assert types["sessions"]["unique_users"] == "bigint"
    assert types["sessions"]["estimated"] == "boolean"
    assert types["attendance"]["start_time"] == moment
    assert types["attendance"]["view_minutes"] == "double"
    assert types["breakouts"]["participants_at_most"] == "bigint"
    assert types["exports"]["exported_at"] == moment
    assert types["sessions"]["final"] == types["sessions"]["missing_day"] == "boolean"
    assert types["policy"]["roles"] == "array(varchar)"
    without_days = {
        "last_attendance",
        "policy",
        "room_entries",
        "roster_entries",
        "settled_stretches",
        "who_read_what",
    }
    assert {name for name in types if "dt" not in types[name]} == without_days
    assert all(types[name]["dt"] == "varchar" for name in types if name not in without_days)


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
        assert query["Database"] == {"Ref": "DatabaseName"}
        assert query["WorkGroup"] == {"Ref": "WorkGroupName"}
        assert len(query["Name"]) <= 128
    assert len({query["Name"] for query in named}) == len(named) == len(queries())


def test_projections_begin_at_the_start_date(tables: dict[str, Any]) -> None:
    for name in (*(report.slug for report in REPORTS), "runs"):
        parameters = tables[name]["Parameters"]
        assert parameters["projection.enabled"] == "true"
        assert parameters["projection.dt.range"] == {"Fn::Sub": "${StartDate},NOW+1DAYS"}
    month = tables["day_files"]["Parameters"]
    text, parts = month["projection.month.range"]["Fn::Sub"]
    assert (text, month["projection.month.format"]) == ("${Year}-${Month},NOW+1MONTHS", "yyyy-MM")
    split = {"Fn::Split": ["-", {"Ref": "StartDate"}]}
    assert parts == {"Year": {"Fn::Select": [0, split]}, "Month": {"Fn::Select": [1, split]}}


def test_the_access_log_is_where_s3_delivers_it(tables: dict[str, Any]) -> None:
    """S3 writes ``[prefix][account]/[region]/[bucket]/[YYYY]/[MM]/[DD]/`` before the name."""
    parent = load_template()["Resources"]
    _, logging, _ = parent["Bucket"]["Properties"]["LoggingConfiguration"]["Fn::If"]
    account, region, day = "${AWS::AccountId}", "${AWS::Region}", "${!log_day}"
    folder = f"{logging['LogFilePrefix']}{account}/{region}/${{BucketName}}/"
    log = tables["access_log"]
    location = f"s3://${{AccessLogBucketName}}/{folder}"
    assert log["StorageDescriptor"]["Location"] == {"Fn::Sub": location}
    parameters = log["Parameters"]
    assert parameters["storage.location.template"] == {"Fn::Sub": f"{location}{day}/"}
    assert parameters["projection.log_day.type"] == "date"
    assert parameters["projection.log_day.format"] == "yyyy/MM/dd"
    kept = {"Fn::Sub": "NOW-${AccessLogDays}DAYS,NOW+1DAYS"}
    assert parameters["projection.log_day.range"] == kept
    serde = log["StorageDescriptor"]["SerdeInfo"]
    assert serde["Parameters"] == {"input.regex": ACCESS_LOG_LINE}
    assert len(log["StorageDescriptor"]["Columns"]) == re.compile(ACCESS_LOG_LINE).groups


def test_what_needs_the_access_log_exists_only_with_it(template: dict[str, Any]) -> None:
    conditional = {name for name, each in template.items() if each.get("Condition")}
    assert conditional == {"ReadersTable", "AccessLogTable", "WhoReadWhatView"}


def test_the_dictionary_names_every_column_with_a_meaning() -> None:
    text = DICTIONARY.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (?:View|Table) `(\w+)`\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    columns = {report.slug: [c.name for c in report.columns] for report in REPORTS}
    columns = {name: [*found, *(f.name for f in PARTITIONS)] for name, found in columns.items()}
    columns |= {view.name: list(view.column_meanings) for view in views()}
    columns |= {t.name: [f.name for f in (*t.fields, *t.partitions)] for t in TEXT_TABLES}
    assert set(sections) == set(columns)
    for name, names in columns.items():
        assert re.findall(r"^\| `(\w+)` \|", sections[name], re.M) == names
    for report in REPORTS:
        assert all(column.meaning.endswith(".") for column in report.columns)


def test_the_dictionary_says_what_the_numbers_are() -> None:
    text = DICTIONARY.read_text(encoding="utf-8")
    for fact in FACTS:
        assert f"**{fact.title}.** {fact.text}" in text
        assert f"- *Source:* {fact.source}\n- *What to do:* {fact.advice}\n" in text
    for name in ("kKavaBase.php", "ltiUserIdAttribute", "lti13UserIdClaim", "88 count", "Legacy"):
        assert name in text


def test_the_dictionary_follows_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    column = replace(ROOM_DATA.columns[0], meaning="Something else.")
    changed: tuple[Report, ...] = (replace(ROOM_DATA, columns=(column, *ROOM_DATA.columns[1:])),)
    monkeypatch.setattr(dictionary, "REPORTS", changed)
    assert "Something else." in made_dictionary()


def test_the_types_of_the_runs_table_contain_their_parts() -> None:
    types = {field.name: field.type for field in RUNS}
    for name, parts in (("exported", EXPORTED), ("failed", FAILED), ("quality", QUALITY)):
        assert all(f"{field.name}:{field.type}" in types[name] for field in parts)
    assert all(f"{field.name}:{field.type}" in types["exported"] for field in CHANGE)


def test_the_tables_follow_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    column = replace(ROOM_DATA.columns[0], name="something_else")
    changed = (replace(ROOM_DATA, columns=(column, *ROOM_DATA.columns[1:])),)
    monkeypatch.setattr(generated_template, "REPORTS", changed)
    text = athena_template()
    assert "{Name: something_else, Type: string}" in text
    assert "AttendeesTable" not in text
