"""What the rules for ids do to the ids of the rosters and of the reports."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from room_reports_command.reference.id_rules import IdRules

_AS_THEY_ARE = IdRules(ignore_case=False)


@dataclass(frozen=True)
class Step:
    """How many ids match when some of the rules are applied."""

    rules: str
    roster_ids: int
    """Ids of rosters that a user of the reports has."""
    report_ids: int
    """Ids of users of the reports that are on a roster."""


@dataclass(frozen=True)
class Effect:
    """The effect of rules, one after another."""

    roster_ids: int
    """Different ids of the rosters."""
    report_ids: int
    """Different ids of users in the reports."""
    steps: tuple[Step, ...]
    merged: tuple[tuple[str, ...], ...]
    """Different ids of rosters that become the same by the rules."""
    unseen: tuple[str, ...]
    """Ids of rosters that no user of the reports has."""

    def to_dict(self) -> dict[str, Any]:
        """Return the effect as JSON holds it."""
        return {
            "roster_ids": self.roster_ids,
            "report_ids": self.report_ids,
            "steps": [
                {"rules": each.rules, "roster_ids": each.roster_ids, "report_ids": each.report_ids}
                for each in self.steps
            ],
            "merged": [list(each) for each in self.merged],
            "unseen": list(self.unseen),
        }


def effect(
    rosters: Iterable[str], reports: Iterable[str], rules: IdRules, others: Iterable[str] = ()
) -> Effect:
    """Return the effect of the rules, each added to those before it.

    Args:
        others: Ids of other rosters, which can become the same as one of ``rosters``.
    """
    roster_ids, report_ids = set(rosters), set(reports)
    seen = {rules.normalised(each) for each in report_ids} - {""}
    steps = tuple(
        Step(name, *_matches(roster_ids, report_ids, applied)) for name, applied in _applied(rules)
    )
    groups = merged(roster_ids.union(others), rules)
    return Effect(
        len(roster_ids),
        len(report_ids),
        steps,
        tuple(group for group in groups if not roster_ids.isdisjoint(group)),
        tuple(sorted(each for each in roster_ids if rules.normalised(each) not in seen)),
    )


def merged(ids: Iterable[str], rules: IdRules) -> tuple[tuple[str, ...], ...]:
    """Return groups of different ids that become the same, apart from spaces around them.

    Ids of which nothing is left match no other, and are in no group.
    """
    groups = defaultdict[str, set[str]](set)
    for each in ids:
        groups[rules.normalised(each)].add(each.strip(" "))
    return tuple(
        tuple(sorted(group)) for key, group in sorted(groups.items()) if key and len(group) > 1
    )


def _applied(rules: IdRules) -> Iterator[tuple[str, IdRules]]:
    """Yield the rules, one more each time, with what was added; first without any."""
    yield "ids as they are", _AS_THEY_ARE
    current = _AS_THEY_ARE
    if rules.ignore_case:
        current = replace(current, ignore_case=True)
        yield "without case", current
    if rules.drop_prefixes:
        current = replace(current, drop_prefixes=rules.drop_prefixes)
        yield f"without the prefixes {', '.join(rules.drop_prefixes)}", current
    if rules.drop_domains:
        current = replace(current, drop_domains=rules.drop_domains)
        yield f"without the domains {', '.join(rules.drop_domains)}", current


def _matches(rosters: Collection[str], reports: Collection[str], rules: IdRules) -> tuple[int, int]:
    of_rosters = [rules.normalised(each) for each in rosters]
    of_reports = [rules.normalised(each) for each in reports]
    both = (set(of_rosters) & set(of_reports)) - {""}
    return sum(key in both for key in of_rosters), sum(key in both for key in of_reports)
