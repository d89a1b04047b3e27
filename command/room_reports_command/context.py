"""What every subcommand has in common: the options that find the stack, and the output."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import typer

from room_reports_command.output import Output
from room_reports_command.stack import DEFAULT_NAME, Connection, DeployedStack

_StackName = Annotated[
    str,
    typer.Option("--stack", envvar="ROOM_REPORTS_STACK", help="Name of the CloudFormation stack."),
]
_Profile = Annotated[
    str | None, typer.Option("--profile", help="AWS profile; default: as for the AWS CLI.")
]
_AwsRegion = Annotated[
    str | None,
    # The AWS SDK for Python itself reads AWS_DEFAULT_REGION only.
    typer.Option(
        "--aws-region", envvar="AWS_REGION", help="AWS region; default: as for the AWS CLI."
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@dataclass(frozen=True)
class Context:
    """The stack that a subcommand is for, and where it writes."""

    connection: Connection
    output: Output

    @cached_property
    def stack(self) -> DeployedStack:
        """The stack; nothing is requested from AWS yet."""
        return DeployedStack(self.connection)


def with_context(function: Callable[..., None]) -> Callable[..., None]:
    """Give a subcommand the common options; its first argument becomes the context of them."""

    def run(
        *, stack: str, profile: str | None, aws_region: str | None, as_json: bool, **given: object
    ) -> None:
        context = Context(Connection(stack, profile, aws_region), Output(as_json=as_json))
        function(context, **given)

    own = list(inspect.signature(function).parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    common = [
        inspect.Parameter("stack", keyword, default=DEFAULT_NAME, annotation=_StackName),
        inspect.Parameter("profile", keyword, default=None, annotation=_Profile),
        inspect.Parameter("aws_region", keyword, default=None, annotation=_AwsRegion),
        inspect.Parameter("as_json", keyword, default=False, annotation=_Json),
    ]
    parameters = [each.replace(kind=keyword) for each in own] + common
    functools.update_wrapper(run, function)
    del run.__wrapped__  # type: ignore[attr-defined]  # typer would read its signature
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run
