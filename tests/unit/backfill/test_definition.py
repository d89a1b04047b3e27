"""The state machine's definition: valid, and its role may do exactly what it does."""

import json
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.stack.servers import ROOT
from local.stack.template import load_template

DEFINITION = yaml.safe_load((ROOT / "statemachines/backfill.asl.yaml").read_text())
RESOURCES = load_template()["Resources"]
MACHINE = RESOURCES["Backfill"]["Properties"]
KNOWN = ('Field "InputType" not allowed in',)
"""What statelint finds although AWS requires it: the type of an object that is read."""


def states(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every state, also those of nested machines."""
    for state in machine["States"].values():
        yield state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


def statelint(definition: object, directory: Path) -> list[str]:
    path = directory / "definition.json"
    path.write_text(json.dumps(definition), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "statelint", path], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    problems = [line.strip() for line in done.stdout.splitlines() if line.startswith(" ")]
    assert bool(problems) == bool(done.returncode)
    return [problem for problem in problems if not problem.startswith(KNOWN)]


def test_statelint_finds_nothing(tmp_path: Path) -> None:
    assert statelint(DEFINITION, tmp_path) == []


def test_statelint_would_find_a_mistake(tmp_path: Path) -> None:
    for path, value in (("Next", "Nowhere"), ("TimeoutSeconds", -1), ("Typo", 1)):
        wrong = json.loads(json.dumps(DEFINITION))
        wrong["States"]["End"][path] = value
        assert statelint(wrong, tmp_path), path


def test_cfn_lint_accepts_the_definition(tmp_path: Path) -> None:
    text = json.dumps(DEFINITION)
    for name in MACHINE["DefinitionSubstitutions"]:
        text = text.replace(f"${{{name}}}", "aws")
    assert "${" not in text
    right, wrong = json.loads(text), json.loads(text)
    wrong["States"]["Regions"]["ItemProcessor"]["States"]["Pause"]["Typo"] = 1
    for name, definition in (("right", right), ("wrong", wrong)):
        properties = {"RoleArn": "arn:aws:iam::123456789012:role/x", "Definition": definition}
        machine = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
        template = json.dumps({"Resources": {"Machine": machine}})
        (tmp_path / f"{name}.json").write_text(template, encoding="utf-8")
    done = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "--format", "parseable", *tmp_path.iterdir()],
        capture_output=True,
        text=True,
        check=False,
    )
    found = done.stdout.splitlines()
    assert found, "the mistake"
    assert [line for line in found if "wrong.json" not in line or "E3601" not in line] == []


def test_the_regions_do_not_wait_for_each_other() -> None:
    regions = DEFINITION["States"]["Regions"]
    limits = [name for name in regions if name.startswith("MaxConcurrency")]
    assert limits == [], "without a limit, all iterations run at once"


def test_every_substitution_is_used() -> None:
    text = (ROOT / "statemachines/backfill.asl.yaml").read_text()
    assert all(f"${{{name}}}" in text for name in MACHINE["DefinitionSubstitutions"])


def test_only_passing_errors_are_tried_again() -> None:
    tasks = [state for state in states(DEFINITION) if ":lambda:invoke" in state.get("Resource", "")]
    assert len(tasks) == 5
    for task in tasks:
        throttled, timed_out = task["Retry"]
        assert "Lambda.TooManyRequestsException" in throttled["ErrorEquals"]
        assert {"States.Timeout", "Sandbox.Timedout"} <= set(timed_out["ErrorEquals"])
        assert throttled["JitterStrategy"] == "FULL"
        assert all(retrier["BackoffRate"] > 1 for retrier in task["Retry"])
        named = {error for retrier in task["Retry"] for error in retrier["ErrorEquals"]}
        assert named.isdisjoint({"States.ALL", "States.TaskFailed", "ConfigurationError"})


def test_the_role_may_do_what_the_definition_does_and_nothing_else() -> None:
    needed = {"states:StartExecution", "states:DescribeExecution", "states:StopExecution"}
    actions = {
        "states:::lambda:invoke": "lambda:InvokeFunction",
        "states:::s3:getObject": "s3:GetObject",
    }
    for state in states(DEFINITION):
        for resource in (state.get("Resource"), state.get("ItemReader", {}).get("Resource")):
            if resource:
                needed.add(actions[resource.partition("}:")[2]])
    granted: list[str] = []
    for name in ("BackfillRole", "BackfillMayStartChildren"):
        properties = RESOURCES[name]["Properties"]
        for policy in properties.get("Policies", [properties]):
            for statement in policy["PolicyDocument"]["Statement"]:
                action = statement["Action"]
                granted += [action] if isinstance(action, str) else action
                assert statement["Resource"] != "*"
    assert sorted(granted) == sorted(needed)


@pytest.mark.parametrize(
    ("sid", "key", "allowed"),
    [
        ("ReadPortions", "backfill/first/us/round-001.json", True),
        ("ReadPortions", "backfill/first/us/round-001/00001.json", False),
        ("ReadPortions", "attendees/granularity=day/x.csv", False),
        ("ReadPortions", "backfill/first/summary.json", False),
    ],
)
def test_the_role_reaches_only_its_objects(sid: str, key: str, allowed: bool) -> None:
    (policy,) = RESOURCES["BackfillRole"]["Properties"]["Policies"]
    (statement,) = [each for each in policy["PolicyDocument"]["Statement"] if each["Sid"] == sid]
    pattern = statement["Resource"]["Fn::Sub"].partition("${BucketName.Value}/")[2]
    assert fnmatchcase(key, pattern) is allowed
