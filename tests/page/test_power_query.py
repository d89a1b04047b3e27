"""The template for Excel and Power BI, evaluated against the local stack.

Microsoft's parser reads the M, and the evaluator in power_query/ runs what the template uses of it:
it sends the real requests, and fails on what Microsoft's reference does not allow.
"""

import csv
import io
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from local.stack.servers import ROOT
from local.stack.stack import Stack
from room_reports.model.reports import REPORTS, Kind, Report
from tests.page.reader import stored
from tests.page.year import Year
from tools.power_query.tables import NAMES

RUN = Path(__file__).parent / "power_query/run.js"
DAYS = 3
"""The exporter has exported these days, so that the files have real values."""
REGIONS = ("us", "eu")
NODE = shutil.which("node") or ""
PARSER = ROOT / "node_modules/@microsoft/powerquery-parser"

if not (NODE and PARSER.exists()):
    message = "Node.js or node_modules is missing, so THE POWER QUERY TEMPLATE WAS NOT TRIED"
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message, allow_module_level=True)


def run(address: str, key: str, *tables: str) -> subprocess.CompletedProcess[str]:
    command = [NODE, str(RUN), address, str(DAYS), *tables]
    environment = {**os.environ, "KEY": key}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def loaded(stack: Stack, year: Year) -> Any:
    """Return the tables and requests of each form of the template."""
    assert year.today
    completed = run(stack.api_url.rstrip("/"), stack.api_key, *NAMES)
    assert completed.returncode == 0, completed.stderr
    return json.loads(completed.stdout)


@pytest.fixture(scope="module")
def windows(stack: Stack, year: Year) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return the coverage of each report and region, as the API has it."""
    first = f"{datetime.now(UTC) - timedelta(days=DAYS):%Y-%m-%d}"
    assert first >= year.ago(DAYS + 1)
    found = {}
    for report in REPORTS:
        for region in REGIONS:
            query = {"report": report.slug, "region": region, "granularity": "day", "from": first}
            headers = {"x-api-key": stack.api_key}
            response = requests.get(f"{stack.api_url}/coverage", query, headers=headers, timeout=30)
            found[report.slug, region] = response.json()["windows"]
    return found


@pytest.mark.parametrize("form", ["query", "project"])
def test_the_coverage_is_the_one_of_the_api(loaded: Any, windows: Any, form: str) -> None:
    table = loaded[form]["tables"]["Coverage"]
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    assert rows == [
        {
            "report": report,
            "region": region,
            "day": each["start"],
            "state": each["state"],
            "exported_at": each["exported_at"].replace("Z", ".000Z"),
            **{name: each[name] for name in ("rows", "sessions", "users", "minutes")},
            "findings": "",
        }
        for (report, region), found in windows.items()
        for each in found
    ]
    assert any(row["users"] for row in rows)


def converted(report: Report, column: str, text: str) -> Any:
    (kind,) = [each.kind for each in report.columns if each.name == column]
    if kind is Kind.TEXT or text == "":
        return text or None
    if kind is Kind.TIMESTAMP:
        return f"{datetime.fromtimestamp(float(text), UTC):%Y-%m-%dT%H:%M:%S.000Z}"
    return float(text)


@pytest.mark.parametrize("form", ["query", "project"])
@pytest.mark.parametrize("report", REPORTS, ids=lambda report: str(report.slug))
def test_a_report_has_the_rows_of_its_files(
    stack: Stack, loaded: Any, windows: Any, form: str, report: Report
) -> None:
    expected = []
    for region in REGIONS:
        for day in (each["start"] for each in windows[report.slug, region]):
            text = stored(stack, f"{report.slug}_{region}_{day}.csv").decode()
            for row in csv.DictReader(io.StringIO(text, newline="")):
                values = [converted(report, name, value) for name, value in row.items()]
                expected.append([region, day, *values])
    table = loaded[form]["tables"][NAMES[1 + REPORTS.index(report)]]
    assert table["columns"] == ["region", "day", *(column.name for column in report.columns)]
    assert table["rows"] == expected
    assert len(expected) > 10


def test_no_address_has_the_key_and_each_is_below_the_one_that_is_configured(
    stack: Stack, loaded: Any
) -> None:
    for form in ("query", "project"):
        requested = loaded[form]["requested"]
        assert not [url for url in requested if stack.api_key in url]
        assert {url.startswith(f"{stack.api_url.rstrip('/')}/") for url in requested} == {True}
        paths = {urlsplit(url).path.rpartition("/v1/")[2] for url in requested}
        assert {path.partition("/")[0] for path in paths} == {"openapi.json", "coverage", "exports"}
        assert all(path.endswith(".csv") for path in paths if path.startswith("exports/"))
        asked = [parse_qs(urlsplit(url).query) for url in requested if "/coverage?" in url]
        assert {query["granularity"][0] for query in asked} == {"day"}
    # One query loads everything; each table of the project is loaded on its own.
    assert set(loaded["query"]["requested"]) == set(loaded["project"]["requested"])


def test_a_wrong_key_is_an_error_and_no_empty_table(stack: Stack) -> None:
    completed = run(stack.api_url.rstrip("/"), "0123456789abcdef0123", "Coverage")
    assert completed.returncode != 0
    assert "responded with 403" in completed.stderr
