"""The template for Excel and Power BI is up to date, complete, and has no key in it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from room_reports.api.openapi import openapi
from room_reports.api.settings import read_api_settings
from room_reports.model.reports import REPORTS
from tools.power_query.__main__ import main
from tools.power_query.documents import connector, query
from tools.power_query.project import project
from tools.power_query.tables import FOLDER, NAMES


def files() -> Iterator[Path]:
    return (path for path in FOLDER.rglob("*") if path.is_file())


def test_the_generated_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out
    generated = {FOLDER / name for name in project()}
    generated |= {FOLDER / "RoomReports.pq", FOLDER / "connector/RoomReports.pq"}
    assert {path for path in files() if path.parent.name != "parts"} == generated


def test_a_stale_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tools.power_query.__main__.FOLDER", tmp_path)
    monkeypatch.setattr("tools.power_query.__main__.ROOT", tmp_path)
    assert main(["--check"]) == 1
    assert "RoomReports.pbip is out of date: run make power-query" in capsys.readouterr().out
    assert main([]) == 0
    (tmp_path / "RoomReports.pbip").write_text("{}")
    assert main(["--check"]) == 1
    assert main(["other"]) == 2


def test_the_key_is_a_parameter_of_the_query_and_a_credential_of_the_connector() -> None:
    for text, value in ((query(), "Key"), (connector(), "Extension.CurrentCredential()[Key]")):
        assert re.findall(r'#"x-api-key" = (.+)\]', text) == [value]
    assert "ManualCredentials = true" in connector()
    # No file of the project names the key, so that none can hold it.
    for name, text in project().items():
        assert "Key" not in text, name
    assert "ApiKeyName" not in query() + connector(), "it would put the key into the address"


def test_the_address_can_be_told_without_a_request() -> None:
    (argument,) = re.findall(r"Web\.Contents\((\w+), \[", query())
    assert re.search(rf'^ +{argument} = "https://[^"]+/v1",$', query(), re.M)


def test_every_document_of_the_project_is_json_with_a_schema() -> None:
    documents = {name: text for name, text in project().items() if not name.endswith(".tmdl")}
    assert len(documents) == 10
    for name, text in documents.items():
        schema = json.loads(text)["$schema"]
        assert schema.startswith("https://developer.microsoft.com/json-schemas/fabric/"), name


def test_each_table_of_the_model_has_the_columns_of_its_query() -> None:
    definitions = {Path(name).stem: text for name, text in project().items() if "/tables/" in name}
    assert tuple(definitions) == NAMES
    for name, report in zip(NAMES[1:], REPORTS, strict=True):
        columns = re.findall(r"^\tcolumn (\w+)$", definitions[name], re.M)
        assert columns == ["region", "day", *(column.name for column in report.columns)]
        assert all(f'"{column.name}"' in query() for column in report.columns)
    coverage = re.findall(r"^\tcolumn (\w+)$", definitions["Coverage"], re.M)
    (declared,) = re.findall(r"type table \[(.+?)\]", query(), re.S)
    assert coverage == re.findall(r"(\w+) = ", declared)
    environment = {
        "BUCKET_NAME": "bucket",
        "PRESIGNER_ROLE_ARN": "arn:aws:iam::123456789012:role/presigner",
    }
    window = openapi(read_api_settings(environment))["components"]["schemas"]["Coverage"]
    known = window["properties"]["windows"]["items"]["properties"]
    used = set(re.findall(r"window\[(\w+)\]", query()))
    assert used <= set(known)
    assert set(coverage) - {"report", "region", "day"} <= set(known)


def test_tmdl_is_indented_with_tabs_by_its_levels() -> None:
    for name, text in project().items():
        if name.endswith(".tmdl"):
            assert text.endswith("\n"), name
            for line in text.split("\n"):
                levels = len(line) - len(line.lstrip("\t"))
                assert levels <= 4, name
                assert not line.lstrip("\t").startswith(" ") or levels == 4, name


def test_measures_name_columns_and_values_that_exist() -> None:
    text = project()["RoomReports.SemanticModel/definition/tables/Coverage.tmdl"]
    columns = set(re.findall(r"^\tcolumn (\w+)$", text, re.M))
    measures = re.findall(r"^\tmeasure '(.+?)' = (.+)$", text, re.M)
    assert len(measures) == 5
    for _, dax in measures:
        assert set(re.findall(r"Coverage\[(\w+)\]", dax)) <= columns
    charted = {
        json.loads(content)["visual"]["query"]["queryState"]["Y"]["projections"][0][
            "nativeQueryRef"
        ]
        for name, content in project().items()
        if name.endswith("visual.json")
    }
    assert charted <= {title for title, _ in measures}
