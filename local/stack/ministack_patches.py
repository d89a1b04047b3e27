"""Every place where the local stack changes or works around ministack, the local AWS.

- ``add_named_queries``: its CloudFormation has no ``AWS::Athena::NamedQuery``. The patch uses
  private names.
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
patch. Import it to use the others.
"""

import json
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
    """Start ministack with the private patch."""
    if (installed := version("ministack")) != VERSION:
        sys.exit(f"ministack_patches.py is for ministack {VERSION}, but {installed} is installed.")
    from ministack.app import main as serve  # noqa: PLC0415

    add_named_queries()
    serve()


if __name__ == "__main__":
    main()
