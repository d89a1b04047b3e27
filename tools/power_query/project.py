"""The Power BI project: a semantic model in TMDL, and a report with a page of charts."""

import json
from typing import Any

from room_reports.model.reports import REPORTS, Kind, Report
from tools.power_query.tables import COVERAGE, NAMES

NAME = "RoomReports"
_PARAMETERS = {
    "Address": ("Text", '"https://abcdef1234.execute-api.eu-central-1.amazonaws.com/v1"'),
    "Days": ("Number", "90"),
}
"""What a user fills in, with its type in Power BI and the value before. The key is a credential."""
_SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric"
_TYPES = {Kind.TEXT: "string", Kind.TIMESTAMP: "dateTime"}
_COVERAGE = {
    "report": "string",
    "region": "string",
    "day": "dateTime",
    "state": "string",
    "exported_at": "dateTime",
    "rows": "double",
    "sessions": "double",
    "users": "double",
    "minutes": "double",
    "findings": "string",
}
_MEASURES = {
    "Sessions": 'CALCULATE(SUM(Coverage[sessions]), Coverage[report] = "room_data")',
    "People on the busiest day": "MAX(Coverage[users])",
    "Hours": "DIVIDE(SUM(Coverage[minutes]), 60)",
    "Missing files": 'CALCULATE(COUNTROWS(Coverage), Coverage[state] = "missing")',
    "Files with a finding": 'CALCULATE(COUNTROWS(Coverage), Coverage[findings] <> "")',
}
_CHARTED = ("Sessions", "People on the busiest day", "Hours")
_PAGE, _WIDTH, _HEIGHT = "usage", 1280, 720


def project() -> dict[str, str]:
    """Return the content of each file of the project, by its path in power-query/."""
    model, report = f"{NAME}.SemanticModel", f"{NAME}.Report"
    definition = f"{report}/definition"
    documents = {
        f"{NAME}.pbip": _document(
            "pbip/pbipProperties/1.0.0",
            version="1.0",
            artifacts=[{"report": {"path": report}}],
            settings={"enableAutoRecovery": True},
        ),
        f"{model}/definition.pbism": _document(
            "item/semanticModel/definitionProperties/1.0.0", version="4.2", settings={}
        ),
        f"{report}/definition.pbir": _document(
            "item/report/definitionProperties/2.0.0",
            version="4.0",
            datasetReference={"byPath": {"path": f"../{model}"}},
        ),
        f"{definition}/version.json": _document(
            "item/report/definition/versionMetadata/1.0.0", version="2.0.0"
        ),
        f"{definition}/report.json": _document(
            "item/report/definition/report/2.0.0", themeCollection={}
        ),
        f"{definition}/pages/pages.json": _document(
            "item/report/definition/pagesMetadata/1.0.0", pageOrder=[_PAGE], activePageName=_PAGE
        ),
        f"{definition}/pages/{_PAGE}/page.json": _document(
            "item/report/definition/page/2.0.0",
            name=_PAGE,
            displayName="Usage",
            displayOption="FitToPage",
            height=_HEIGHT,
            width=_WIDTH,
        ),
    }
    for place, measure in enumerate(_CHARTED):
        name = f"chart{place + 1}"
        path = f"{definition}/pages/{_PAGE}/visuals/{name}/visual.json"
        documents[path] = _chart(name, place, measure)
    return documents | {f"{model}/definition/{name}": text for name, text in _model().items()}


def _document(schema: str, **fields: Any) -> str:
    return json.dumps({"$schema": f"{_SCHEMAS}/{schema}/schema.json", **fields}, indent=2) + "\n"


def _chart(name: str, place: int, measure: str) -> str:
    height = _HEIGHT / len(_CHARTED)
    return _document(
        "item/report/definition/visualContainer/2.0.0",
        name=name,
        position={"x": 0, "y": place * height, "z": place, "width": _WIDTH, "height": height},
        visual={
            "visualType": "columnChart",
            "query": {
                "queryState": {
                    "Category": _projection("Column", "day"),
                    "Y": _projection("Measure", measure),
                    "Series": _projection("Column", "region"),
                }
            },
        },
    )


def _projection(kind: str, name: str) -> dict[str, Any]:
    field = {kind: {"Expression": {"SourceRef": {"Entity": "Coverage"}}, "Property": name}}
    return {
        "projections": [{"field": field, "queryRef": f"Coverage.{name}", "nativeQueryRef": name}]
    }


def _model() -> dict[str, str]:
    """Return the files of the semantic model's definition."""
    by_table = {COVERAGE: _COVERAGE} | {
        name: _columns_of(report) for name, report in zip(NAMES[1:], REPORTS, strict=True)
    }
    references = "".join(f"ref table {name}\n" for name in NAMES)
    return {
        "database.tmdl": "database\n\tcompatibilityLevel: 1567\n",
        "model.tmdl": (
            "model Model\n"
            "\tculture: en-US\n"
            "\tdefaultPowerBIDataSourceVersion: powerBI_V3\n"
            "\tsourceQueryCulture: en-US\n"
            "\n"
            f"annotation PBI_QueryOrder = {json.dumps([*_PARAMETERS, *NAMES])}\n"
            "\n"
            f"{references}"
        ),
        "expressions.tmdl": "\n".join(map(_parameter, _PARAMETERS)),
        **{f"tables/{name}.tmdl": _table(name, columns) for name, columns in by_table.items()},
    }


def _columns_of(report: Report) -> dict[str, str]:
    columns = {column.name: _TYPES.get(column.kind, "double") for column in report.columns}
    return {"region": "string", "day": "dateTime", **columns}


def _parameter(name: str) -> str:
    kind, value = _PARAMETERS[name]
    about = f'[IsParameterQuery=true, Type="{kind}", IsParameterQueryRequired=true]'
    return f"expression {name} = {value} meta {about}\n\n\tannotation PBI_ResultType = {kind}\n"


def _table(name: str, columns: dict[str, str]) -> str:
    parts = [f"table {name}\n"]
    if name == COVERAGE:
        parts += [f"\tmeasure '{title}' = {dax}\n" for title, dax in _MEASURES.items()]
    parts += [
        f"\tcolumn {column}\n"
        f"\t\tdataType: {kind}\n"
        f"\t\tsummarizeBy: {'sum' if _adds_up(column) else 'none'}\n"
        f"\t\tsourceColumn: {column}\n"
        for column, kind in columns.items()
    ]
    parts.append(
        f"\tpartition {name} = m\n"
        "\t\tmode: import\n"
        "\t\tsource =\n"
        "\t\t\t\tlet\n"
        f"\t\t\t\t    Source = {NAME}.Contents(Address, Days)\n"
        "\t\t\t\tin\n"
        f'\t\t\t\t    Source{{[Name = "{name}"]}}[Data]\n'
    )
    return "\n".join(parts)


def _adds_up(column: str) -> bool:
    """Return whether the sum over files means something; people and ratios do not add up."""
    return column in {"rows", "sessions", "minutes", "meeting_view_time"}
