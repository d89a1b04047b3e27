"""The simulated Kaltura beyond the recordings: sessions, request forms, faults, control API."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import new as new_hash
from hashlib import sha1
from typing import Any

import pytest
import urllib3

from local.kaltura import ks as kaltura_session
from local.kaltura.account import Account, AppToken
from local.kaltura.campus import Size
from local.kaltura.clock import Clock
from local.kaltura.faults import KINDS, REFUSALS, Fault, RandomFaults
from local.kaltura.report_action import ReportSettings
from local.kaltura.server import KalturaServer
from local.kaltura.university import University

PARTNER, SECRET = 102, "a secret of thirty-two characters"
NOW = 1_789_257_600
MONDAY = 1_788_739_200
DAY = f"from_date={MONDAY};to_date={MONDAY + 86_400}"
REPORT = "/api_v3/service/report/action/getCsvFromStringParams"
HASHES = ("MD5", "SHA1", "SHA256", "SHA512")
ACCOUNT = Account(
    partner_id=PARTNER,
    admin_secrets=(SECRET, "an additional secret"),
    user_secret="a user's secret",
    app_tokens=tuple(AppToken(f"1_{name}", "token", hash_type=name) for name in HASHES),
    users={"limited": "CONTENT_UPLOADER_ROLE", "analyst": "REPORT_VIEWER_ROLE"},
)
HARMLESS = {"stall", "stall_in_body", "drip", "close_delimited", "chunked"}
"""Faults after which the complete report has arrived."""
HTTP = urllib3.PoolManager(retries=False, timeout=10)
UNIVERSITY = University(7, "us", Size())


@pytest.fixture
def server() -> Iterator[KalturaServer]:
    clock = Clock()
    clock.pin(NOW)
    with KalturaServer(UNIVERSITY, account=ACCOUNT, clock=clock) as running:
        yield running


def ks(expires_in: int = 3600, secret: str = SECRET, **claims: Any) -> str:
    privileges = kaltura_session.parse_privileges(claims.pop("privileges", ""))
    partner = claims.pop("partner_id", PARTNER)
    return kaltura_session.generate(
        partner, secret, NOW + expires_in, privileges=privileges, **claims
    )


def ask(server: KalturaServer, path: str = REPORT, **form: object) -> urllib3.BaseHTTPResponse:
    usual = (
        {"format": 1, "id": 6001, "params": DAY, "ks": ks()} if path == REPORT else {"format": 1}
    )
    fields = {name: str(value) for name, value in (usual | form).items()}
    return HTTP.request("POST", server.url + path, fields=fields, encode_multipart=False)


def error(response: urllib3.BaseHTTPResponse) -> str:
    """Return the code of an API error, the KSID of an INVALID_KS, or ``ok`` for a report."""
    if response.data.startswith(b"\xef\xbb\xbf"):
        return "ok"
    document = json.loads(response.data)
    return str(document["args"]["KSID"] if document["code"] == "INVALID_KS" else document["code"])


@pytest.mark.parametrize(
    ("session", "outcome"),
    [
        ({}, "ok"),
        ({"secret": "an additional secret"}, "ok"),
        ({"type": 0}, "SERVICE_FORBIDDEN"),
        ({"type": 0, "privileges": "setrole:REPORT_VIEWER_ROLE"}, "ok"),
        ({"type": 0, "user_id": "analyst"}, "ok"),
        ({"user_id": "limited"}, "SERVICE_FORBIDDEN"),
        ({"user_id": "limited", "privileges": "setrole:REPORT_VIEWER_ROLE"}, "ok"),
        ({"privileges": "setrole:NO_SUCH_ROLE"}, "INVALID_OBJECT_ID"),
        ({"privileges": "disableentitlement,*"}, "ok"),
        ({"privileges": f"urirestrict:{REPORT}*"}, "ok"),
        ({"privileges": "urirestrict:/api_v3/service/media/*"}, "EXCEEDED_RESTRICTED_URI"),
        ({"privileges": "iprestrict:10.0.0.1"}, "EXCEEDED_RESTRICTED_IP"),
        ({"privileges": "actionslimit:0"}, "EXCEEDED_ACTIONS_LIMIT"),
        ({"expires_in": 0}, "EXPIRED"),
    ],
)
def test_privileges_of_a_session_are_checked(
    server: KalturaServer, session: dict[str, Any], outcome: str
) -> None:
    assert error(ask(server, ks=ks(**session))) == outcome


@pytest.mark.parametrize("session", [{"secret": "wrong"}, {"partner_id": 103}])
def test_an_invalid_session_is_echoed(server: KalturaServer, session: dict[str, Any]) -> None:
    foreign = ks(**session)
    assert error(ask(server, ks=foreign)) == foreign


def test_v1_sessions_and_other_encodings_are_accepted(server: KalturaServer) -> None:
    info = f"{PARTNER};{PARTNER};{NOW + 60};2;0.5;;;;"
    digest = sha1((SECRET + info).encode()).hexdigest()
    v1 = base64.b64encode(f"{digest}|{info}".encode()).decode()
    plain = ks().replace("-", "+").replace("_", "/").rstrip("=")
    assert error(ask(server, ks=v1)) == "ok"
    assert error(ask(server, ks=f" {plain} ")) == "ok"


def test_an_actions_limit_counts_every_call(server: KalturaServer) -> None:
    limited = ks(privileges="actionslimit:2")
    outcomes = [error(ask(server, ks=limited, id=report)) for report in (6000, 6001, 6000)]
    assert outcomes == ["ok", "ok", "EXCEEDED_ACTIONS_LIMIT"]


def widget_ks(server: KalturaServer) -> str:
    path = "/api_v3/service/session/action/startWidgetSession"
    return str(json.loads(ask(server, path, widgetId=f"_{PARTNER}").data)["ks"])


@pytest.mark.parametrize("algorithm", HASHES)
def test_an_app_token_starts_a_session(server: KalturaServer, algorithm: str) -> None:
    widget = widget_ks(server)
    token_hash = new_hash(algorithm.lower(), (widget + "token").encode()).hexdigest()
    form = {"id": f"1_{algorithm}", "tokenHash": token_hash, "ks": widget, "expiry": 600}
    form["sessionPrivileges"] = "actionslimit:1,foo:bar"
    started = json.loads(ask(server, "/api_v3/service/appToken/action/startSession", **form).data)
    assert started["expiry"] == NOW + 600
    assert started["privileges"].endswith("setrole:REPORT_VIEWER_ROLE,foo:bar")
    assert error(ask(server, ks=widget)) == "SERVICE_FORBIDDEN"
    assert error(ask(server, ks=started["ks"])) == "ok"
    again = json.loads(ask(server, "/api_v3/service/appToken/action/startSession", **form).data)
    ask(server, "/api_v3/service/session/action/end", ks=started["ks"])
    assert error(ask(server, ks=again["ks"])) == "LOGOUT"
    server.clock.pin(NOW + 601)
    assert error(ask(server, ks=started["ks"])) == "EXPIRED"


@pytest.mark.parametrize(
    ("form", "outcome"),
    [
        ({"secret": SECRET, "partnerId": PARTNER, "type": 2}, None),
        ({"secret": "a user's secret", "partnerId": PARTNER, "type": 0}, None),
        ({"secret": "a user's secret", "partnerId": PARTNER, "type": 2}, "START_SESSION_ERROR"),
        ({"secret": SECRET, "type": 2}, "START_SESSION_ERROR"),
        ({"secret": SECRET, "partnerId": 7}, "SERVICE_FORBIDDEN_CONTENT_BLOCKED"),
        ({"partnerId": PARTNER}, "MISSING_MANDATORY_PARAMETER"),
        ({"secret": SECRET, "partnerId": PARTNER, "type": 9}, "INVALID_ENUM_VALUE"),
        ({"secret": SECRET, "partnerId": PARTNER, "privileges": "setrole:X"}, "UNKNOWN_ROLE_ID"),
    ],
)
def test_session_start(server: KalturaServer, form: dict[str, Any], outcome: str | None) -> None:
    result = json.loads(ask(server, "/api_v3/service/session/action/start", **form).data)
    assert (result["code"] if isinstance(result, dict) else None) == outcome


def test_all_request_forms_are_equivalent(server: KalturaServer) -> None:
    expected = ask(server).data
    fields = {"id": "6001", "ks": ks(), "params": DAY}
    named = {"service": "Report", "action": "GETCSVFROMSTRINGPARAMS", **fields}
    url = server.url
    path = f"/id/6001/ks/{ks()}/params/{DAY}"
    replies = [
        HTTP.request("GET", url + REPORT + path),
        HTTP.request("GET", url + REPORT.replace("/service", "/index.php/service") + path),
        HTTP.request("GET", url + "/api_v3/", fields=named),
        HTTP.request("POST", url + "/api_v3/index.php", fields=named, encode_multipart=False),
        HTTP.request("POST", url + REPORT, fields=fields, encode_multipart=True),
        HTTP.request("POST", url + REPORT, fields={"json": json.dumps(fields)}),
        HTTP.request("POST", url + REPORT, json={**fields, "id": 6001}),
        ask(server, id="6001abc", params=f"x;entry_ids=;{DAY};limit=x;entryIds=none"),
    ]
    assert [reply.data for reply in replies] == [expected] * len(replies)


@pytest.mark.parametrize(
    ("form", "outcome"),
    [
        ({"params": ""}, "INTERNAL_SERVERL_ERROR"),
        ({"params": "from_date=;to_date=5"}, "INTERNAL_SERVERL_ERROR"),
        ({"params": "from_date =1;to_date=5"}, "INTERNAL_SERVERL_ERROR"),
        ({"params": "from_date=x;to_date=5"}, "INTERNAL_SERVERL_ERROR"),
        ({"params": f"fromDate={MONDAY};toDate={MONDAY + 1}"}, "INTERNAL_SERVERL_ERROR"),
        ({"params": f"fromDate={MONDAY};toDate={MONDAY + 1}", "id": 6002}, "ok"),
        ({"params": f"from_date={MONDAY};to_date={MONDAY}"}, "ok"),
        ({"params": f"{DAY}\x01"}, "INVALID_PARAMETER_CHAR"),
        ({"partnerId": 7}, "SERVICE_FORBIDDEN"),
    ],
)
def test_parameters(server: KalturaServer, form: dict[str, Any], outcome: str) -> None:
    assert error(ask(server, **form)) == outcome


def test_caps_limits_aliases_and_empty_reports() -> None:
    settings = ReportSettings(
        row_cap=5,
        row_caps={6000: 3},
        without_header={6002},
        aliases={7100: 6001},
        quoted={6001: {"user_name"}},
    )
    with KalturaServer(UNIVERSITY, account=ACCOUNT, clock=lambda: NOW, settings=settings) as server:
        wanted = {
            6000: f"{DAY};limit=9",
            6001: f"{DAY};limit=2",
            7100: DAY,
            6002: "from_date=1;to_date=2",
        }
        bodies = {
            report: ask(server, id=report, params=text).data for report, text in wanted.items()
        }
        assert [call.rows for call in server.calls.reports()] == [3, 2, 5, 0]
    assert bodies[6002] == b"\xef\xbb\xbf\n"
    assert b',"' in bodies[6001]


def test_late_events_appear_over_time() -> None:
    clock = Clock()
    university = University(7, "us", Size(lag_hours=40))
    end = MONDAY + 86_400
    seen = []
    with KalturaServer(university, account=ACCOUNT, clock=clock) as server:
        for hours in (-12, 0, 12, 24, 40, 48):
            clock.pin(end + hours * 3600)
            seen.append(ask(server, ks=ks(10**7), id=6001).data.count(b"\n"))
        final = server.truth.rows(6001, MONDAY, end)
        assert server.truth.rows(6001, MONDAY, end, as_of=end + 48 * 3600) == final
    assert seen == sorted(seen)
    assert seen[0] < seen[2] < seen[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fault_is_injected_once(server: KalturaServer, kind: str) -> None:
    good = ask(server).data
    server.faults.push(Fault(kind, amount=0 if kind == "rate_limit" else 2, seconds=0.02))
    assert (outcome_of(server) == (200, good)) == (kind in HARMLESS)
    assert server.faults.pending() == []
    assert outcome_of(server) == (200, good)
    assert [call.fault for call in server.calls.reports()] == ["", kind, ""]


def outcome_of(server: KalturaServer) -> tuple[int, bytes]:
    try:
        response = ask(server)
    except urllib3.exceptions.HTTPError:
        return (0, b"")
    return (response.status, response.data)


@pytest.mark.parametrize("code", REFUSALS)
def test_every_error_code_can_be_injected(server: KalturaServer, code: str) -> None:
    server.faults.push(Fault("api_error", code=code))
    ask(server)
    assert server.calls.all()[-1].outcome == code


def test_faults_are_limited_to_their_report_and_time(server: KalturaServer) -> None:
    server.faults.push(
        Fault("php_fatal", times=None, report=6002),
        Fault("http_status", times=None, after=NOW + 10, until=NOW + 20, seconds=7),
    )
    assert [outcome_of(server)[0], ask(server, id=6002).status] == [200, 500]
    server.clock.pin(NOW + 10)
    refused = ask(server)
    assert (refused.status, refused.headers["Retry-After"]) == (503, "7")
    server.clock.pin(NOW + 20)
    assert outcome_of(server)[0] == 200


def test_a_rate_limit_counts_per_time_window(server: KalturaServer) -> None:
    server.faults.push(Fault("rate_limit", times=None, amount=2, seconds=10))
    outcomes = [error(ask(server)) for _ in range(3)]
    server.clock.pin(NOW + 10)
    assert [*outcomes, error(ask(server))] == ["ok", "ok", "ACTION_BLOCKED", "ok"]


def test_random_faults_are_reproducible(server: KalturaServer) -> None:
    runs = []
    for _ in range(2):
        server.faults.at_random(RandomFaults(3, 0.5, [Fault("http_status"), Fault("ks_expired")]))
        runs.append([outcome_of(server)[1] for _ in range(20)])
    assert runs[0] == runs[1]
    assert 2 < runs[0].count(b"") < 15


def test_a_stopped_region_can_be_started_again(server: KalturaServer) -> None:
    server.stop()
    with pytest.raises(urllib3.exceptions.NewConnectionError):
        ask(server)
    server.start()
    assert error(ask(server)) == "ok"


def test_gzip_is_sent_if_accepted() -> None:
    with KalturaServer(UNIVERSITY, account=ACCOUNT, clock=lambda: NOW, use_gzip=True) as server:
        form = {"id": "6001", "ks": ks(), "params": DAY}
        plain = HTTP.request("POST", server.url + REPORT, fields=form)
        packed = HTTP.request(
            "POST", server.url + REPORT, fields=form, headers={"Accept-Encoding": "gzip"}
        )
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.data == plain.data


def test_the_control_api(server: KalturaServer) -> None:
    def steer(method: str, path: str, body: object = None) -> Any:
        return json.loads(HTTP.request(method, f"{server.url}/_sim/{path}", json=body).data)

    steer("PUT", "clock", {"now": NOW, "offset": 60})
    assert server.clock() == NOW + 60
    steer("POST", "faults", [{"kind": "http_status", "status": 429}])
    assert (outcome_of(server)[0], outcome_of(server)[0]) == (429, 200)
    assert [call["outcome"] for call in steer("GET", "calls?since=0")] == ["http 429", "ok"]
    truth = steer("GET", f"truth?report=6001&start={MONDAY}&end={MONDAY + 86_400}")
    assert len(truth["rows"]) == steer("GET", "calls")[-1]["rows"]
    assert steer("POST", "faults", [{"kind": "no such"}])["error"].startswith("ValueError")
    assert steer("GET", "nothing") == {"error": "no such control"}


def test_the_most_calls_at_once_are_counted(server: KalturaServer) -> None:
    def steer(method: str, path: str, body: object = None) -> Any:
        return json.loads(HTTP.request(method, f"{server.url}/_sim/{path}", json=body).data)

    steer("DELETE", "calls")
    assert steer("GET", "at_once") == {"most": 0}
    ask(server)
    ask(server)
    assert steer("GET", "at_once") == {"most": 1}
    steer("PUT", "latency", {"seconds": 0.5})
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: ask(server), range(3)))
    assert steer("GET", "at_once") == {"most": 3}
    steer("PUT", "latency", {"seconds": 0})
    steer("DELETE", "calls")
    ask(server)
    assert steer("GET", "at_once") == {"most": 1}


def test_the_call_log_has_no_secrets(server: KalturaServer) -> None:
    session = ks()
    ask(server, ks=session)
    HTTP.request("GET", f"{server.url}{REPORT}/id/6001/ks/{session}/params/{DAY}")
    ask(server, "/api_v3/service/session/action/start", secret=SECRET, partnerId=PARTNER)
    noted = repr(server.calls.all()) + repr(server.account)
    assert session not in noted
    assert SECRET not in noted


@pytest.mark.parametrize(
    ("excluded", "hidden"),
    [
        ("user_name,user_email", {"user_name", "user_email"}),
        ("user_name,unknown", {"user_name"}),
        ("USER_NAME", set()),
        ("", set()),
    ],
)
def test_columns_are_excluded_by_their_exact_names(
    server: KalturaServer, excluded: str, hidden: set[str]
) -> None:
    whole = ask(server).data.decode().split("\n")
    shown = ask(server, excludedFields=excluded).data.decode().split("\n")
    header = whole[0].removeprefix("\ufeff").split(",")
    assert shown[0].removeprefix("\ufeff").split(",") == [
        name for name in header if name not in hidden
    ]
    assert shown[0].startswith("\ufeff")
    assert len(shown) == len(whole)
