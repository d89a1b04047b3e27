"""The errors of AWS, as the command tells them."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from room_reports_command.errors import StackError


@contextmanager
def aws_errors() -> Iterator[None]:
    """Turn botocore's errors into StackError with a cure.

    Raises:
        StackError: If AWS refuses, does not respond, or there are no credentials.
    """
    try:
        yield
    except NoCredentialsError as error:
        raise StackError(
            "There are no AWS credentials.",
            "Run aws configure, or give --profile, or set AWS_PROFILE.",
        ) from error
    except NoRegionError as error:
        raise StackError(
            "No AWS region is set.", "Give --aws-region, or set AWS_REGION."
        ) from error
    except ClientError as error:
        raise StackError(_refusal(error), _cure(error)) from error
    except BotoCoreError as error:
        raise StackError(
            f"AWS cannot be used: {error}", "Check the network, --profile and --aws-region."
        ) from error


def _refusal(error: ClientError) -> str:
    detail = error.response.get("Error", {})
    return f"AWS refused {error.operation_name}: {detail.get('Code')}: {detail.get('Message')}"


def _cure(error: ClientError) -> str:
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code.startswith("AccessDenied") or code == "UnauthorizedOperation":
        return f"Your AWS role needs the permission for {error.operation_name}."
    if "Expired" in code or "InvalidClientTokenId" in code:
        return "Log in to AWS again, for example with aws sso login."
    return "Check --profile, --aws-region and --stack, then try again."
