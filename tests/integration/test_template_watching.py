"""The alarms and the dashboard in template.yaml, against the metrics that the code emits."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from local.kaltura.campus import Size
from local.kaltura.faults import Fault
from local.stack.template import load_template
from room_reports.api.service import DownloadsService
from room_reports.telemetry import NAMESPACE, metrics
from tests.support.emf import emf_metrics
from tests.support.world import World

TEMPLATE = load_template()
RESOURCES = TEMPLATE["Resources"]
ALARMS = {
    name: resource["Properties"]
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}
Emitted = dict[tuple[str, tuple[str, ...]], set[str]]
SMALL = Size(rooms=3, attendees=3)


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    text = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    assert set(re.findall(r"\$\{([^}]+)\}", text)) == {"AWS::StackName", "AWS::Region"}
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.fixture
def emitted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Emitted:
    """Return the metrics of a run in which something fails, and of a link."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "service")
    with World(size=SMALL, secret_forms={"us": "ks"}) as world:
        world.regions["us"].faults.push(Fault("garbage_text", times=None, report=6002))
        world.run_and_fail()
    metrics.flush_metrics()
    DownloadsService.count_link()
    return emf_metrics(capsys.readouterr().out)


def used_by(dashboard: dict[str, Any]) -> list[tuple[str, tuple[str, ...], str]]:
    """Return namespace, dimensions and name of each metric of the dashboard."""
    found: list[tuple[str, tuple[str, ...], str]] = []
    for widget in dashboard["widgets"]:
        for metric in widget["properties"]["metrics"]:
            if isinstance(metric[0], dict):
                search = metric[0]["expression"]
                (schema, name) = re.findall(r"\{([^}]+)\} MetricName=\"(\w+)\"", search)[0]
                namespace, *dimensions = schema.split(",")
            else:
                namespace, name, *pairs = (each for each in metric if isinstance(each, str))
                dimensions = pairs[::2]
            found.append((namespace, tuple(sorted(dimensions)), name))
    return found


def test_every_metric_of_the_dashboard_is_emitted(
    dashboard: dict[str, Any], emitted: Emitted
) -> None:
    used = used_by(dashboard)
    own = [each for each in used if each[0] == NAMESPACE]
    assert len(own) >= 12
    for namespace, dimensions, name in own:
        assert name in emitted.get((namespace, dimensions), ()), (name, dimensions)
    # What is emitted for the deployment is shown, apart from what an alarm and a widget share.
    shown = {name for _, _, name in used}
    assert {name for names in emitted.values() for name in names} <= shown


def test_every_metric_names_its_stack(emitted: Emitted) -> None:
    """Two stacks in an account do not share one; docs/provider.md relies on it."""
    assert len(emitted) > 3
    assert all("service" in dimensions for _, dimensions in emitted)


def test_the_widgets_do_not_overlap(dashboard: dict[str, Any]) -> None:
    places = [
        (x, y)
        for widget in dashboard["widgets"]
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) == 23


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_says_what_to_do_and_reaches_the_operator(name: str) -> None:
    alarm = ALARMS[name]
    assert len(alarm["AlarmDescription"]) > 80
    notify = {"Fn::If": ["WantsEmail", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]}
    assert alarm["AlarmActions"] == notify
    # Without requests there are no data, so that "all is well" would be sent although nothing was.
    assert ("OKActions" in alarm) == (alarm["TreatMissingData"] != "notBreaching")


def test_the_alarms_on_own_metrics_watch_what_is_emitted(emitted: Emitted) -> None:
    variables = RESOURCES["Exporter"]["Properties"]["Environment"]["Variables"]
    own = {name: alarm for name, alarm in ALARMS.items() if alarm["Namespace"] == NAMESPACE}
    assert set(own) == {
        *("ExportsLateAlarm", "ExportsStoppedAlarm"),
        *("KalturaSessionExpiresAlarm", "QuarantineAlarm", "QualityAlarm"),
    }
    for name, alarm in own.items():
        (dimension,) = alarm["Dimensions"]
        assert dimension["Name"] == "service"
        assert dimension["Value"] == variables["POWERTOOLS_SERVICE_NAME"]
        assert alarm["MetricName"] in emitted[NAMESPACE, ("service",)], name


def value_of(name: str, capsys: pytest.CaptureFixture[str]) -> float:
    metrics.flush_metrics()
    documents = [
        json.loads(line)
        for line in capsys.readouterr().out.splitlines()
        if line.startswith('{"_aws"')
    ]
    (value,) = (document[name][0] for document in documents if name in document)
    return float(value)


@pytest.mark.parametrize(("left", "expiring"), [(73, 0), (71, 1), (-1, 1)])
def test_a_kaltura_session_in_the_secret_that_expires_soon_is_counted(
    capsys: pytest.CaptureFixture[str], left: int, expiring: int
) -> None:
    with World(size=SMALL, secret_forms={"us": "ks"}) as world:
        world.now += timedelta(days=365) - timedelta(hours=left)
        metrics.clear_metrics()
        if left > 0:
            world.run_scheduled()
        else:
            world.run_and_fail()
    assert value_of("KalturaSessionsExpiring", capsys) == expiring


def test_credentials_that_renew_themselves_do_not_expire(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with World(size=SMALL) as world:
        metrics.clear_metrics()
        world.run_scheduled()
        asked = [call.action for call in world.regions["us"].calls.all()]
    assert value_of("KalturaSessionsExpiring", capsys) == 0
    assert "get" not in asked


def test_quarantined_responses_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with World(size=SMALL) as world:
        world.regions["us"].faults.push(Fault("garbage_text", times=None, report=6002))
        metrics.clear_metrics()
        world.run_and_fail()
        assert len(world.s3.store.keys("quarantine/")) == 1
    assert value_of("ResponsesQuarantined", capsys) == 1


def test_the_alarm_on_quarantine_stays_until_it_is_empty(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ALARMS["QuarantineAlarm"]["MetricName"] == "ResponsesInQuarantine"
    with World(size=SMALL) as world:
        world.regions["us"].faults.push(Fault("garbage_text", times=None, report=6002))
        metrics.clear_metrics()
        world.run_and_fail()
        assert value_of("ResponsesInQuarantine", capsys) == 1
        world.regions["us"].faults.clear()
        world.now += timedelta(hours=1)
        world.run_scheduled()
        assert value_of("ResponsesInQuarantine", capsys) == 1
        for key in world.s3.store.keys("quarantine/"):
            world.s3.store.remove(key)
        world.now += timedelta(hours=1)
        world.run_scheduled()
        assert value_of("ResponsesInQuarantine", capsys) == 0


def test_a_run_that_cannot_look_into_quarantine_says_nothing_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with World(size=SMALL) as world:
        refused = "AccessDenied"
        world.s3.fault = lambda _, key: refused if key.startswith("quarantine/") else None
        metrics.clear_metrics()
        world.run_scheduled()
    metrics.flush_metrics()
    out = capsys.readouterr().out
    assert "TasksDue" in out
    assert "ResponsesInQuarantine" not in out


def test_only_a_scheduled_run_looks_into_quarantine() -> None:
    with World(size=SMALL) as world:
        world.run({"from": "2026-09-17", "to": "2026-09-18"})
        assert ("LIST", "quarantine/") not in world.s3.requests
        world.run_scheduled()
        assert world.s3.requests.count(("LIST", "quarantine/")) == 1
