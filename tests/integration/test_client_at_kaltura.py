"""The client against the simulated Kaltura, which checks sessions as the real one does."""

import io
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from local.kaltura.account import Account
from local.kaltura.account import AppToken as Token
from local.kaltura.clock import Clock
from local.kaltura.faults import Fault
from local.kaltura.server import KalturaServer
from local.kaltura.truth import Filters, Row
from room_reports.deadline import Deadline
from room_reports.kaltura.client import KalturaRegion, RetryPolicy
from room_reports.kaltura.credentials import AdminSecret, AppToken, Credentials
from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.kaltura.errors import RegionError
from room_reports.kaltura.request import ReportRequest
from room_reports.kaltura.session import KalturaSessionProvider
from room_reports.kaltura.transport import HttpPolicy, Transport
from room_reports.model.regions import Region
from room_reports.model.reports import ATTENDEES, REPORTS, Kind, Report
from room_reports.storage.csv_file import read_csv, write_csv
from tests.support.secrecy import keep_secret, secrets_of
from tests.support.tables import Table, tables

PARTNER = 654_321
HASHES = ("MD5", "SHA1", "SHA256", "SHA512")
ACCOUNT = Account(
    partner_id=PARTNER,
    admin_secrets=("an admin secret of the client's tests",),
    app_tokens=(
        *(Token(f"1_{name}", f"a token of the client's tests for {name}", name) for name in HASHES),
        Token("1_short", "a token of the client's tests of a minute", session_duration=60),
        Token("1_weak", "a token of the client's tests without a role", privileges=""),
    ),
    users={"limited": "CONTENT_UPLOADER_ROLE"},
)
keep_secret(secrets_of(ACCOUNT))
ADMIN = AdminSecret(PARTNER, ACCOUNT.admin_secrets[0], "")


def app_token(token_id: str) -> AppToken:
    token = ACCOUNT.app_token(token_id)
    assert token is not None
    return AppToken(PARTNER, token_id, token.token)


class SettableTruth:
    """Rows that the test sets, for every report and window."""

    def __init__(self) -> None:
        self.current: list[Row] = []

    def rows(
        self,
        report: int,  # noqa: ARG002 - part of the protocol
        start: int,  # noqa: ARG002
        end: int,  # noqa: ARG002
        *,
        filters: Filters | None = None,  # noqa: ARG002
        as_of: float | None = None,  # noqa: ARG002
    ) -> list[Row]:
        return self.current


@pytest.fixture(scope="module")
def truth() -> SettableTruth:
    return SettableTruth()


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def kaltura(truth: SettableTruth, clock: Clock) -> Iterator[KalturaServer]:
    with KalturaServer(truth, account=ACCOUNT, clock=clock) as server:
        yield server


def region(kaltura: KalturaServer, credentials: Credentials) -> KalturaRegion:
    transport = Transport(kaltura.url, HttpPolicy(connect_timeout=5, read_timeout=20))
    sessions = KalturaSessionProvider(credentials, transport, kaltura.clock)
    retry = RetryPolicy(sleep=lambda _: None)
    return KalturaRegion(Region("us", kaltura.url), transport, sessions, retry)


def fetch(source: KalturaRegion, report: Report) -> list[list[str]]:
    """Return the report as it would be published."""

    def consume(chunks: Iterator[bytes]) -> list[list[str]]:
        reader, out = KalturaCsvReader(chunks), io.BytesIO()
        write_csv(reader.header, reader, report, out)
        return list(read_csv(out))

    return source.fetch(ReportRequest(report, 0, 3600), consume, Deadline.after(30))


def one_row(report: Report) -> Row:
    return tuple("text" if column.kind is Kind.TEXT else "1" for column in report.columns)


@pytest.mark.parametrize(
    "credentials",
    [
        ADMIN,
        # The requested role takes precedence over the user's own.
        AdminSecret(PARTNER, ACCOUNT.admin_secrets[0], "limited"),
        AdminSecret(PARTNER, ACCOUNT.admin_secrets[0], "new user"),
        *(app_token(f"1_{name}") for name in HASHES),
        app_token("1_short"),
    ],
    ids=["admin", "of a limited user", "of an unknown user", *HASHES, "short"],
)
def test_every_kind_of_credentials_works_for_every_report(
    kaltura: KalturaServer, truth: SettableTruth, credentials: Credentials
) -> None:
    source = region(kaltura, credentials)
    for report in REPORTS:
        truth.current = [one_row(report)]
        assert fetch(source, report)[1:] == [list(one_row(report))]


def test_an_app_token_without_a_role_gets_the_requested_role(
    kaltura: KalturaServer, truth: SettableTruth
) -> None:
    truth.current = [one_row(ATTENDEES)]

    assert len(fetch(region(kaltura, app_token("1_weak")), ATTENDEES)) == 2


@pytest.mark.parametrize("credentials", [ADMIN, app_token("1_short")], ids=["admin", "app token"])
def test_a_session_is_renewed_before_or_after_it_expires(
    kaltura: KalturaServer, truth: SettableTruth, clock: Clock, credentials: Credentials
) -> None:
    truth.current = [one_row(ATTENDEES)]
    source = region(kaltura, credentials)
    for later in (0, 40, 3000, 3599, 3601, 10_000):
        clock.offset = later
        assert len(fetch(source, ATTENDEES)) == 2
    kaltura.faults.push(Fault("ks_expired"))
    assert len(fetch(source, ATTENDEES)) == 2
    clock.offset = 0


@pytest.mark.parametrize(
    ("credentials", "code"),
    [
        (AdminSecret(PARTNER, "wrong", ""), "START_SESSION_ERROR"),
        (AppToken(PARTNER, "1_SHA1", "wrong"), "INVALID_APP_TOKEN_HASH"),
        (AppToken(PARTNER, "1_none", "wrong"), "APP_TOKEN_ID_NOT_FOUND"),
        (AppToken(1, "1_SHA1", "wrong"), "INVALID_WIDGET_ID"),
    ],
)
def test_wrong_credentials_raise_region_error_with_the_code(
    kaltura: KalturaServer, credentials: Credentials, code: str
) -> None:
    with pytest.raises(RegionError) as caught:
        fetch(region(kaltura, credentials), ATTENDEES)

    assert caught.value.code == code


def test_any_table_is_fetched_and_published(kaltura: KalturaServer, truth: SettableTruth) -> None:
    source = region(kaltura, ADMIN)

    @settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))
    @given(tables().filter(lambda table: bool(table.report.columns)))
    def arrives(table: Table) -> None:
        plain = Table(table.report, table.header, table.rows, frozenset())
        truth.current = list(plain.rows)
        assert fetch(source, plain.report) == plain.published()

    arrives()
