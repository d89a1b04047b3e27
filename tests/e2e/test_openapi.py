"""The API against its OpenAPI document: every response is one that the document describes."""

from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from local.stack.stack import Stack

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


OPERATIONS = ("getPage", "describe", "listExports", "getExport", "getCoverage")


@pytest.fixture(scope="module")
def description(stack: Stack) -> OpenApiSchema:
    response = requests.get(
        f"{stack.api_url}/openapi.json", headers={"x-api-key": stack.api_key}, timeout=30
    )
    return schemathesis.openapi.from_dict(response.json())


def test_every_operation_is_tried(description: OpenApiSchema) -> None:
    found = [each.ok() for each in description.get_all_operations() if isinstance(each, Ok)]
    assert tuple(each.definition.raw["operationId"] for each in found) == OPERATIONS


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: str(mode.value))
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_response_is_a_documented_one(
    stack: Stack, description: OpenApiSchema, operation: str, mode: GenerationMode
) -> None:
    headers = {"x-api-key": stack.api_key}
    found = description.find_operation_by_id(operation)
    if mode.is_negative and not list(found.iter_parameters()):
        return  # it has no parameter that could be wrong

    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(found.as_strategy(generation_mode=mode))
    def ask(case: Case[Any]) -> None:
        response = case.call(base_url=stack.api_url, headers=headers, allow_redirects=False)
        case.validate_response(response, checks=CHECKS, headers=headers)

    ask()
