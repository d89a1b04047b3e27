"""The checks of the operator's own KMS key, if the stack uses one."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from room_reports_command.doctor.check import Area, Check, Outcome, finding, not_checked, ok
from room_reports_command.doctor.examination import Examination
from room_reports_command.doctor.permissions import denied_actions, role_arn, url_suffix

_USES = (
    ("ExporterRole", "s3", ("kms:Decrypt", "kms:GenerateDataKey")),
    ("ExporterRole", "secretsmanager", ("kms:Decrypt",)),
    ("DownloadsRole", "s3", ("kms:Decrypt",)),
    ("PresignerRole", "s3", ("kms:Decrypt",)),
    ("BackfillRole", "s3", ("kms:Decrypt",)),
)
"""The roles that use the key, by way of which service, and what they must be allowed."""
_ALARMS = "cloudwatch.amazonaws.com"
_ALARM_ACTIONS = {"kms:Decrypt", "kms:GenerateDataKey*"}


def _state(given: Examination) -> Iterator[Outcome]:
    key = _configured(given)
    if not key:
        yield not_checked("KmsKeyArn is empty: the keys are those that AWS manages")
        return
    state = given.stack.keys.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
    yield ok("enabled", "the key") if state == "Enabled" else finding(f"it is {state}", "the key")


def _policy(given: Examination) -> Iterator[Outcome]:
    key = _configured(given)
    if not key:
        return
    policy = given.stack.keys.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    lacking = lacking_statements(
        policy, key.split(":")[4], alarms=bool(given.stack.parameters.get("AlarmEmail"))
    )
    for each in lacking:
        yield finding(each, "the key's policy", "docs/security.md#a-key-of-your-own")
    if not lacking:
        yield ok("lets IAM policies and the alarms use the key", "the key's policy")


def _roles(given: Examination) -> Iterator[Outcome]:
    key = _configured(given)
    if not key:
        return
    region, suffix = key.split(":")[3], url_suffix(given)
    for logical, service, actions in _USES:
        denied = denied_actions(
            given,
            role_arn(given, logical),
            actions,
            key,
            {"kms:ViaService": f"{service}.{region}.{suffix}"},
        )
        subject = f"{logical} by way of {service}"
        yield finding(f"may not {', '.join(denied)}", subject) if denied else ok("allowed", subject)


def _configured(given: Examination) -> str:
    return given.stack.parameters.get("KmsKeyArn", "")


def lacking_statements(text: str, account: str, *, alarms: bool) -> list[str]:
    """Return what a key's policy must allow and does not, as docs/security.md has it.

    Args:
        text: The policy.
        account: The id of the AWS account.
        alarms: Whether the alarms have a topic, which the key encrypts.
    """
    statements: Any = json.loads(text).get("Statement", ())
    allowed = [each for each in _listed(statements) if each.get("Effect") == "Allow"]
    lacking = []
    if not any("kms:*" in _listed(each.get("Action")) for each in allowed if _root(each, account)):
        lacking.append("it does not let IAM policies of the account grant the use of the key")
    actions = {
        action
        for each in allowed
        if _ALARMS in _principals(each, "Service")
        for action in _listed(each.get("Action"))
    }
    if alarms and "kms:*" not in actions and not actions >= _ALARM_ACTIONS:
        lacking.append("it does not let CloudWatch use the key, so that no alarm reaches the topic")
    return lacking


def _root(statement: Mapping[str, Any], account: str) -> bool:
    names = _principals(statement, "AWS")
    return any(name == account or name.endswith(f"::{account}:root") for name in names)


def _principals(statement: Mapping[str, Any], kind: str) -> list[str]:
    principal = statement.get("Principal")
    return _listed(principal.get(kind)) if isinstance(principal, Mapping) else []


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


CHECKS = (
    Check(
        "key",
        Area.AWS,
        "The key in KmsKeyArn, if one is configured, can be used by the roles and the alarms.",
        "The exporter cannot write, links do not work, or no one hears of an alarm.",
        "docs/first-deployment.md#changed-outside-the-stack",
        _state,
        not_local="its simulation of IAM does not know kms:ViaService",
        also=(_policy, _roles),
    ),
)
