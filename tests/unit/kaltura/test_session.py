import hashlib
import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from room_reports.deadline import Deadline
from room_reports.kaltura.credentials import (
    AdminSecret,
    AppToken,
    Credentials,
    StaticKalturaSession,
)
from room_reports.kaltura.errors import KalturaError, RegionError, TransientError
from room_reports.kaltura.session import LIFETIME, KalturaSessionProvider
from room_reports.kaltura.transport import HttpPolicy, Transport
from tests.support.scripted_server import JSON, Request, Response, ScriptedServer, response, serving

NOW = 1_800_000_000.0
ADMIN = AdminSecret(102, "the-admin-secret", "someone")
TOKEN = AppToken(102, "1_token", "the-token-itself")
WIDGET_KS = "djJ8MTAyfwidget"


class SettableClock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def provider(
    server: ScriptedServer, credentials: Credentials, clock: Callable[[], float]
) -> KalturaSessionProvider:
    return KalturaSessionProvider(credentials, Transport(server.url, HttpPolicy(retries=0)), clock)


def soon() -> Deadline:
    return Deadline.after(20)


def json_response(value: object) -> Response:
    return response(json.dumps(value).encode(), JSON)


def refusal(code: str) -> Response:
    return json_response(
        {"code": code, "message": "m", "objectType": "KalturaAPIException", "args": []}
    )


class Kaltura:
    """Starts numbered sessions; accepts the hash of an app token by one algorithm only."""

    def __init__(
        self, algorithm: str = "sha256", expiry: object = int(NOW) + LIFETIME, delay: float = 0.0
    ) -> None:
        self.started = 0
        self.algorithm = algorithm
        self.expiry = expiry
        self.delay = delay

    def __call__(self, request: Request) -> Response:
        if request.action == "startWidgetSession":
            assert request.form["widgetId"] == "_102"
            return json_response({"ks": WIDGET_KS, "partnerId": "102", "userId": 0})
        self.started += 1
        ks = f"djJ8MTAyfA-{self.started}"
        if request.action == "start":
            given = json_response(ks)
        else:
            expected = hashlib.new(self.algorithm, (WIDGET_KS + TOKEN.app_token).encode())
            if request.form["tokenHash"] != expected.hexdigest():
                return refusal("INVALID_APP_TOKEN_HASH")
            given = json_response({"ks": ks, "expiry": self.expiry})
        return Response((self.delay, *given.parts))


def test_a_static_session_is_used_unchanged() -> None:
    with serving(refusal("UNEXPECTED_REQUEST")) as server:
        sessions = provider(server, StaticKalturaSession("djJ8ready"), SettableClock())

        assert sessions.current(soon()).ks == "djJ8ready"
        assert not sessions.can_renew
    assert server.requests == []


def test_an_admin_secret_starts_a_session_with_least_privilege() -> None:
    with serving(Kaltura()) as server:
        sessions = provider(server, ADMIN, SettableClock())
        session = sessions.current(soon())
        (request,) = server.requests

    assert session.ks == "djJ8MTAyfA-1"
    assert sessions.can_renew
    assert request.method == "POST"
    assert request.path == "/api_v3/service/session/action/start"
    form = request.form
    privileges = form.pop("privileges").split(",")
    assert form == {
        "format": "1",
        "secret": "the-admin-secret",
        "partnerId": "102",
        "userId": "someone",
        "type": "2",
        "expiry": str(LIFETIME),
    }
    assert LIFETIME <= 3600
    assert "setrole:REPORT_VIEWER_ROLE" in privileges
    assert "urirestrict:/api_v3/service/report/action/getCsvFromStringParams*" in privileges


@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "sha512", "md5"])
def test_app_token_hash_algorithm_is_found_and_remembered(algorithm: str) -> None:
    clock = SettableClock()
    with serving(Kaltura(algorithm)) as server:
        sessions = provider(server, TOKEN, clock)
        first = sessions.current(soon())
        tries = len(server.requests)
        clock.now += LIFETIME
        second = sessions.current(soon())

        assert first.ks != second.ks
        assert len(server.requests) == tries + 2
    for request in server.requests:
        assert "the-token-itself" not in request.body.decode()
        if request.action == "startSession":
            assert request.form["ks"] == WIDGET_KS
            assert re.fullmatch("[0-9a-f]+", request.form["tokenHash"])
            assert "setrole:REPORT_VIEWER_ROLE" in request.form["sessionPrivileges"]


