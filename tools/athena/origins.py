"""Find the table columns from which each column of a view is computed."""

from functools import cache

from sqlglot import exp
from sqlglot.lineage import Node, lineage

from room_reports.model.reports import REPORTS
from tools.athena.sources import Source, views
from tools.athena.tables import PARTITIONS, RUN_PARTITIONS, RUNS

_DAY = "dt"


@cache
def origins_of(view: Source) -> dict[str, tuple[str, ...]]:
    """Return, for each column of a view, the table columns it is computed from, as `table.column`.

    The partition column ``dt`` is included only if there is no other column.
    """
    schema = {report.slug: {c.name: "varchar" for c in report.columns} for report in REPORTS}
    for columns in schema.values():
        columns.update({field.name: "varchar" for field in PARTITIONS})
    schema["runs"] = {field.name: field.type for field in (*RUNS, *RUN_PARTITIONS)}
    others = {other.name: other.sql for other in views() if other.name != view.name}
    found = {}
    for name in view.column_meanings:
        node = lineage(name, view.sql, schema=schema, sources=others, dialect="athena")
        leaves = sorted({leaf for leaf in map(_leaf, node.walk()) if leaf})
        found[name] = tuple(
            f"`{leaf}`" for leaf in leaves if not leaf.endswith(f".{_DAY}")
        ) or tuple(f"`{leaf}`" for leaf in leaves)
    return found


def _leaf(node: Node) -> str | None:
    """Return the table column of a lineage node, or None for any other node."""
    if node.downstream or not isinstance(node.expression, exp.Table):
        return None
    return f"{node.expression.name}.{node.name.rpartition('.')[2]}"
