"""The attendance policy: what is accepted, what is refused, and how it is written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports_command.errors import InputError
from room_reports_command.reference.checking import check_policy
from room_reports_command.reference.policy import (
    DEFAULTS,
    POLICY_KEY,
    SETTINGS,
    parse_policy,
    policy_line,
)
from room_reports_command.reference.store import Stored

minutes = st.one_of(st.integers(0, 1440), st.floats(0, 1440))
texts = st.lists(st.text(st.sampled_from("abé.-_'\"\\"), min_size=1, max_size=6), unique=True)
policies = st.fixed_dictionaries(
    {},
    optional={
        "min_minutes": minutes,
        "min_share": st.floats(0, 1),
        "late_minutes": minutes,
        "early_minutes": minutes,
        "gap_minutes": minutes,
        "roles": texts,
        "min_class_minutes": minutes,
        "min_class_users": st.integers(0, 10_000),
        "ignore_case": st.booleans(),
        "drop_domains": texts,
        "drop_prefixes": texts,
    },
)


def stored(text: str, key: str = POLICY_KEY) -> Stored:
    return Stored(key, text.encode(), "etag")


@given(policies)
def test_a_policy_is_one_line_of_json_and_read_back(policy: dict[str, Any]) -> None:
    line = policy_line(policy)
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert parse_policy(line, "file") == policy
    assert list(json.loads(line)) == [name for name in DEFAULTS if name in policy]
    assert not list(check_policy([stored(line)]))


def test_the_defaults_are_a_policy() -> None:
    assert parse_policy(json.dumps(DEFAULTS), "file") == DEFAULTS
    assert {setting.name for setting in SETTINGS} == DEFAULTS.keys()


WRONG: list[tuple[str, Any]] = [
    *(("min_share", value) for value in (-0.1, 1.01, "0.75", None, True, [0.75], float("nan"))),
    *(("min_minutes", value) for value in (-1, 1441, "10", False, float("inf"))),
    *(("min_class_users", value) for value in (-1, 1.5, 10_001, True, "1")),
    *(("ignore_case", value) for value in (1, "true", None)),
    *(("roles", value) for value in ("Student", [1], [""], [" Student"], ["A", "A"], ["a\nb"])),
    *(("drop_domains", value) for value in (["@example.edu"], ["a b@c"], [""], ["x "], "*")),
    *(("drop_prefixes", value) for value in ([""], ["a", "a"], [None], "d2l_")),
    *(("minshare", value) for value in (0.5,)),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_setting_is_named_with_what_is_right(name: str, value: Any) -> None:
    text = json.dumps({name: value, "late_minutes": 5})
    with pytest.raises(InputError) as caught:
        parse_policy(text, "policy.json")
    assert caught.value.cause.startswith(
        (f"policy.json, setting {name}: ", f"policy.json, setting {name}[")
    )
    assert "late_minutes:" not in caught.value.cause
    (found,) = check_policy([stored(text)])
    assert found.setting.partition("[")[0] == name
    assert found.cure


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("roles", ["A", " B"], "roles[1]: ' B' is wrong. It has spaces around it: remove them."),
        ("roles", ["A", "B", "A"], "roles[2]: 'A' is wrong. It is roles[0] as well: remove one."),
        ("drop_domains", ["a.edu", "@b.edu"], "drop_domains[1]: '@b.edu' is wrong. It has an @: "),
        ("drop_prefixes", ["x", ""], "drop_prefixes[1]: '' is wrong. It is empty."),
        ("drop_prefixes", "x", "drop_prefixes: '\"x\"' is wrong. It is a list of texts, such as "),
    ],
)
def test_an_element_of_a_list_is_named_with_its_place_and_the_reason(
    name: str, value: Any, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse_policy(json.dumps({name: value}), "policy.json")
    assert caught.value.cause.startswith(f"policy.json, setting {message}")


def test_another_file_under_the_prefix_is_named_with_the_reason() -> None:
    (found,) = check_policy([stored("{}", "reference/policy/copy.json")])
    assert "Athena reads each file under this prefix" in str(found)


def test_all_wrong_settings_are_named_together() -> None:
    with pytest.raises(InputError) as caught:
        parse_policy('{"min_share": 2, "ignore_case": 1}', "policy.json")
    assert "min_share" in caught.value.cause
    assert "ignore_case" in caught.value.cause


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON: .*line 1"),
        ("[]", "not an object"),
        ('{"min_share": 0.5, "min_share": 0.6}', "occurs twice"),
    ],
)
def test_a_text_that_is_no_policy_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_policy(text, "policy.json")
    assert len(list(check_policy([stored(text)]))) >= 1


def test_a_policy_of_several_lines_is_found_in_the_bucket() -> None:
    (found,) = check_policy([stored('{\n"min_share": 0.5\n}\n')])
    assert found.text == "It is not in one line."


def test_a_second_file_beside_the_policy_is_found() -> None:
    (found,) = check_policy([stored("{}\n"), stored("{}\n", "reference/policy/old.json")])
    assert found.file == "reference/policy/old.json"


def test_a_policy_that_is_not_in_utf8_is_found() -> None:
    (found,) = check_policy([Stored(POLICY_KEY, b'{"roles": ["\xe9"]}', "etag")])
    assert found.text == "It is not in UTF-8."