def test_an_app_token_with_an_unsupported_hash_raises_region_error() -> None:
    with serving(Kaltura("sha3_256")) as server:
        sessions = provider(server, TOKEN, SettableClock())
        for _ in range(2):
            with pytest.raises(RegionError) as caught:
                sessions.current(soon())
            assert caught.value.code == "INVALID_APP_TOKEN_HASH"

        hashes = [request.form.get("tokenHash", "") for request in server.requests]
    assert sorted(len(text) for text in hashes[1:5]) == [32, 40, 64, 128]
    assert hashes[:5] == hashes[5:]


@pytest.mark.parametrize(
    ("credentials", "expiry", "lasts"),
    [
        (ADMIN, None, 3300),
        (TOKEN, int(NOW) + 3600, 3300),
        (TOKEN, int(NOW) + 600, 300),
        (TOKEN, int(NOW) + 60, 30),
        (TOKEN, int(NOW) + 86400, 3300),
        (TOKEN, int(NOW) - 1, 3300),
        (TOKEN, None, 3300),
        (TOKEN, "soon", 3300),
    ],
)
def test_a_session_is_replaced_before_it_expires(
    credentials: Credentials, expiry: object, lasts: int
) -> None:
    clock = SettableClock()
    with serving(Kaltura(expiry=expiry)) as server:
        sessions = provider(server, credentials, clock)
        first = sessions.current(soon())
        clock.now = NOW + lasts - 1
        assert sessions.current(soon()) is first
        clock.now = NOW + lasts + 1
        assert sessions.current(soon()) is not first


def test_concurrent_threads_start_one_session() -> None:
    kaltura = Kaltura(delay=0.1)
    with serving(kaltura) as server:
        sessions = provider(server, ADMIN, SettableClock())
        together = threading.Barrier(16)

        def ask(_: int) -> str:
            together.wait()
            return sessions.current(soon()).ks

        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(ask, range(16))) == {"djJ8MTAyfA-1"}
    assert kaltura.started == 1


def test_discarding_an_old_session_twice_keeps_the_new_one() -> None:
    kaltura = Kaltura()
    with serving(kaltura) as server:
        sessions = provider(server, ADMIN, SettableClock())
        old = sessions.current(soon())
        sessions.discard(old)
        new = sessions.current(soon())
        sessions.discard(old)

        assert sessions.current(soon()) is new
    assert kaltura.started == 2


@pytest.mark.parametrize("nothing", [None, "", 7, [], {"ks": "x"}])
def test_a_response_without_a_session_raises_transient_error(nothing: object) -> None:
    with serving(json_response(nothing)) as server, pytest.raises(TransientError) as caught:
        provider(server, ADMIN, SettableClock()).current(soon())

    assert caught.value.code == "NO_SESSION"


@pytest.mark.parametrize(
    ("credentials", "code"),
    [
        (ADMIN, "START_SESSION_ERROR"),
        (ADMIN, "UNKNOWN_ROLE_ID"),
        (TOKEN, "INVALID_WIDGET_ID"),
        (TOKEN, "APP_TOKEN_EXPIRED"),
    ],
)
def test_a_refused_secret_raises_region_error_with_the_code(
    credentials: Credentials, code: str
) -> None:
    with serving(refusal(code)) as server, pytest.raises(RegionError) as caught:
        provider(server, credentials, SettableClock()).current(soon())

    assert caught.value.code == code


@pytest.mark.parametrize(
    "ks", ["djJ8MTAyfA-new_session_of_version_2", "MTIzNDU2fGEgc2Vzc2lvbiBvZiB2ZXJzaW9uIDE="]
)
def test_an_unrecognised_response_does_not_leak_its_session(ks: str) -> None:
    xml = response(f"<xml><result>{ks}</result></xml>".encode(), "text/xml")
    with serving(xml) as server, pytest.raises(KalturaError) as caught:
        provider(server, ADMIN, SettableClock()).current(soon())

    assert ks not in f"{caught.value}{caught.value!r}{vars(caught.value)}"


def test_repr_of_a_session_hides_the_ks() -> None:
    with serving(Kaltura()) as server:
        assert "djJ8" not in repr(provider(server, ADMIN, SettableClock()).current(soon()))
