"""A month's bill: quantities from what was measured, times the list prices. No free tier."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.cost.assumed import (
    API_SECONDS,
    KALTURA_SECONDS,
    S3_SECONDS,
    START_SECONDS,
    YEARS_KEPT,
)
from tools.cost.prices import PRICES
from tools.cost.resources import default, downloads_memory_gb, ephemeral_storage_gb, resources

DAYS = 30
"""Days of a month."""
_GB, _TB = 1e9, 1e12
_SMALLEST_QUERY = 10e6
"""Athena charges for at least so many bytes."""


@dataclass(frozen=True)
class Line:
    """One line of the bill."""

    service: str
    price: str
    """The name of the price."""
    quantity: float
    """In the price's unit, for a month."""

    @property
    def usd(self) -> float:
        """The price of the line in US dollars."""
        return PRICES[self.price].of(self.quantity)


def bill(measured: Mapping[str, Any]) -> list[Line]:
    """Return a month's bill of one deployment with the template's defaults.

    Args:
        measured: What tests/bench/cost.py measured for one profile.
    """
    profile, api = measured["profile"], measured["api"]
    month = DAYS / measured["days"]
    runs, seconds = measured["runs"] * month, exporter_seconds(measured) * month
    views, downloads = profile["page_views"], profile["downloads"]
    requests = views * api["page"]["requests"] + downloads * api["download"]["requests"]
    exporter_gb = int(default("MemorySize")) / 1024
    gb_seconds = seconds * exporter_gb + requests * API_SECONDS * downloads_memory_gb()

    def s3(*methods: str) -> float:
        requests_to_s3: float = sum(
            measured["s3"].get(method, 0) * month
            + api["page"].get(method, 0) * views
            + api["download"].get(method, 0) * downloads
            for method in methods
        )
        return requests_to_s3

    daily = sum(measured["stored_bytes_a_day"].values())
    files = measured["report_files_a_day"]
    kept = (
        (daily + measured["run_record_bytes_a_day"]) * 365 * YEARS_KEPT
        + measured["former_version_bytes_a_day"] * int(default("NoncurrentVersionDays"))
    ) / _GB
    scanned = max(_SMALLEST_QUERY, measured["stored_bytes_a_day"]["attendees"] * DAYS)
    logs = measured["log_bytes"] * month / _GB
    kinds = resources()
    return [
        Line("Lambda", "lambda_requests", runs + requests),
        Line("Lambda", "lambda_gb_seconds", gb_seconds),
        Line("Lambda", "lambda_storage_gb_seconds", seconds * ephemeral_storage_gb()),
        Line("API Gateway", "api_requests", requests),
        Line("S3", "s3_writes", s3("PUT", "LIST")),
        Line("S3", "s3_reads", s3("GET", "HEAD")),
        Line("S3", "s3_gb_months", kept),
        Line("S3", "transfer_gb", downloads * daily / files / _GB),
        Line("Athena", "athena_tb", profile["queries"] * scanned / _TB),
        Line("Secrets Manager", "secrets", kinds["AWS::SecretsManager::Secret"]),
        Line("Secrets Manager", "secret_reads", measured["secret_reads"] * month),
        Line("CloudWatch", "metrics", measured["metrics"]),
        Line("CloudWatch", "alarms", kinds["AWS::CloudWatch::Alarm"]),
        Line("CloudWatch", "dashboards", kinds["AWS::CloudWatch::Dashboard"]),
        Line("CloudWatch", "log_gb", logs),
        Line("CloudWatch", "log_gb_months", logs / DAYS * int(default("LogRetentionDays"))),
    ]


def exporter_seconds(
    measured: Mapping[str, Any], kaltura_seconds: float = KALTURA_SECONDS
) -> float:
    """Return the seconds of all measured runs, if each call takes as long as is assumed.

    Calls to Kaltura count one after the other, which is more than they take side by side.
    """
    seconds: float = (
        measured["runs"] * START_SECONDS
        + sum(measured["s3"].values()) * S3_SECONDS
        + measured["kaltura"]["report"] * kaltura_seconds
        + measured["seconds"]["all"]
    )
    return seconds


def total(lines: list[Line]) -> float:
    """Return the sum of a bill in US dollars."""
    return sum(line.usd for line in lines)
