"""Every place where the local stack changes or works around ministack, the local AWS.

- ``add_named_queries``: its CloudFormation has no ``AWS::Athena::NamedQuery``. The patch uses
  private names.
- ``name_roles_by_their_arn``: its ``aws:PrincipalArn`` is the ARN of a role's session, and not of
  the role as in AWS. The patch uses private names.
- ``complete_step_functions``: its Step Functions reads definitions only as JSON, does not know
  ``MaxConcurrencyPath``, and goes on with the child workflows of an execution that was stopped. The
  patch uses private names.
- ``name_errors``: it reports every exception of a function as ``Runtime.HandlerError``, and Lambda
  its class, and ``Lambda.Unknown`` for a process that has died. The retries of a state machine
  depend on these. The patch uses private names.
- ``read_stage_variables``: its API Gateway does not replace a stage variable in the ARN of a
  function. The patch uses private names.
- ``allow_plain_http``: its endpoint has no TLS, which the bucket policies require. The workaround
  uses the public API.
- ``allow_local_page``: the API's host name in AWS, which the bucket's CORS rule allows, does not
  exist on this machine. The workaround uses the public API.
- ``set_api_responses``: when it imports an API, it ignores the extension
  ``x-amazon-apigateway-gateway-responses``. The workaround uses the public API.

Private names can change in any release, so ``main`` refuses every version but ``VERSION``. When
you raise the version in the dependency group ``ministack`` of pyproject.toml, check each patch,
remove those that are no longer needed, and change ``VERSION``.

Run as a script, by ministack's own interpreter, this module starts ministack with the private
patches. Import it to use the others.
"""

import json
import re
import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from local.stack.aws import Aws

VERSION = "1.5.33"
"""The version of ministack that the patches are for."""

Properties = Mapping[str, Any]


def add_named_queries() -> None:
    """Teach ministack's CloudFormation the resource type ``AWS::Athena::NamedQuery``.

    Its Athena implements the API calls. Without this patch, the template does not deploy.
    """
    from ministack.services import athena  # noqa: PLC0415 - only ministack's interpreter has it
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    def create(_logical_id: str, given: Properties, _stack: str) -> tuple[str, dict[str, str]]:
        _, _, body = athena._create_named_query(dict(given))
        query_id = json.loads(body)["NamedQueryId"]
        return query_id, {"NamedQueryId": query_id}

    def update(
        physical_id: str, _old: Properties, new: Properties, stack: str, logical_id: str = ""
    ) -> tuple[str, dict[str, str]]:
        # AWS replaces the resource too: a new id.
        delete(physical_id, new)
        return create(logical_id or physical_id, new, stack)

    def delete(physical_id: str, _properties: Properties) -> None:
        athena._delete_named_query({"NamedQueryId": physical_id})

    provisioners._RESOURCE_HANDLERS["AWS::Athena::NamedQuery"] = {
        "create": create,
        "update": update,
        "update_with_logical_id": True,
        "delete": delete,
    }


def name_roles_by_their_arn() -> None:
    """Make the condition key ``aws:PrincipalArn`` hold the ARN of the caller's role.

    The trust policy of the presigner role has a condition on it. The roles of the template have no
    path, so that the ARN follows from the name in the ARN of the session.
    """
    from ministack.core import iam_evaluator  # noqa: PLC0415 - only ministack's interpreter has it

    resolve = iam_evaluator._resolve_condition_key

    def resolve_role(key: str, context: Any) -> Any:
        value = resolve(key, context)
        if key.lower() != "aws:principalarn" or ":assumed-role/" not in str(value):
            return value
        arn, _, session = value.partition(":assumed-role/")
        return f"{arn.replace(':sts:', ':iam:')}:role/{session.partition('/')[0]}"

    iam_evaluator._resolve_condition_key = resolve_role


def complete_step_functions() -> None:
    """Teach ministack's Step Functions what the backfill needs of AWS's.

    - A definition in S3 may be YAML.
    - ``MaxConcurrencyPath`` limits the child workflows of a Distributed Map.
    - When an execution is stopped, its child workflows start nothing any more, and it stays
      stopped.
    """
    import yaml  # noqa: PLC0415 - only ministack's interpreter has these
    from ministack.services import stepfunctions  # noqa: PLC0415
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    read_definition = provisioners._sfn_definition
    run_map = stepfunctions._run_distributed_map
    run_states = stepfunctions._run_sub_machine
    fail = stepfunctions._fail_execution

    def definition(given: Properties) -> str:
        return json.dumps(yaml.safe_load(read_definition(given)))

    def distributed_map(state: Properties, raw: Any, effective: Any, *others: Any) -> Any:
        if path := state.get("MaxConcurrencyPath"):
            state = {**state, "MaxConcurrency": stepfunctions._resolve_path(path, effective)}
        return run_map(state, raw, effective, *others)

    def states(states: Any, start: str, given: Any, execution: Any, context: Any) -> Any:
        parent = stepfunctions._executions.get(context["Execution"]["Id"])
        if parent and parent["status"] == "ABORTED":
            raise stepfunctions._ExecutionError("States.Aborted", "The execution was stopped")
        return run_states(states, start, given, execution, context)

    def fail_unless_stopped(execution: Any, error: str, cause: str) -> None:
        if execution["status"] != "ABORTED":
            fail(execution, error, cause)

    provisioners._sfn_definition = definition
    stepfunctions._run_distributed_map = distributed_map
    stepfunctions._run_sub_machine = states
    stepfunctions._fail_execution = fail_unless_stopped


