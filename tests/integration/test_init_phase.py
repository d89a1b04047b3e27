"""What the exporter does before its first invocation: connections, and no decision."""

import pytest

from room_reports.errors import ConfigurationError
from tests.support.kaltura_client import REPORT, TABLE, Client
from tests.support.scripted_server import serving
from tests.support.world import World


def test_the_first_call_uses_the_connection_that_was_opened_before() -> None:
    with serving(REPORT) as server:
        client = Client(server.url)
        client.region.connect()
        assert not server.requests
        assert client.fetch() == TABLE
        assert client.fetch() == TABLE
        assert server.connections == 1


def test_a_region_that_cannot_be_reached_is_an_error() -> None:
    with serving(REPORT) as server:
        client = Client(server.url)
    with pytest.raises(Exception, match="refused"):
        client.region.connect()


def test_preparing_calls_no_report_and_writes_nothing() -> None:
    with World(regions=("us", "eu")) as world:
        exporter = world.exporter()
        exporter.prepare()
        assert [method for method, _ in world.s3.requests] == ["LIST"]
        assert all(server.calls.all() == () for server in world.regions.values())
        assert exporter.invoke(world.scheduled_event(), "0123456789", world.deadline())["exported"]


@pytest.mark.parametrize(
    ("variable", "value"), [("TIME_ZONE", "Europe/Atlantis"), ("BUCKET_NAME", "")]
)
def test_a_wrong_setting_is_left_to_the_invocation(variable: str, value: str) -> None:
    with World() as world:
        world.environment[variable] = value
        exporter = world.exporter()
        exporter.prepare()
        assert world.s3.requests == []
        with pytest.raises(ConfigurationError, match=variable):
            exporter.invoke(world.scheduled_event(), "0123456789", world.deadline())


def test_a_wrong_secret_is_left_to_the_invocation() -> None:
    with World() as world:
        world.secret = "{}"
        exporter = world.exporter()
        exporter.prepare()
        with pytest.raises(ConfigurationError, match="secret"):
            exporter.invoke(world.scheduled_event(), "0123456789", world.deadline())
