"""The resources of one deployment, counted in its templates."""

from collections import Counter
from functools import cache
from typing import Any

from local.stack.template import ATHENA_TEMPLATE, load_template

THE_STACK_ITSELF = "AWS::CloudFormation::Stack"


_template = cache(load_template)


def resources() -> Counter[str]:
    """Return how many resources of each type a deployment has, nested stacks included.

    A schedule of a function counts as the rule that SAM makes of it. Resources with a condition
    count as well.
    """
    found: Counter[str] = Counter({THE_STACK_ITSELF: 1})
    for path in (None, ATHENA_TEMPLATE):
        template = _template(path) if path else _template()
        for resource in template["Resources"].values():
            found[resource["Type"]] += 1
            events: dict[str, Any] = resource.get("Properties", {}).get("Events", {})
            schedules = [each for each in events.values() if each["Type"] == "Schedule"]
            found["AWS::Events::Rule"] += len(schedules)
    return found


def default(parameter: str) -> Any:
    """Return the default of a parameter of the template."""
    return _template()["Parameters"][parameter]["Default"]


def ephemeral_storage_gb() -> float:
    """Return the exporter's storage that Lambda charges for, in GB."""
    properties = _template()["Resources"]["Exporter"]["Properties"]
    free = 512
    return (int(properties.get("EphemeralStorage", {}).get("Size", free)) - free) / 1024


def downloads_memory_gb() -> float:
    """Return the memory of the downloads function in GB."""
    properties = _template()["Resources"]["Downloads"]["Properties"]
    return int(properties["MemorySize"]) / 1024
