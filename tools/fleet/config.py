"""The file that lists a provider's stacks, and the parameters of each."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.stack.template import load_template
from tools.cost.load import schedule_minute

_NAME = re.compile(r"[a-z][a-z0-9-]{0,99}")
_WHERE = ("profile", "region")


class FleetError(ValueError):
    """Raised when the file is wrong. Names every mistake."""


@dataclass(frozen=True)
class FleetStack:
    """One stack of a fleet."""

    name: str
    """The name of the CloudFormation stack."""
    profile: str
    """The AWS profile to deploy it with, which decides the AWS account."""
    region: str
    """The AWS region."""
    parameters: Mapping[str, str]
    """The template's parameters."""


def read_fleet(path: Path) -> list[FleetStack]:
    """Return the stacks that a TOML file lists, in its order.

    ``[defaults]`` holds what all stacks share, and ``[stacks.NAME]`` what one stack has of its own:
    ``profile``, ``region``, and any parameter of the template. A stack without a
    ``ScheduleExpression`` runs each hour, in a minute that follows from its name. One without a
    ``DatabaseName`` has one that follows from its name, since it must be unique in the account.

    Raises:
        FleetError: Naming each wrong name, parameter or missing setting.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise FleetError(f"{path} is not TOML: {error}") from error
    known = {*load_template()["Parameters"], *_WHERE}
    defaults, stacks = document.get("defaults", {}), document.get("stacks", {})
    problems = [f"[{name}] is not [defaults] or [stacks.NAME]" for name in _other(document)]
    problems += [f"[defaults] has the unknown {key}" for key in sorted(set(defaults) - known)]
    found = []
    for name, own in stacks.items():
        given = {**defaults, **own}
        if not _NAME.fullmatch(name):
            problems.append(f"{name} should have lower-case letters, digits and hyphens only")
        problems += [f"{name} has the unknown {key}" for key in sorted(set(own) - known)]
        problems += [f"{name} needs {key}" for key in _WHERE if not given.get(key)]
        found.append((name, given))
    if problems:
        raise FleetError("\n".join(problems))
    return [_stack(name, given) for name, given in found]


def _other(document: Mapping[str, object]) -> list[str]:
    return sorted(set(document) - {"defaults", "stacks"})


def _stack(name: str, given: Mapping[str, object]) -> FleetStack:
    parameters = {
        "ScheduleExpression": f"cron({schedule_minute(name)} * * * ? *)",
        "DatabaseName": name.replace("-", "_"),
        **{key: _text(value) for key, value in given.items() if key not in _WHERE},
    }
    return FleetStack(name, str(given["profile"]), str(given["region"]), parameters)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
