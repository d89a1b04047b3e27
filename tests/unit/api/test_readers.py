"""Keys that have expired are refused, by the list of readers in the bucket."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from room_reports.api.errors import KeyRefusedError, ReadersUnknownError
from room_reports.api.readers import MAX_AGE, ReaderKeys
from room_reports.api.request import Request
from room_reports.model.readers import Reader, format_readers
from room_reports.model.windows import iso
from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import StorageError
from room_reports.storage.keys import READERS_KEY
from tests.support.listing_server import ListingServer, listing_server

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LISTED = [
    Reader("good", "ann@example.edu", expires_at=iso(NOW + timedelta(hours=1))),
    Reader("unlimited", "ben@example.edu"),
    Reader("expired", "cy@example.edu", expires_at=iso(NOW)),
    Reader("revoked", "di@example.edu", revoked_at=iso(NOW)),
]


class Clock:
    """A clock that the test sets."""

    now = NOW

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


def by(key_id: str | None) -> Request:
    return Request("GET", {}, "", "127.0.0.1", api_key_id=key_id)


@pytest.fixture
def server() -> Iterator[ListingServer]:
    with listing_server([READERS_KEY]) as listing:
        listing.contents[READERS_KEY] = format_readers(LISTED)
        yield listing


def keys_of(server: ListingServer, clock: Clock | None = None) -> ReaderKeys:
    return ReaderKeys(Bucket(server.client, "bucket"), clock or Clock())


@pytest.mark.parametrize("key_id", ["good", "unlimited", "of another list", None])
def test_other_keys_are_accepted(server: ListingServer, key_id: str | None) -> None:
    keys_of(server).check(by(key_id))


@pytest.mark.parametrize("key_id", ["expired", "revoked"])
def test_expired_and_revoked_keys_are_refused(server: ListingServer, key_id: str) -> None:
    with pytest.raises(KeyRefusedError):
        keys_of(server).check(by(key_id))


def test_a_key_expires_while_the_list_is_kept(server: ListingServer) -> None:
    clock = Clock()
    clock.now = NOW + timedelta(minutes=59, seconds=50)
    keys = keys_of(server, clock)
    keys.check(by("good"))
    clock.now = NOW + timedelta(hours=1)
    with pytest.raises(KeyRefusedError):
        keys.check(by("good"))
    assert server.requests == ["LIST", "GET"]


def test_the_list_is_read_again_when_it_is_old(server: ListingServer) -> None:
    clock = Clock()
    keys = keys_of(server, clock)
    keys.check(by("unlimited"))
    server.contents[READERS_KEY] = format_readers([Reader("unlimited", "", revoked_at=iso(NOW))])
    clock.now += MAX_AGE - timedelta(seconds=1)
    keys.check(by("unlimited"))
    assert server.requests == ["LIST", "GET"]
    clock.now += timedelta(seconds=1)
    with pytest.raises(KeyRefusedError):
        keys.check(by("unlimited"))
    assert server.requests == ["LIST", "GET"] * 2


def test_without_a_list_every_key_is_accepted() -> None:
    with listing_server([]) as server:
        keys_of(server).check(by("any"))
        assert server.requests == ["LIST"]


def test_without_a_key_the_list_is_not_read(server: ListingServer) -> None:
    keys_of(server).check(by(None))
    assert server.requests == []


def test_no_key_is_accepted_by_a_list_that_cannot_be_read(server: ListingServer) -> None:
    del server.contents[READERS_KEY]
    keys = keys_of(server)
    for _ in range(2):
        with pytest.raises(StorageError):
            keys.check(by("good"))


def test_no_key_is_accepted_by_what_is_not_a_list(server: ListingServer) -> None:
    server.contents[READERS_KEY] = b"<html>"
    keys = keys_of(server)
    for _ in range(2):
        with pytest.raises(ReadersUnknownError):
            keys.check(by("unlimited"))
