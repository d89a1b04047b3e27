"""The rules that make ids of rosters and of reports comparable."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports_command.reference.id_rules import ANY_DOMAIN, IdRules, lower

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "support" / "id_rules.json").read_text(encoding="utf-8")
)
"""Shared with the tests of the views, which apply the same rules in SQL."""

ids = st.text(st.sampled_from("aAbBİΣß@. \\_%é1"), max_size=8)
rules = st.builds(
    IdRules,
    ignore_case=st.booleans(),
    drop_prefixes=st.lists(ids, max_size=3).map(tuple),
    drop_domains=st.lists(st.one_of(st.just(ANY_DOMAIN), ids), max_size=3).map(tuple),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']!r} {case['rules']}")
def test_a_shared_case(case: dict[str, Any]) -> None:
    assert IdRules.from_policy(case["rules"]).normalised(case["id"]) == case["normalised"]


def test_the_shared_cases_have_each_rule_alone_and_together() -> None:
    assert {frozenset(case["rules"]) for case in CASES} >= {
        frozenset(),
        frozenset({"ignore_case"}),
        frozenset({"drop_domains"}),
        frozenset({"drop_prefixes"}),
        frozenset({"drop_prefixes", "drop_domains", "ignore_case"}),
    }


def test_lower_case_never_changes_the_length_of_a_text() -> None:
    characters = [chr(point) for point in range(sys.maxunicode + 1)]
    assert [each for each in characters if len(lower(each)) != 1] == []


@given(rules, ids)
def test_spaces_around_an_id_do_not_matter(rule: IdRules, user_id: str) -> None:
    assert rule.normalised(f"  {user_id} ") == rule.normalised(user_id)


@given(rules, ids)
def test_nothing_but_case_spaces_prefix_and_domain_is_removed(rule: IdRules, user_id: str) -> None:
    cased = lower if rule.ignore_case else str
    whole, key = cased(user_id.strip(" ")), rule.normalised(user_id)
    assert any(
        whole.startswith(prefix + key) and whole[len(prefix + key) :][:1] in ("", "@")
        for prefix in ("", *map(cased, rule.drop_prefixes))
    )


@given(rules, st.text(st.sampled_from("abß.é"), min_size=1, max_size=6))
def test_case_does_not_matter_if_it_is_ignored(rule: IdRules, user_id: str) -> None:
    upper = user_id.replace("a", "A").replace("b", "B").replace("é", "É")
    same = rule.normalised(upper) == rule.normalised(user_id)
    assert same or not rule.ignore_case


@given(ids)
def test_the_default_rules_change_nothing_when_applied_again(user_id: str) -> None:
    once = IdRules().normalised(user_id)
    assert IdRules().normalised(once) == once
