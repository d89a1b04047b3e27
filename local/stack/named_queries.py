"""Starts ministack with what its CloudFormation lacks: ``AWS::Athena::NamedQuery``.

Run as a script by ministack's own interpreter; its Athena has the calls, only stacks cannot make
them, and the same template must deploy here as in AWS.
"""

import json
from collections.abc import Mapping
from typing import Any

from ministack.app import main
from ministack.services import athena
from ministack.services.cloudformation import provisioners

Properties = Mapping[str, Any]


def create(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, dict[str, str]]:
    """Make a named query; its id, which is also its attribute."""
    _, _, body = athena._create_named_query(dict(properties))
    query_id = json.loads(body)["NamedQueryId"]
    return query_id, {"NamedQueryId": query_id}


def update(
    physical_id: str,
    _old: Properties,
    new: Properties,
    stack: str,
    logical_id: str | None = None,
) -> tuple[str, dict[str, str]]:
    """Make it anew under another id, as AWS does."""
    delete(physical_id, new)
    return create(logical_id or physical_id, new, stack)


def delete(physical_id: str, _properties: Properties) -> None:
    """Remove it."""
    athena._delete_named_query({"NamedQueryId": physical_id})


if __name__ == "__main__":
    provisioners._RESOURCE_HANDLERS["AWS::Athena::NamedQuery"] = {
        "create": create,
        "update": update,
        "update_with_logical_id": True,
        "delete": delete,
    }
    main()
