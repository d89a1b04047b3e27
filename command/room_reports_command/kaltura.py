"""Kaltura as the command uses it: credentials are tried, and each report is asked for once."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from room_reports.deadline import Deadline
from room_reports.kaltura.client import KalturaRegion, RetryPolicy
from room_reports.kaltura.credentials import (
    AdminSecret,
    AppToken,
    Credentials,
    StaticKalturaSession,
)
from room_reports.kaltura.errors import KalturaError
from room_reports.kaltura.request import ReportRequest
from room_reports.kaltura.session import KalturaSessionProvider
from room_reports.kaltura.transport import HttpPolicy, Transport
from room_reports.model.regions import Region
from room_reports.model.reports import Report
from room_reports.settings import Settings

_PARTNER = re.compile(rb"v2\|([0-9]{1,15})\|")
_WINDOW = timedelta(hours=1)
_SECONDS = 90.0
"""The most that one trial takes."""
OPERATING = "docs/operating.md#error-messages"
OF_CREDENTIALS = frozenset(
    {
        *("INVALID_KS", "MISSING_KS", "START_SESSION_ERROR", "INVALID_WIDGET_ID", "USER_BLOCKED"),
        *("APP_TOKEN_ID_NOT_FOUND", "APP_TOKEN_NOT_ACTIVE", "APP_TOKEN_EXPIRED"),
        *("INVALID_APP_TOKEN_HASH", "SERVICE_FORBIDDEN_CONTENT_BLOCKED"),
    }
)
"""Kaltura's codes that say that the credentials are wrong."""


class Failure(StrEnum):
    """Why a trial failed."""

    CREDENTIALS = "credentials"
    """Kaltura does not accept them."""
    NO_RESPONSE = "no response"
    """Kaltura did not say whether it accepts them; another attempt may succeed."""
    REFUSED = "refused"
    """Kaltura refused a report, or the region's address is wrong."""


@dataclass(frozen=True)
class Trial:
    """What Kaltura said to one region's credentials; nothing here is secret."""

    region: str
    form: str
    """``app token``, ``admin secret`` or ``ks``."""
    partner_id: int | None
    works: bool
    found: str
    """What was found, as a sentence; an error begins with Kaltura's code."""
    cure: str = ""
    failure: Failure | None = None


class KalturaAccount:
    """One region's account, with the credentials of the stack or with new ones."""

    def __init__(self, settings: Settings, region: Region, credentials: Credentials) -> None:
        self.region = region
        self._settings = settings
        self._credentials = credentials
        policy = HttpPolicy(settings.connect_timeout, min(settings.read_timeout, 60.0), retries=1)
        transport = Transport(region.base_url, policy)
        self._sessions = KalturaSessionProvider(credentials, transport, _now)
        self._reports = KalturaRegion(
            region, transport, self._sessions, RetryPolicy(attempts=2, heavy_attempts=1)
        )

    @property
    def form(self) -> str:
        """The form of the credentials."""
        return _FORMS[type(self._credentials)]

    @property
    def partner_id(self) -> int | None:
        """The account's number; that of a Kaltura session is read from its unencrypted part."""
        credentials = self._credentials
        if not isinstance(credentials, StaticKalturaSession):
            return credentials.partner_id
        padded = credentials.ks + "=" * (-len(credentials.ks) % 4)
        try:
            match = _PARTNER.match(base64.urlsafe_b64decode(padded))
        except (ValueError, binascii.Error):
            return None
        return int(match[1]) if match else None

    def role(self) -> str:
        """Start a Kaltura session, and return the role that it has, in words.

        Raises:
            KalturaError: If Kaltura does not start one.
        """
        kaltura_session = self._sessions.current(Deadline.after(_SECONDS))
        if isinstance(self._credentials, StaticKalturaSession):
            return "the role is not known, because the secret holds a ready-made Kaltura session"
        granted = dict(
            each.partition(":")[::2] for each in kaltura_session.privileges.split(",") if each
        )
        role = granted.get("setrole")
        return f"role {role}" if role else "no role of its own: it has that of its user"

    def rows(self, report: Report, start: datetime, end: datetime) -> int:
        """Request a report and return its number of rows.

        Raises:
            KalturaError: If Kaltura does not return it.
        """
        request = ReportRequest(
            report,
            int(start.timestamp()),
            int(end.timestamp()),
            self._settings.filters.get(report.slug, {}),
            self._settings.privacy.dropped(report),
        )
        return self._reports.fetch(request, _count_lines, Deadline.after(_SECONDS)) - 1


def try_credentials(settings: Settings, region: Region, credentials: Credentials) -> Trial:
    """Start a Kaltura session and request each report for the last hour that has ended."""
    account = KalturaAccount(settings, region, credentials)

    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    try:
        for report in settings.reports_by_region[region.name]:
            account.rows(report, end - _WINDOW, end)
    except KalturaError as error:
        return Trial(
            *(region.name, account.form, account.partner_id, False, str(error)),
            cure=cure_of(error, region.name),
            failure=failure_of(error),
        )
    reports = ", ".join(report.slug for report in settings.reports_by_region[region.name])
    return Trial(region.name, account.form, account.partner_id, True, f"works: {reports}")


def failure_of(error: KalturaError) -> Failure:
    """Return why a trial failed."""
    if error.code in OF_CREDENTIALS:
        return Failure.CREDENTIALS
    return Failure.NO_RESPONSE if error.retryable else Failure.REFUSED


def cure_of(error: KalturaError, region: str) -> str:
    """Return the command or the page that cures an error of Kaltura; its text has the advice."""
    if error.code in OF_CREDENTIALS:
        return f"room-reports secret set --regions {region}"
    return OPERATING


_FORMS: dict[type[Credentials], str] = {
    AppToken: "app token",
    AdminSecret: "admin secret",
    StaticKalturaSession: "ks",
}


def _now() -> float:
    return datetime.now(UTC).timestamp()


def _count_lines(stream: Iterator[bytes]) -> int:
    lines, last = 0, b""
    for chunk in stream:
        if chunk:
            lines, last = lines + chunk.count(b"\n"), chunk
    return lines + (bool(last) and not last.endswith(b"\n"))
