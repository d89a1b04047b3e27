"""No credential is ever printed, logged, raised or stored, whatever Kaltura answers."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from local.kaltura.faults import KINDS, Fault
from local.kaltura.ks import ADMIN, generate
from tests.support.secrecy import keep_secret, leaks
from tests.support.world import World, world

ROOT = Path(__file__).parents[2]
HARMLESS = {"stall", "stall_in_body", "drip", "rate_limit"}


def session(here: World) -> str:
    """A session that is good for the region us."""
    account = here.kaltura["us"].account
    expires = int(here.now.timestamp()) + 86_400
    return generate(account.partner_id, account.admin_secrets[0], expires, type=ADMIN)


def entries(here: World) -> dict[str, dict[str, object]]:
    """The secret's entry for the region us in each of its three forms."""
    account = here.kaltura["us"].account
    token = account.app_tokens[0]
    return {
        "ks": {"ks": session(here)},
        "app_token": {
            "partner_id": account.partner_id,
            "app_token_id": token.id,
            "app_token": token.token,
        },
        "admin_secret": {
            "partner_id": account.partner_id,
            "admin_secret": account.admin_secrets[0],
            "user_id": "analyst",
        },
    }


def bucket_text(here: World) -> str:
    store = here.s3.store
    return "\n".join(
        f"{a_key} {dict(item.metadata)} {item.body!r}"
        for a_key in store.keys("")
        for item in store.versions(a_key)
    )


@pytest.mark.parametrize("form", ["ks", "app_token", "admin_secret"])
def test_each_form_of_the_secret_works_and_stays_secret_whatever_breaks(
    form: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with world() as here:
        entry = entries(here)[form]
        here.secret = json.dumps({"us": entry})
        keep_secret(str(value) for name, value in entry.items() if name != "partner_id")
        assert len(here.schedule()["exported"]) == 3
        said: list[object] = []
        for kind in sorted(set(KINDS) - HARMLESS):
            # Kaltura repeats a session that it does not accept.
            text = str(entry.get("ks", "")) if kind == "ks_revoked" else ""
            here.kaltura["us"].faults.push(Fault(kind, times=None, service=None, text=text))
            try:
                said.append(here.run({"from": "2026-09-08", "to": "2026-09-09", "force": True}))
            except Exception as error:  # noqa: BLE001 - its message is what is looked at
                said.append(f"{type(error).__name__}: {error} {error.__cause__!r}")
            here.kaltura["us"].faults.clear()
        assert leaks(f"{said}") == []
        assert leaks(bucket_text(here)) == []
        assert leaks(caplog.text) == []
        assert "UNRECOGNISED_RESPONSE" in f"{said}"


class _Echo(BaseHTTPRequestHandler):
    """A proxy that shows what it was sent, as some do when they fail."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        body = b"<h1>Bad gateway</h1><pre>" + sent + b"</pre>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def echo() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("form", ["ks", "app_token", "admin_secret"])
def test_a_proxy_that_repeats_the_request_does_not_get_it_into_the_bucket(form: str) -> None:
    with world() as here, echo() as url:
        entry = entries(here)[form]
        keep_secret(str(value) for name, value in entry.items() if name != "partner_id")
        here.secret = json.dumps({"us": entry})
        here.environment["KALTURA_REGIONS"] = f"us={url}"
        answer = here.fail()
        assert all("UNRECOGNISED_RESPONSE" in failure["error"] for failure in answer["failed"])
        assert leaks(json.dumps(answer)) == []
        kept = bucket_text(here)
        assert leaks(kept) == []
        if form == "ks":
            assert "Bad gateway" in kept
            assert "[redacted]" in kept


PLANTED = """
import logging
import pytest
from tests.support.secrecy import keep_secret
from room_reports.telemetry import logger

SECRET = "a planted secret"
keep_secret([SECRET])
KS = "djJ8MTAyfA" + "x" * 40

def test_printed():
    print(f"before {SECRET} after")

def test_logged_by_the_exporter():
    logger.info("Minted", ks=KS)

def test_logged_by_a_library():
    logging.getLogger("urllib3").warning("POST %s", SECRET)

@pytest.fixture
def careless():
    yield
    print(KS)

def test_at_the_end(careless):
    pass

def test_shown_of_a_failure():
    assert "something" == SECRET

def test_innocent():
    print("djJ8 and planted are only words")
"""


def test_a_planted_secret_fails_the_test_that_showed_it(tmp_path: Path) -> None:
    (tmp_path / "test_planted.py").write_text(PLANTED)
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-p",
                "tests.conftest",
                "-p",
                "no:cacheprovider",
            ),
            *("-c", ROOT / "pyproject.toml", "--rootdir", ROOT, tmp_path),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    shown = done.stdout + done.stderr
    assert "4 failed, 2 passed, 1 error" in shown
    for name in ("stdout call", "log call", "stdout teardown"):
        assert f"… in Captured {name}" in shown
    assert "… in the failure's report" in shown
    assert "a planted secret" not in shown
    assert "djJ8MTAyfA" not in shown
