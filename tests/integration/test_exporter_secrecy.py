"""No credential is printed, logged, raised or stored, for any response of Kaltura."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.kaltura.faults import KINDS, Fault
from tests.support.scripted_server import Request, Response, response, serving
from tests.support.secrecy import keep_secret, leaks
from tests.support.world import SECRET_FORMS, SecretForm, World

ROOT = Path(__file__).parents[2]
HARMLESS = {"stall", "stall_in_body", "drip", "rate_limit"}


def entry_of(world: World, form: SecretForm) -> dict[str, object]:
    """Return the secret's entry for the region us, as an operator may write it."""
    entry = world.secret_entry("us", form)
    return {**entry, "user_id": "analyst"} if form == "admin_secret" else entry


def bucket_text(world: World) -> str:
    store = world.s3.store
    return "\n".join(
        f"{key} {dict(item.metadata)} {item.body!r}"
        for key in store.keys("")
        for item in store.versions(key)
    )


@pytest.mark.parametrize("form", SECRET_FORMS)
def test_no_fault_leaks_any_form_of_the_secret(
    form: SecretForm, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with World() as world:
        entry = entry_of(world, form)
        world.secret = json.dumps({"us": entry})
        keep_secret(str(value) for name, value in entry.items() if name != "partner_id")
        assert len(world.run_scheduled()["exported"]) == 3
        shown: list[object] = []
        for kind in sorted(set(KINDS) - HARMLESS):
            # Kaltura echoes a session that it does not accept.
            text = str(entry.get("ks", "")) if kind == "ks_revoked" else ""
            world.regions["us"].faults.push(Fault(kind, times=None, service=None, text=text))
            try:
                shown.append(world.run({"from": "2026-09-08", "to": "2026-09-09", "force": True}))
            except Exception as error:  # noqa: BLE001 - the message is checked
                shown.append(f"{type(error).__name__}: {error} {error.__cause__!r}")
            world.regions["us"].faults.clear()
        assert leaks(f"{shown}") == []
        assert leaks(bucket_text(world)) == []
        assert leaks(caplog.text) == []
        assert "UNRECOGNISED_RESPONSE" in f"{shown}"


def echo(request: Request) -> Response:
    """Respond as a proxy that shows what it received, as some do when they fail."""
    return response(b"<h1>Bad gateway</h1><pre>" + request.body + b"</pre>", "text/html")


@pytest.mark.parametrize("form", SECRET_FORMS)
def test_a_proxy_that_echoes_the_request_does_not_leak_secrets_into_the_bucket(
    form: SecretForm,
) -> None:
    with World() as world, serving(echo) as proxy:
        entry = entry_of(world, form)
        keep_secret(str(value) for name, value in entry.items() if name != "partner_id")
        world.secret = json.dumps({"us": entry})
        world.environment["KALTURA_REGIONS"] = f"us={proxy.url}"
        result = world.run_and_fail()
        assert all("UNRECOGNISED_RESPONSE" in failure["error"] for failure in result["failed"])
        assert leaks(json.dumps(result)) == []
        kept = bucket_text(world)
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
    logger.info("Started", ks=KS)

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


def test_a_test_that_leaks_a_secret_fails(tmp_path: Path) -> None:
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