def name_errors() -> None:
    """Teach ministack's Lambda to report the type of an error as Lambda does.

    It is the class of an exception, or ``Lambda.Unknown`` when the process has died.
    """
    from ministack.services import lambda_svc  # noqa: PLC0415 - only its interpreter has it

    execute = lambda_svc._execute_function_with_config_scope

    def named(*arguments: Any) -> Any:
        result = execute(*arguments)
        body = result.get("body")
        if result.get("error") and body.get("errorMessage") == "Worker process died":
            body["errorType"] = "Lambda.Unknown"
        elif result.get("error") and body.get("errorType") == "Runtime.HandlerError":
            # The end of the traceback: the class, with its module, and the message.
            ending = rf"^(?:\w+\.)*(\w+): {re.escape(body['errorMessage'])}"
            if found := re.findall(ending, result.get("log", ""), re.MULTILINE):
                body["errorType"] = found[-1]
        return result

    lambda_svc._execute_function_with_config_scope = named


def read_stage_variables() -> None:
    """Teach ministack's REST APIs to find a function by a variable of the stage."""
    from ministack.services import apigateway_v1  # noqa: PLC0415 - only its interpreter has it

    invoke = apigateway_v1._invoke_lambda_proxy_v1

    def replaced(
        integration: Properties, api: str, name: str, stage: Properties, *rest: Any, **named: Any
    ) -> Any:
        uri = integration.get("uri", "")
        for variable, value in (stage.get("variables") or {}).items():
            uri = uri.replace(f"${{stageVariables.{variable}}}", value)
        return invoke({**integration, "uri": uri}, api, name, stage, *rest, **named)

    apigateway_v1._invoke_lambda_proxy_v1 = replaced


def allow_plain_http(root: "Aws") -> None:
    """Delete the bucket policies, which deny requests without TLS.

    The local endpoint speaks plain HTTP on the loopback interface only. The policies deny every
    principal, so only the root user can delete them, as in AWS.
    """
    for bucket in root.s3.list_buckets()["Buckets"]:
        root.s3.delete_bucket_policy(Bucket=bucket["Name"])


def allow_local_page(aws: "Aws", bucket: str) -> None:
    """Allow the page's origin on this machine where the bucket's CORS rules allow it in AWS.

    Everything else in the rules stays as the template has it. The page is served under the names
    ``127.0.0.1``, as the files are, and ``localhost``, which makes it another origin than theirs.
    """
    port = urlsplit(aws.endpoint_url).port
    rules = aws.s3.get_bucket_cors(Bucket=bucket)["CORSRules"]
    for rule in rules:
        origins = rule["AllowedOrigins"]
        if any(".execute-api." in origin for origin in origins):
            origins += [f"http://{host}:{port}" for host in ("127.0.0.1", "localhost")]
    aws.s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})


def set_api_responses(aws: "Aws", api_body: Mapping[str, Any]) -> None:
    """Set the gateway responses that the API's OpenAPI body defines.

    Args:
        aws: A principal that may change the API.
        api_body: The ``DefinitionBody`` of the API in the template.
    """
    (api,) = aws.api_gateway.get_rest_apis()["items"]
    for kind, response in api_body["x-amazon-apigateway-gateway-responses"].items():
        wording: dict[str, Any] = {"responseTemplates": response["responseTemplates"]}
        if "statusCode" in response:
            wording["statusCode"] = str(response["statusCode"])
        aws.api_gateway.put_gateway_response(restApiId=api["id"], responseType=kind, **wording)
    aws.api_gateway.create_deployment(restApiId=api["id"], stageName="v1")


def main() -> None:
    """Start ministack with the private patches."""
    if (installed := version("ministack")) != VERSION:
        sys.exit(f"ministack_patches.py is for ministack {VERSION}, but {installed} is installed.")
    from ministack.app import main as serve  # noqa: PLC0415

    add_named_queries()
    name_roles_by_their_arn()
    complete_step_functions()
    name_errors()
    read_stage_variables()
    serve()


if __name__ == "__main__":
    main()
