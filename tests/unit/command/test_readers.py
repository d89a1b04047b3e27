"""The list of readers in the bucket: changed by several operators at once, nothing is lost."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest

from room_reports.model.readers import Reader, format_readers, parse_readers
from room_reports.storage.keys import READERS_KEY
from room_reports_command.errors import StackError
from room_reports_command.readers import add_readers, mark_revoked, read_readers
from room_reports_command.stack import Connection, DeployedStack
from tests.support.s3.server import S3Server

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ANN = Reader("a1", "ann@example.edu", "2026-11-01T00:00:00Z", "2027-01-01T00:00:00Z")
BEN = Reader("b2", "ben@example.edu")


class Stack(DeployedStack):
    """A stack of which only the bucket is used."""

    outputs = {"BucketName": "reports"}  # noqa: RUF012


@pytest.fixture
def server() -> Iterator[S3Server]:
    with S3Server(time.time) as running:
        yield running


@pytest.fixture
def stack(server: S3Server) -> DeployedStack:
    return Stack(Connection(), boto3.Session("any", "any", region_name="us-east-1"), server.url)


def others_write_first(server: S3Server, times: int) -> None:
    """Let other operators write to the list just before it is written, several times."""
    left = iter(range(times))

    def write(method: str, key: str) -> None:
        number = next(left, None) if (method, key) == ("PUT", READERS_KEY) else None
        if number is not None:
            item = server.store.get(READERS_KEY)
            known = parse_readers(item.body.decode()) if item else {}
            other = Reader(f"other{number}", f"other{number}@example.edu")
            body = format_readers([*known.values(), other])
            server.store.put(READERS_KEY, body, {}, {})

    server.fault = write


def test_readers_are_added_and_none_is_replaced(stack: DeployedStack) -> None:
    add_readers(stack, [ANN])
    add_readers(stack, [Reader("a1", "another"), BEN])
    assert read_readers(stack) == {"a1": ANN, "b2": BEN}


def test_a_revoked_key_keeps_its_name_and_expiry(stack: DeployedStack) -> None:
    add_readers(stack, [ANN, BEN])
    mark_revoked(stack, Reader("a1", "another"), NOW)
    mark_revoked(stack, Reader("c3", "of an earlier version"), NOW)
    revoked = "2026-11-23T12:00:00Z"
    assert read_readers(stack) == {
        "a1": Reader("a1", ANN.name, ANN.created_at, ANN.expires_at, revoked),
        "b2": BEN,
        "c3": Reader("c3", "of an earlier version", revoked_at=revoked),
    }


@pytest.mark.parametrize("times", [1, 4])
def test_what_others_write_meanwhile_stays(
    stack: DeployedStack, server: S3Server, times: int
) -> None:
    others_write_first(server, times)
    add_readers(stack, [ANN])
    assert set(read_readers(stack)) == {"a1", *(f"other{number}" for number in range(times))}
    others_write_first(server, times)
    mark_revoked(stack, ANN, NOW)
    assert read_readers(stack)["a1"].revoked_at
    assert len(read_readers(stack)) == times + 1


def test_after_five_attempts_it_says_so(stack: DeployedStack, server: S3Server) -> None:
    others_write_first(server, 5)
    with pytest.raises(StackError, match="changed by another program"):
        add_readers(stack, [ANN])


def test_what_is_not_a_list_is_not_replaced(stack: DeployedStack, server: S3Server) -> None:
    server.store.put(READERS_KEY, b"damaged", {}, {})
    with pytest.raises(StackError, match=READERS_KEY):
        add_readers(stack, [ANN])
    with pytest.raises(StackError, match=READERS_KEY):
        mark_revoked(stack, ANN, NOW)
    item = server.store.get(READERS_KEY)
    assert item
    assert item.body == b"damaged"
