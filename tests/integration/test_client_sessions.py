"""The client and its Kaltura sessions; no failure shows a secret."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from room_reports.kaltura.credentials import Credentials
from room_reports.kaltura.errors import (
    KalturaError,
    RegionError,
)
from tests.support.kaltura_client import (
    ADMIN,
    EXPIRED,
    READY,
    REPORT,
    STARTED,
    TABLE,
    TOKEN,
    Client,
    api_error,
    assert_no_secret,
    calls,
    cut_at,
    with_kaltura_sessions,
)
from tests.support.scripted_server import (
    Request,
    Response,
    response,
    serving,
)


@pytest.mark.parametrize("credentials", [ADMIN, TOKEN], ids=["admin secret", "app token"])
@pytest.mark.parametrize("reason", ["EXPIRED", "EXCEEDED_ACTIONS_LIMIT"])
def test_an_expired_session_is_replaced_once(credentials: Credentials, reason: str) -> None:
    def report(request: Request) -> Response:
        spent = request.form["ks"] == f"{STARTED}1"
        return api_error("INVALID_KS", KSID=reason) if spent else REPORT

    with serving(with_kaltura_sessions(report)) as server:
        client = Client(server.url, credentials)
        assert client.fetch() == TABLE
        assert client.fetch() == TABLE

    assert client.waits == []
    starts = [call for call in calls(server) if call in ("start", "startSession")]
    assert len(starts) == 2
    assert calls(server).count("getCsvFromStringParams") == 3


@pytest.mark.parametrize("credentials", [ADMIN, TOKEN], ids=["admin secret", "app token"])
def test_a_second_expired_session_raises_region_error(
    credentials: Credentials,
) -> None:
    advice = "Kaltura refused a new Kaltura session too; check the clocks"
    with (
        serving(with_kaltura_sessions(lambda _: EXPIRED)) as server,
        pytest.raises(RegionError, match=advice),
    ):
        Client(server.url, credentials).fetch()

    assert calls(server).count("getCsvFromStringParams") == 2


def test_an_expired_static_session_says_what_to_do() -> None:
    advice = "has expired; put a new one into the secret"
    with serving(EXPIRED) as server, pytest.raises(RegionError, match=advice):
        Client(server.url).fetch()

    assert len(server.requests) == 1


def test_a_revoked_session_is_not_reused() -> None:
    ended = api_error("INVALID_KS", KSID="LOGOUT")
    reports = iter([ended, REPORT])
    with serving(with_kaltura_sessions(lambda _: next(reports))) as server:
        client = Client(server.url, ADMIN)
        with pytest.raises(RegionError, match="was ended"):
            client.fetch()
        assert client.fetch() == TABLE

    assert calls(server).count("start") == 2


@pytest.mark.parametrize(
    "failure",
    [api_error("INTERNAL_SERVERL_ERROR"), response(b"", status=500)],
    ids=["error", "500"],
)
def test_a_transient_error_at_session_start_is_retried(failure: Response) -> None:
    with serving(failure, with_kaltura_sessions(lambda _: REPORT)) as server:
        client = Client(server.url, ADMIN)
        assert client.fetch() == TABLE

    assert calls(server) == ["start", "start", "getCsvFromStringParams"]
    assert len(client.waits) == 1


def test_many_threads_share_one_session() -> None:
    with serving(with_kaltura_sessions(lambda _: REPORT)) as server:
        client = Client(server.url, ADMIN)
        with ThreadPoolExecutor(8) as pool:
            tables = list(pool.map(lambda _: client.fetch(), range(16)))

    assert all(table == TABLE for table in tables)
    assert calls(server).count("start") == 1


def test_an_expired_session_is_replaced_once_for_all_threads() -> None:
    def report(request: Request) -> Response:
        return EXPIRED if request.form["ks"] == f"{STARTED}1" else REPORT

    with serving(with_kaltura_sessions(report)) as server:
        client = Client(server.url, ADMIN)
        with ThreadPoolExecutor(8) as pool:
            tables = list(pool.map(lambda _: client.fetch(), range(16)))

    assert all(table == TABLE for table in tables)
    assert calls(server).count("start") == 2


def echo_credentials(request: Request) -> Response:
    form = request.form
    return api_error("INVALID_KS", KSID=form.get("ks", form.get("secret", "")))


@pytest.mark.parametrize("credentials", [READY, ADMIN, TOKEN], ids=["ks", "admin", "token"])
@pytest.mark.parametrize(
    "report",
    [
        lambda _: cut_at(100),
        lambda _: response(b"", status=503),
        lambda _: response(b"<html>", "text/html"),
        lambda _: response(b"", status=302, headers=[("Location", "/elsewhere")]),
        lambda _: EXPIRED,
        lambda _: Response((), close=True),
        echo_credentials,
    ],
    ids=["cut", "503", "html", "redirect", "expired", "closed", "echoed"],
)
def test_failures_hide_secrets(
    credentials: Credentials,
    report: Callable[[Request], Response],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    with serving(with_kaltura_sessions(report)) as server:
        client = Client(server.url, credentials)
        with pytest.raises(KalturaError) as caught:
            client.fetch()

    error: BaseException | None = caught.value
    while error is not None:
        assert_no_secret(f"{error} {error!r}")
        error = error.__cause__ or error.__context__
    assert_no_secret(f"{vars(caught.value)}")
    assert_no_secret(caplog.text)
    assert all(request.path.startswith("/api_v3/service/") for request in server.requests)
    assert_no_secret("".join(request.path for request in server.requests))


@pytest.mark.parametrize("credentials", [ADMIN, TOKEN], ids=["admin", "token"])
def test_refused_credentials_are_hidden(
    credentials: Credentials, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with serving(echo_credentials) as server, pytest.raises(RegionError) as caught:
        Client(server.url, credentials).fetch()

    assert_no_secret(f"{caught.value} {caught.value!r} {vars(caught.value)} {caplog.text}")
