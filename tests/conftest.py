"""Fails every test that prints, logs or shows a secret."""

import os
from collections.abc import Generator

import pytest

from tests.support.secrecy import leaks

os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "exporter")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "KalturaRoomReports")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Search the captured output and the report of a failure for secrets."""
    report = yield
    shown = [("the failure's report", report.longreprtext), *report.sections]
    found = [
        f"{', '.join(leaks(text))} in {name}"
        for name, text in shown
        if leaks(text) and name.endswith((report.when, "report"))
    ]
    if found:
        report.outcome = "failed"
        report.longrepr = f"secrets were printed, logged or raised: {'; '.join(found)}"
        report.sections.clear()
    return report
