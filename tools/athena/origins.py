"""Find the table columns from which each column of a view is computed."""

from collections.abc import Iterator
from functools import cache

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from room_reports.model.reports import REPORTS
from tools.athena.sources import Source, deployed, views
from tools.athena.tables import PARTITIONS, TEXT_TABLES

_PARTITIONS = ("dt", "month")
Origins = dict[str, frozenset[str]]
"""The origins of each column, as ``table.column``."""


def origins_of(view: Source) -> dict[str, tuple[str, ...]]:
    """Return, for each column of a view, the table columns it is computed from, as `table.column`.

    A partition column of days is included only if there is no other column.
    """
    found = {}
    for name, origins in _origins(view.name).items():
        leaves = sorted(origins)
        others = [leaf for leaf in leaves if leaf.rpartition(".")[2] not in _PARTITIONS]
        found[name] = tuple(f"`{leaf}`" for leaf in others or leaves)
    return found


@cache
def _origins(view: str) -> Origins:
    (sql,) = (source.sql for source in views() if source.name == view)
    tree = sqlglot.parse_one(deployed(sql), read="athena")
    tree = qualify(tree, schema=_schema(), dialect="athena", quote_identifiers=False)
    scope = build_scope(tree)
    if scope is None or not isinstance(tree, exp.Query):
        raise ValueError(f"{view}.sql is not a query")
    found = _of_scope(scope, {})
    return {name: found[name] for name in tree.named_selects}


@cache
def _schema() -> dict[str, object]:
    schema: dict[str, object] = {
        report.slug: dict.fromkeys(
            [*(column.name for column in report.columns), *(field.name for field in PARTITIONS)],
            "varchar",
        )
        for report in REPORTS
    }
    for table in TEXT_TABLES:
        fields = (*table.fields, *table.partitions)
        schema[table.name] = {field.name: field.type for field in fields}
    for view in views():
        schema[view.name] = dict.fromkeys(view.column_meanings, "varchar")
    return schema


def _of_scope(scope: Scope, known: dict[int, Origins]) -> Origins:
    """Return the origins of a query's columns; ``known`` has those of the queries within it."""
    if id(scope.expression) in known:
        return known[id(scope.expression)]
    if isinstance(scope.expression, exp.SetOperation):
        left, right = (_of_scope(each, known) for each in scope.set_operation_scopes)
        # A union has the names of its first query and the columns in their order.
        found = {
            name: origins | other
            for (name, origins), other in zip(left.items(), right.values(), strict=True)
        }
    else:
        assert isinstance(scope.expression, exp.Query)
        found = {
            select.alias_or_name: frozenset().union(
                *(_of_column(column, scope, known) for column in _computed_from(select))
            )
            for select in scope.expression.selects
        }
    known[id(scope.expression)] = found
    return found


def _computed_from(select: exp.Expr) -> Iterator[exp.Column]:
    """Yield the columns of an expression, but not those that only say which rows it is for."""
    for column in select.find_all(exp.Column):
        window = column.find_ancestor(exp.Window)
        if window is None or any(each is column for each in window.this.find_all(exp.Column)):
            yield column


def _of_column(column: exp.Column, scope: Scope, known: dict[int, Origins]) -> frozenset[str]:
    source = scope.sources.get(column.table)
    if isinstance(source, Scope) and isinstance(source.expression, exp.UDTF):
        # UNNEST has the origins of its array, and VALUES has none.
        return frozenset().union(
            *(
                _of_column(each, scope, known)
                for each in source.expression.find_all(exp.Column)
                if each.table != column.table
            )
        )
    if isinstance(source, Scope):
        return _of_scope(source, known).get(column.name, frozenset())
    if source is None:
        return frozenset()
    if source.name in {view.name for view in views()}:
        return _origins(source.name)[column.name]
    return frozenset({f"{source.name}.{column.name}"})
