"""Policies that lack one thing each: an action on a resource, or a value of a condition.

AWS checks some actions on a resource that the local AWS does not derive from the request. There,
``as_checked_locally`` puts the resource that it does check.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

Statement = dict[str, Any]


def as_list(value: Any) -> list[Any]:
    """Return a list of what a policy writes as one value or as a list."""
    return value if isinstance(value, list) else [value]


_ON_ANYTHING = {
    # AWS finds the workgroup by the query.
    *(f"athena:{action}QueryExecution" for action in ("Get", "BatchGet", "Stop")),
    *("athena:GetQueryResults", "athena:GetNamedQuery", "athena:BatchGetNamedQuery"),
    *(f"athena:{action}" for action in ("GetDataCatalog", "GetDatabase", "ListDatabases")),
    *("athena:ListTableMetadata", "athena:GetTableMetadata", "glue:GetDatabase"),
}


_NOTHING = {
    "Sid": "Nothing",
    "Effect": "Allow",
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::no-such-bucket/nothing",
}
"""A policy must have a statement."""


def as_checked_locally(policy: dict[str, Any]) -> dict[str, Any]:
    """Return a policy with the resources that the local AWS checks, and the same actions."""
    statements: list[Statement] = []
    for statement in as_list(policy["Statement"]):
        actions = as_list(statement["Action"])
        moved = [action for action in actions if action in _ON_ANYTHING]
        resources = [
            # AWS checks the streams of the group.
            resource.removesuffix(":*") if ":log-group:" in resource else resource
            for resource in as_list(statement["Resource"])
        ]
        kept = [action for action in actions if action not in moved]
        if moved:
            statements.append({**statement, "Action": moved, "Resource": "*"})
        if kept:
            statements.append({**statement, "Action": kept, "Resource": resources})
    return {**policy, "Statement": statements}


def as_called_through(policy: dict[str, Any], service: str) -> dict[str, Any]:
    """Return what is left of a policy on a key when a service uses the key for the caller.

    The local AWS does not know the condition key ``kms:ViaService``.

    Args:
        service: Such as ``s3.us-east-1.amazonaws.com``.
    """
    statements = []
    for statement in as_list(policy["Statement"]):
        condition = statement.get("Condition", {}).get("StringEquals", {})
        if service in as_list(condition.get("kms:ViaService")):
            statements.append({**statement, "Condition": {}})
    return {**policy, "Statement": statements or [_NOTHING]}


def mutations(policy: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each policy that lacks one thing of ``policy``, with what it lacks."""
    statements = as_list(policy["Statement"])
    for place, statement in enumerate(statements):
        for lacking, remaining in _weaker(statement):
            others = [*statements[:place], *remaining, *statements[place + 1 :]]
            yield f"{statement['Sid']}: {lacking}", {**policy, "Statement": others or [_NOTHING]}


def _weaker(statement: Statement) -> Iterator[tuple[str, list[Statement]]]:
    actions, resources = as_list(statement["Action"]), as_list(statement["Resource"])
    for action in actions:
        for resource in resources:
            others = [each for each in actions if each != action]
            elsewhere = [each for each in resources if each != resource]
            remaining = [{**statement, "Action": others}] if others else []
            if elsewhere:
                remaining.append({**statement, "Action": [action], "Resource": elsewhere})
            yield f"{action} on {resource}", remaining
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            for value in as_list(values):
                weaker = deepcopy(statement)
                weaker["Condition"][operator][key] = [
                    each for each in as_list(values) if each != value
                ] or ["nothing"]
                yield f"{key} {value}", [weaker]
