"""The part of template.yaml that is made from athena/: the views, the table runs, the queries."""

import json
import re
from collections.abc import Iterable

from tests.support.duck_athena import DuckAthena
from tools.athena.sources import Source, queries, views
from tools.athena.tables import (
    JSON_SERDE,
    RUN_PARTITIONS,
    RUNS,
    TEXT_INPUT,
    TEXT_OUTPUT,
    Field,
)

BEGIN = "  # ---- made from athena/ by `make athena`: do not edit until the end mark"
END = "  # ---- end of what is made from athena/"
_WIDTH = 110
_GLUE_TYPES = {
    "BIGINT": ("bigint", "bigint"),
    "BOOLEAN": ("boolean", "boolean"),
    "DOUBLE": ("double", "double"),
    "HUGEINT": ("bigint", "bigint"),
    "TIMESTAMP WITH TIME ZONE": ("timestamp", "timestamp(3) with time zone"),
    "VARCHAR": ("string", "varchar"),
}
"""DuckDB's types, which are those of the views' own SQL, as Glue's and as Presto's.

Glue has no time with a zone and shows the nearest; what Athena goes by is Presto's, in the view.
"""


def with_block(template: str) -> str:
    """``template`` with its block made anew."""
    before, _, rest = template.partition(BEGIN + "\n")
    _, found, after = rest.partition(END + "\n")
    if not found:
        raise ValueError(f"template.yaml has no {BEGIN!r} with {END!r} after it")
    return f"{before}{BEGIN}\n\n{_block()}{END}\n{after}"


def view_columns() -> dict[str, list[tuple[Field, str]]]:
    """The columns of each view with their Glue types and meanings, and their Presto types."""
    athena = DuckAthena(None)
    return {view.name: list(_columns(view, athena)) for view in views()}


def _columns(view: Source, athena: DuckAthena) -> Iterable[tuple[Field, str]]:
    meanings = view.column_meanings
    columns = athena.columns(view.name)
    if list(meanings) != [column.name for column in columns]:
        raise ValueError(f"{view.name}.sql does not say of each column what it means")
    for column in columns:
        glue, presto = _GLUE_TYPES[column.type]
        yield Field(column.name, glue, meanings[column.name]), presto


def _block() -> str:
    columns = view_columns()
    parts = [_runs_table()]
    parts += [_view(view, columns[view.name]) for view in views()]
    parts += [_query(query) for query in queries()]
    return "".join(part + "\n" for part in parts)


def _runs_table() -> str:
    return f"""\
  RunsTable:
    Type: AWS::Glue::Table
    Properties:
      CatalogId: !Ref AWS::AccountId
      DatabaseName: !Ref Database
      TableInput:
        Name: runs
        Description: The run records, one row per run of the exporter
        TableType: EXTERNAL_TABLE
        Parameters:
          classification: json
          projection.enabled: "true"
          projection.dt.type: date
          projection.dt.format: yyyy-MM-dd
          projection.dt.range: !Sub "${{StartDate}},NOW+1DAYS"
          storage.location.template: !Sub "s3://${{Bucket}}/runs/dt=${{!dt}}/"
        PartitionKeys:
{_glue_columns(RUN_PARTITIONS, 10)}
        StorageDescriptor:
          Location: !Sub "s3://${{Bucket}}/runs/"
          InputFormat: {TEXT_INPUT}
          OutputFormat: {TEXT_OUTPUT}
          SerdeInfo:
            SerializationLibrary: {JSON_SERDE}
          Columns:
{_glue_columns(RUNS, 12)}
"""


def _view(view: Source, columns: list[tuple[Field, str]]) -> str:
    definition = {
        "originalSql": view.sql,
        "catalog": "awsdatacatalog",
        "schema": "${DatabaseName}",
        "columns": [{"name": field.name, "type": presto} for field, presto in columns],
    }
    return f"""\
  {view.name.capitalize()}View:
    Type: AWS::Glue::Table
    Properties:
      CatalogId: !Ref AWS::AccountId
      DatabaseName: !Ref Database
      TableInput:
        Name: {view.name}
        Description: {_quoted(view.description.split(". ")[0].rstrip("."))}
        TableType: VIRTUAL_VIEW
        Parameters:
          presto_view: "true"
          comment: Presto View
        PartitionKeys: []
        ViewExpandedText: /* Presto View */
        ViewOriginalText: !Join
          - ""
          - - "/* Presto View: "
            - Fn::Base64: !Sub >-
{_folded(json.dumps(definition), 16)}
            - " */"
        StorageDescriptor:
          # Athena refuses a view without any, and goes by nothing in it.
          SerdeInfo: {{Name: "-", SerializationLibrary: "-"}}
          Columns:
{_glue_columns((field for field, _ in columns), 12)}
"""


def _query(query: Source) -> str:
    name = "".join(word.capitalize() for word in query.name.split("-"))
    sql = "".join(f"        {line}\n" if line else "\n" for line in query.sql.rstrip().split("\n"))
    return f"""\
  {name}Query:
    Type: AWS::Athena::NamedQuery
    Properties:
      Name: {query.name.replace("-", " ").capitalize()}
      Description: {_quoted(query.description)}
      Database: !Ref Database
      WorkGroup: !Ref WorkGroup
      QueryString: |
{sql}"""


def _glue_columns(fields: Iterable[Field], indent: int) -> str:
    return "\n".join(
        f"{' ' * indent}- {{Name: {field.name}, Type: {_quoted(field.type)}, "
        f"Comment: {_quoted(field.meaning)}}}"
        for field in fields
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _folded(text: str, indent: int) -> str:
    """``text`` for YAML's ``>-``, which joins lines by a blank: broken only at single blanks."""
    lines = [""]
    for word in re.split(r"(?<=\S) (?=\S)", text):
        if lines[-1] and len(lines[-1]) + len(word) >= _WIDTH:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "\n".join(" " * indent + line for line in lines)
