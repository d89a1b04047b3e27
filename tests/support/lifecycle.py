"""What S3 does to a bucket's objects by the lifecycle rules of the template.

Source: Amazon S3 User Guide, "Managing the lifecycle of objects" and "Lifecycle configuration
elements". A version is due the given number of days after it was written, or has become
noncurrent, rounded up to the next midnight in UTC. Expiration of a current version adds a delete
marker. A delete marker without a version beneath it is removed by a rule that asks for it, or by
expiration in days.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from local.stack.template import load_template
from tests.support.s3.store import Item, Store

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Rule:
    """One lifecycle rule that is enabled."""

    prefix: str
    days: int | None
    """Of a current version."""
    noncurrent_days: int | None
    markers: bool
    """Whether delete markers without a version are removed."""
    smaller_than: int | None
    """Bytes."""

    def applies_to(self, key: str, item: Item) -> bool:
        """Return whether the rule is about a version."""
        small = self.smaller_than is None or len(item.body) < self.smaller_than
        return key.startswith(self.prefix) and small


def deployed_rules(**parameters: str) -> list[Rule]:
    """Return the rules of the bucket of the reports, as CloudFormation deploys them."""
    template = load_template()
    values = {
        name: str(parameters.get(name, declared.get("Default", "")))
        for name, declared in template["Parameters"].items()
    }
    bucket = template["Resources"]["Bucket"]["Properties"]
    rules = _resolved(bucket["LifecycleConfiguration"]["Rules"], template, values)
    return [_rule(each) for each in rules if each["Status"] == "Enabled"]


def _rule(rule: Mapping[str, Any]) -> Rule:
    noncurrent = rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays")
    return Rule(
        prefix=rule.get("Prefix", ""),
        days=int(rule["ExpirationInDays"]) if "ExpirationInDays" in rule else None,
        noncurrent_days=int(noncurrent) if noncurrent else None,
        markers=bool(rule.get("ExpiredObjectDeleteMarker")),
        smaller_than=int(rule["ObjectSizeLessThan"]) if "ObjectSizeLessThan" in rule else None,
    )


def _resolved(value: Any, template: Mapping[str, Any], values: Mapping[str, str]) -> Any:
    """Return a part of the template with its functions carried out."""
    if isinstance(value, list):
        return [_resolved(each, template, values) for each in value]
    if not isinstance(value, dict):
        return value
    (name, given), *others = value.items()
    if others:
        return {each: _resolved(part, template, values) for each, part in value.items()}
    match name, given:
        case "Ref", parameter:
            result: Any = values[parameter]
        case "Fn::If", [condition, then, otherwise]:
            holds = _resolved(template["Conditions"][condition], template, values)
            result = _resolved(then if holds else otherwise, template, values)
        case "Fn::Not", [negated]:
            result = not _resolved(negated, template, values)
        case "Fn::Equals", both:
            first, second = _resolved(both, template, values)
            result = str(first) == str(second)
        case "Fn::FindInMap", path:
            mapping, key, field = _resolved(path, template, values)
            result = template["Mappings"][mapping][key][field]
        case _:
            result = {name: _resolved(given, template, values)}
    return result


def apply(rules: Sequence[Rule], store: Store, now: datetime) -> None:
    """Do what is due at ``now``."""
    for key in store.all_keys():
        _apply(rules, store, key, now)


def _apply(rules: Sequence[Rule], store: Store, key: str, now: datetime) -> None:
    versions = store.versions(key)
    for item, successor in pairwise(versions):
        days = [
            rule.noncurrent_days
            for rule in rules
            if rule.noncurrent_days and rule.applies_to(key, item)
        ]
        if days and due(successor.last_modified, min(days)) <= now:
            store.delete(key, item.id)
    left = store.versions(key)
    current = left[-1]
    if current.is_marker:
        about = [rule for rule in rules if key.startswith(rule.prefix) and not rule.smaller_than]
        removed = any(
            rule.markers or (rule.days and due(current.last_modified, rule.days) <= now)
            for rule in about
        )
        if len(left) == 1 and removed:
            store.remove(key)
        return
    days = [rule.days for rule in rules if rule.days and rule.applies_to(key, current)]
    if days and due(current.last_modified, min(days)) <= now:
        store.add_marker(key)


def due(since: datetime, days: int) -> datetime:
    """Return when S3 acts on something that is so old."""
    moment = since + days * _DAY
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == moment else midnight + _DAY
