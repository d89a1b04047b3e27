"""Reads metrics in CloudWatch's embedded metric format."""

import json


def emf_metrics(text: str) -> dict[tuple[str, tuple[str, ...]], set[str]]:
    """Return the names of the metrics in a log, by their namespace and sorted dimensions."""
    found: dict[tuple[str, tuple[str, ...]], set[str]] = {}
    for line in text.splitlines():
        if not line.startswith('{"_aws"'):
            continue
        for directive in json.loads(line)["_aws"]["CloudWatchMetrics"]:
            for dimensions in directive["Dimensions"]:
                key = directive["Namespace"], tuple(sorted(dimensions))
                names = found.setdefault(key, set())
                names.update(metric["Name"] for metric in directive["Metrics"])
    return found
