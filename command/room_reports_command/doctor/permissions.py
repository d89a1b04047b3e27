"""What the policies of a role of the stack allow, as IAM simulates it."""

from collections.abc import Mapping, Sequence

from room_reports_command.doctor.examination import Examination


def role_arn(given: Examination, logical: str) -> str:
    """Return the ARN of a role by its name in the template."""
    name = given.stack.resources[logical]
    return given.stack.iam.get_role(RoleName=name)["Role"]["Arn"]


def partition(given: Examination) -> str:
    """Return the AWS partition of the stack, such as ``aws``."""
    return str(given.stack.exporter["Role"]).split(":")[1]


def url_suffix(given: Examination) -> str:
    """Return the domain name of the services in the stack's AWS partition."""
    return "amazonaws.com.cn" if partition(given) == "aws-cn" else "amazonaws.com"


def denied_actions(
    given: Examination,
    role: str,
    actions: Sequence[str],
    resource: str,
    context: Mapping[str, str] | None = None,
) -> list[str]:
    """Return those of the actions that a role's own policies do not allow.

    Args:
        role: The ARN of the role.
        resource: The ARN of one resource.
        context: The values of condition keys. A key that is left out is not in the request.
    """
    results = given.stack.iam.simulate_principal_policy(
        PolicySourceArn=role,
        ActionNames=list(actions),
        ResourceArns=[resource],
        ContextEntries=[
            {"ContextKeyName": name, "ContextKeyValues": [value], "ContextKeyType": "string"}
            for name, value in (context or {}).items()
        ],
    )["EvaluationResults"]
    return [each["EvalActionName"] for each in results if each["EvalDecision"] != "allowed"]
