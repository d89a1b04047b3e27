"""A provider's fleet: its file, its deployment, and the load that it makes."""

import json
import os
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.cost.load import (
    MAX_RUN_SECONDS,
    Interval,
    StackRun,
    most_at_once,
    peaks,
    schedule_minute,
)
from tools.cost.measured import measured
from tools.cost.tables import fleet_day, fleet_start, stack_names
from tools.fleet.__main__ import main
from tools.fleet.config import FleetError, read_fleet

ROOT = Path(__file__).parents[2]
RECORDER = """#!/bin/sh
echo "$@" >> "$RECORD"
for last in "$@"; do :; done
cat "${last#file://}" >> "$RECORD.parameters"
case "$*" in *" hill-college "*) exit 1;; esac
"""
"""Stands in for the SAM CLI: records its arguments, and fails for one stack."""


@pytest.fixture
def documented(tmp_path: Path) -> Path:
    """Return the file that docs/provider.md shows."""
    text = (ROOT / "docs/provider.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    path = tmp_path / "fleet.toml"
    path.write_text(example, encoding="utf-8")
    return path


def test_the_documented_file_is_a_fleet(documented: Path) -> None:
    college, university = read_fleet(documented)
    assert (college.name, college.profile, college.region) == (
        "hill-college",
        "customers-1",
        "us-east-1",
    )
    assert college.parameters["DatabaseName"] == "hill_college"
    assert college.parameters["ScheduleExpression"] == (
        f"cron({schedule_minute('hill-college')} * * * ? *)"
    )
    assert university.parameters["KalturaRegions"].endswith("eu=https://api.eu.kaltura.com")
    assert university.parameters["AlarmEmail"] == college.parameters["AlarmEmail"]


def test_every_mistake_in_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(
        '[defaults]\nTimezone = "UTC"\n[other]\n[stacks."Hill College"]\nprofile = "p"\nX = 1\n'
    )
    with pytest.raises(FleetError) as caught:
        read_fleet(path)
    for problem in (
        "[other] is not",
        "[defaults] has the unknown Timezone",
        "Hill College should have",
        "Hill College has the unknown X",
        "Hill College needs region",
    ):
        assert problem in str(caught.value)
    path.write_text("[")
    with pytest.raises(FleetError, match="is not TOML"):
        read_fleet(path)


def test_without_deploy_only_the_parameters_are_shown(
    documented: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(documented), "coast-university"]) == 0
    shown = capsys.readouterr().out
    assert "coast-university: profile customers-2, us-east-1" in shown
    assert "  TimeZone=Europe/Berlin" in shown
    assert "hill-college" not in shown
    assert main([str(documented), "no-such-stack"]) == 2


def test_a_stack_that_fails_does_not_hold_up_the_others(
    documented: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "sam").write_text(RECORDER)
    (tmp_path / "sam").chmod(0o755)
    record = tmp_path / "record"
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("RECORD", str(record))
    assert main([str(documented), "--deploy"]) == 1
    assert capsys.readouterr().err == "Not deployed: hill-college\n"
    first, second = record.read_text().splitlines()
    assert "--stack-name hill-college --profile customers-1 --region us-east-1" in first
    assert "--stack-name coast-university --profile customers-2" in second
    decoder = json.JSONDecoder()
    text = Path(f"{record}.parameters").read_text()
    parameters, end = decoder.raw_decode(text)
    assert parameters["DatabaseName"] == "hill_college"
    assert decoder.raw_decode(text, end)[0]["TimeZone"] == "Europe/Berlin"


def test_the_documented_file_is_toml_without_secrets(documented: Path) -> None:
    assert "secret" not in str(tomllib.loads(documented.read_text())).lower()


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True)
INTERVALS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 20), st.integers(1, 9)).map(
        lambda each: (float(each[0]), float(each[0] + each[1]), each[2])
    ),
    max_size=12,
)
RUNS = st.lists(
    st.builds(
        StackRun,
        st.integers(0, 3599).map(float),
        st.integers(0, 300),
        st.integers(0, 50).map(float),
    ),
    max_size=20,
)


@given(NAMES)
def test_a_stack_has_one_minute_of_the_hour(name: str) -> None:
    assert 0 <= schedule_minute(name) < 60
    assert schedule_minute(name) == schedule_minute(str(name))


@given(INTERVALS)
def test_the_peak_is_what_counting_each_moment_finds(intervals: list[Interval]) -> None:
    counted = (
        sum(many for start, end, many in intervals if start <= moment < end) for moment in range(60)
    )
    assert most_at_once(intervals) == max(counted)


@given(RUNS, st.integers(1, 25), st.floats(0.5, 1000))
def test_the_peaks_are_within_what_the_runs_can_do(
    runs: list[StackRun], concurrency: int, seconds: float
) -> None:
    found = peaks(runs, concurrency, seconds)
    assert found.runs <= len(runs)
    assert found.kaltura_requests <= sum(min(run.calls, concurrency) for run in runs)
    assert found.longest_run <= MAX_RUN_SECONDS
    if runs:
        assert found.runs >= 1


@given(RUNS, st.integers(1, 25), st.floats(0.5, 100))
def test_runs_that_all_start_at_once_are_the_worst_case(
    runs: list[StackRun], concurrency: int, seconds: float
) -> None:
    together = [StackRun(0.0, run.calls, run.s3_requests) for run in runs]
    worst, found = (peaks(each, concurrency, seconds) for each in (together, runs))
    assert found.runs <= worst.runs
    assert found.longest_run == pytest.approx(worst.longest_run)


def test_spreading_a_fleet_lowers_its_peaks() -> None:
    college = measured()["college"]
    for runs in (fleet_day, fleet_start):
        together, spread = (peaks(runs(college, spread=each), 4, 10.0) for each in (False, True))
        assert together.runs == len(stack_names())
        assert together.kaltura_requests == 4 * len(stack_names())
        assert spread.runs < together.runs / 5
        assert spread.kaltura_requests < together.kaltura_requests / 5


def test_the_minutes_of_a_fleet_are_spread_over_the_hour() -> None:
    minutes = Counter(map(schedule_minute, stack_names()))
    assert len(minutes) == 60
    # 500 stacks in 60 minutes are 8.3 in a minute.
    assert max(minutes.values()) <= 20
