"""Links keep their promise whatever the age of the credentials that sign them."""

from datetime import UTC, datetime, timedelta

import pytest

from room_reports.api.presign import ObjectVersion, Presigner, StsCredentials

TARGET = ObjectVersion("bucket", "attendees/x.csv", "version", "attendees_us_2026-11-22.csv")


class World:
    """A clock, and a role whose sessions last an hour by it."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)
        self.sessions = 0

    def assume(self) -> StsCredentials:
        self.sessions += 1
        return StsCredentials(
            f"ASIA{self.sessions}", "secret", "token", self.now + timedelta(hours=1)
        )

    def clock(self) -> datetime:
        return self.now


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-2")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return World()


def test_credentials_are_reused_while_they_outlive_a_link(world: World) -> None:
    presigner = Presigner(world.assume, timedelta(minutes=15), world.clock)
    for minutes, sessions in ((0, 1), (44, 1), (2, 2), (0, 2)):
        world.now += timedelta(minutes=minutes)
        url = presigner.link(TARGET, "GET").url
        assert world.sessions == sessions
        assert "X-Amz-Expires=900" in url
        assert f"X-Amz-Credential=ASIA{sessions}" in url


def test_a_link_expires_no_later_than_its_credentials(world: World) -> None:
    presigner = Presigner(world.assume, timedelta(hours=2), world.clock)
    link = presigner.link(TARGET, "GET")
    assert link.expires_at <= world.now + timedelta(hours=1)
    assert "X-Amz-Expires=3600" in link.url


def test_links_use_the_regional_endpoint(world: World) -> None:
    url = Presigner(world.assume, timedelta(minutes=1), world.clock).link(TARGET, "GET").url
    assert url.startswith("https://bucket.s3.eu-central-2.amazonaws.com/attendees/x.csv?")
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url


def test_representations_hide_secrets(world: World) -> None:
    assert "secret" not in repr(world.assume())
    assert "token" not in repr(world.assume())
