"""The checks of each Kaltura region."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import requests

from room_reports.kaltura.errors import KalturaError
from room_reports.model.freshness import CLOCK_SKEW
from room_reports.model.regions import Region
from room_reports.model.reports import Report
from room_reports.model.windows import Granularity, Window
from room_reports.storage.keys import Series
from room_reports_command.doctor.check import Area, Check, Outcome, finding, not_checked, ok
from room_reports_command.doctor.examination import Examination
from room_reports_command.kaltura import KalturaAccount, cure_of
from room_reports_command.output import counted, duration

_TIMEOUT = (10.0, 20.0)
_NARROW = timedelta(hours=1)
_NEAR_CAP = 0.8
_WRONG_SECRET = "the secret has to be corrected first"  # noqa: S105 - a reason


def _get(region: Region) -> requests.Response:
    """Request the region's address, without credentials; only that it responds counts."""
    http = requests.Session()
    http.trust_env = False
    return http.head(region.base_url, timeout=_TIMEOUT, allow_redirects=False)


def _reachable(given: Examination) -> Iterator[Outcome]:
    for region in given.stack.settings.regions:
        try:
            response = _get(region)
        except requests.RequestException as error:
            yield finding(f"{region.base_url}: {type(error).__name__}", region.name)
            continue
        if response.status_code >= 500:
            yield finding(f"{region.base_url} responds with {response.status_code}", region.name)
        else:
            took = response.elapsed.total_seconds()
            yield ok(f"{region.base_url} responds in {took * 1000:.0f} ms", region.name)


def _clock(given: Examination) -> Iterator[Outcome]:
    for region in given.stack.settings.regions:
        try:
            response = _get(region)
            theirs = parsedate_to_datetime(response.headers["Date"])
        except requests.RequestException:
            yield not_checked("the region cannot be reached", region.name)
            continue
        except (KeyError, ValueError):
            yield not_checked("the region does not say the time", region.name)
            continue
        skew = theirs - (datetime.now(UTC) + given.aws_ahead)
        seconds = abs(skew.total_seconds())
        text = f"{seconds:.0f} s {'ahead of' if skew > timedelta() else 'behind'} AWS's clock"
        yield finding(text, region.name) if abs(skew) > CLOCK_SKEW else ok(text, region.name)


def _kaltura_session(given: Examination) -> Iterator[Outcome]:
    for name, account in given.accounts.items():
        try:
            yield ok(f"{account.form} of partner {account.partner_id}: {account.role()}", name)
        except KalturaError as error:
            yield finding(str(error), name, cure_of(error, name))
    if not given.accounts:
        yield not_checked(_WRONG_SECRET)


def _reports(given: Examination) -> Iterator[Outcome]:
    end = given.now.replace(minute=0, second=0, microsecond=0)
    for account, report, subject in _each(given):
        try:
            rows = account.rows(report, end - _NARROW, end)
        except KalturaError as error:
            yield finding(str(error), subject, cure_of(error, account.region.name))
        else:
            yield ok(f"{counted(rows, 'row')} in the last full hour", subject)
    if not given.accounts:
        yield not_checked(_WRONG_SECRET)


def _row_cap(given: Examination) -> Iterator[Outcome]:
    cap = min(given.stack.settings.row_caps)
    calendar = given.stack.settings.calendar(Granularity.DAY)
    yesterday = calendar.before(calendar.containing(given.now))
    for account, report, subject in _each(given):
        try:
            rows, source = _rows_of(given, account, report, yesterday)
        except KalturaError as error:
            yield not_checked(f"Kaltura does not return the report: {error.code}", subject)
            continue
        text = f"{counted(rows, 'row')} on {yesterday.label}{source}, the cap is {cap:,}"
        yield finding(text, subject) if rows >= cap * _NEAR_CAP else ok(text, subject)
    if not given.accounts:
        yield not_checked(_WRONG_SECRET)


def _rows_of(
    given: Examination, account: KalturaAccount, report: Report, day: Window
) -> tuple[int, str]:
    """Return a day's rows, from its file if there is one, and otherwise from Kaltura."""
    series = Series(report.slug, account.region.name, Granularity.DAY)
    for gzip in (False, True):
        head = given.stack.bucket.head(series.key(day, gzip=gzip))
        if head and head.metadata.get("rows", "").isdigit():
            return int(head.metadata["rows"]), ""
    return account.rows(report, day.start, day.end), " in one request"


def _each(given: Examination) -> Iterator[tuple[KalturaAccount, Report, str]]:
    for name, account in given.accounts.items():
        for report in given.stack.settings.reports_by_region[name]:
            yield account, report, f"{name} {report.slug}"


CHECKS = (
    Check(
        "kaltura-reachable",
        Area.KALTURA,
        "Each Kaltura region responds.",
        "Nothing can be exported from the region. What is missing is exported later.",
        "docs/operating.md#temporary-errors",
        _reachable,
    ),
    Check(
        "clock-skew",
        Area.KALTURA,
        "Kaltura's clock and AWS's differ by less than ten minutes.",
        f"Rows at the edge of a window can be missed: {duration(CLOCK_SKEW)} are allowed for.",
        "docs/how-it-stays-complete.md#why-no-data-is-lost-doubled-or-incomplete",
        _clock,
    ),
    Check(
        "kaltura-session",
        Area.KALTURA,
        "A Kaltura session can be started, and with which role.",
        "Nothing can be exported from the region.",
        "room-reports secret set",
        _kaltura_session,
    ),
    Check(
        "reports-respond",
        Area.KALTURA,
        "Kaltura returns each report for the last full hour.",
        "The report cannot be exported.",
        "docs/operating.md#one-report-cannot-be-exported",
        _reports,
    ),
    Check(
        "row-cap",
        Area.KALTURA,
        "Yesterday is well below the number of rows that Kaltura returns.",
        "Larger days are cut off. They are then fetched in pieces, which takes longer.",
        "docs/parameters.md#kaltura",
        _row_cap,
    ),
)
