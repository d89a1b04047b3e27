"""The metrics of a run: of calls to Kaltura, each value once, however many there are."""

import json
import warnings
from dataclasses import replace
from typing import Any

import pytest

from room_reports.export.result import RunResult, SampleResult
from room_reports.export.run_metrics import measure
from room_reports.kaltura.call_log import Calls
from room_reports.telemetry import metrics

RESULT = RunResult(run_id="run", exported=(), skipped=0, deferred=0, failed=())


@pytest.fixture(autouse=True)
def _no_metrics_are_left() -> Any:
    yield
    metrics.clear_metrics()


def emit(calls: dict[str, Calls]) -> None:
    measure(RESULT, scheduled=False, unsent=0, calls=calls, expiring=0, quarantined_before=None)


def emitted(capsys: pytest.CaptureFixture[str], name: str) -> list[dict[str, Any]]:
    """Return the documents that were printed and have a metric."""
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [document for document in map(json.loads, lines) if name in document]


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 200, 250])
def test_the_duration_of_each_call_is_emitted_once(
    capsys: pytest.CaptureFixture[str], count: int
) -> None:
    seconds = tuple(float(number) for number in range(count))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        emit({"us": Calls(seconds, {})})
    documents = emitted(capsys, "KalturaSeconds")
    assert [each for document in documents for each in document["KalturaSeconds"]] == list(seconds)
    assert all(document["region"] == "us" for document in documents)


def test_errors_are_counted_by_region_and_code(capsys: pytest.CaptureFixture[str]) -> None:
    calls = {"us": Calls((), {"HTTP_503": 2}), "eu": Calls((), {"HTTP_503": 1, "OTHER": 3})}
    emit(calls)
    found = {
        (document["region"], document["code"]): document["KalturaErrors"]
        for document in emitted(capsys, "KalturaErrors")
    }
    assert found == {
        ("us", "HTTP_503"): [2.0],
        ("eu", "HTTP_503"): [1.0],
        ("eu", "OTHER"): [3.0],
    }


def test_settled_files_that_changed_are_counted_when_there_are_any(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for samples in (SampleResult(), SampleResult(asked=3), SampleResult(asked=3, changed=2)):
        found = replace(RESULT, samples=samples)
        measure(found, scheduled=True, unsent=0, calls={}, expiring=0, quarantined_before=0)
        metrics.flush_metrics()
    assert [each["SamplesChanged"] for each in emitted(capsys, "SamplesChanged")] == [[2.0]]
