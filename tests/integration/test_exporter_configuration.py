"""All mistakes in settings, secret and event are reported before any export starts."""

import json

import pytest

from room_reports.errors import ConfigurationError
from tests.support.world import World

DIRECT = {"from": "2026-09-10", "to": "2026-09-11"}


def refusal(world: World, event: dict[str, object] | None = None) -> str:
    """Return the error message of a run that must not start."""
    with pytest.raises(ConfigurationError) as caught:
        world.run(event or world.scheduled_event())
    assert world.s3.requests == []
    assert all(server.calls.all() == () for server in world.regions.values())
    return str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("REPORT_FILTERS", '{"attendee": {"entry_ids": ["1_a"]}}', "unknown report 'attendee'"),
        ("REPORT_FILTERS", '{"attendees": {"entry_ids": ["1_a;x=1"]}}', "'1_a;x=1' contains a ';'"),
        ("REPORT_FILTERS", '{"attendees": {"entryIds": ["1_a"]}}', "attendees.entryIds: is not a"),
        ("REPORT_FILTERS", '{"attendees": {"entry_ids": []}}', "at least one value"),
        ("REPORT_FILTERS", "{", "is not JSON"),
        ("KALTURA_REGIONS", "US=https://x.example", "does not begin with a region's name and '='"),
        ("KALTURA_REGIONS", "us", "the address of region 'us' is not scheme and host"),
        ("KALTURA_REGIONS", "us=www.kaltura.com", "the address of region 'us'"),
        ("KALTURA_REGIONS", "us=http://www.kaltura.com", "must begin with https://"),
        ("KALTURA_REGIONS", "us=https://a.example,us=https://b.example", "each region once"),
        ("TIME_ZONE", "Europe/Atlantis", "'Europe/Atlantis' is not an IANA time zone"),
        ("GRANULARITIES", "week", "'week' should be day, hour or day,hour"),
        ("REPORT_IDS", "attendees", "'attendees' should list report ids"),
        ("CONCURRENCY", "0", "'0' should be a whole number from 1 to 64"),
        ("ROW_CAPS", "many", "'many' should list whole numbers"),
        ("COMPRESSION", "zip", "'zip' should be one of: none, gzip"),
        ("SETTLE_HOURS", "-1", "'-1' should be a number from 0"),
        ("CATCH_UP_DAYS", "0", "'0' should be a number from 1"),
        ("BUCKET_NAME", "", "is missing; it should be the name of the bucket"),
        ("SECRET_ID", "", "is missing; it should be the ARN of the secret"),
    ],
)
def test_error_names_the_invalid_variable(variable: str, value: str, expected: str) -> None:
    with World() as world:
        world.environment[variable] = value
        message = refusal(world)
        assert message.startswith(f"{variable}: ")
        assert expected in message


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        ("planted-not-json", "the secret is not a JSON object"),
        ("", "the secret is not a JSON object"),
        ("[]", "the secret is not a JSON object"),
        ("{}", "the secret has no entry for region 'us'"),
        ('{"eu": {"ks": "planted"}}', "the secret has no entry for region 'us'"),
        ('{"us": {"password": "planted"}}', "the secret's entry for region 'us' has the fields"),
        ('{"us": {"ks": ""}}', "the secret's entry for region 'us' has no text in ks"),
        ('{"us": "planted"}', "the secret's entry for region 'us' is not a JSON object"),
        (
            '{"us": {"partner_id": "planted", "admin_secret": "planted"}}',
            "the secret's entry for region 'us' has a partner_id that is not a number",
        ),
    ],
)
def test_an_invalid_secret_is_described_but_not_quoted(secret: str, expected: str) -> None:
    with World() as world:
        world.secret = secret
        message = refusal(world)
        assert expected in message
        assert "planted" not in message


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"from": "2026-09-11", "to": "2026-09-10"}, "from: 2026-09-11 should be before to"),
        ({"from": "2026-09-10", "to": "2026-09-10"}, "should be before to, which is 2026-09-10"),
        ({"from": "yesterday", "to": "2026-09-10"}, "from: 'yesterday' is neither a date"),
        ({"from": "2026-09-31", "to": "2026-10-02"}, "from: '2026-09-31' is not a date"),
        ({"from": "2026-09-10"}, "neither a scheduled one nor has from and to"),
        ({"hello": "world"}, "neither a scheduled one nor has from and to"),
        ({**DIRECT, "reports": ["grades"]}, "reports: ['grades'] should be a list of some of"),
        ({**DIRECT, "reports": "attendees"}, "reports: 'attendees' should be a list"),
        ({**DIRECT, "reports": []}, "reports: [] should be a list"),
        ({**DIRECT, "regions": ["moon"]}, "regions: ['moon'] should be a list of some of: us"),
        ({**DIRECT, "granularity": "week"}, "granularity: 'week' should be day or hour"),
        ({**DIRECT, "force": "yes"}, "force: 'yes' should be true or false"),
        ({**DIRECT, "form": 1}, "form: is not a field of the event; its fields are from, to"),
        ({"detail-type": "Scheduled Event", "time": "now"}, "the scheduled event's time: 'now'"),
        ({"detail-type": "Scheduled Event"}, "the scheduled event's time: ''"),
    ],
)
def test_error_names_the_invalid_field_of_the_event(
    event: dict[str, object], expected: str
) -> None:
    with World() as world:
        assert expected in refusal(world, event)


def test_all_configuration_problems_are_reported_together() -> None:
    with World(regions=("us", "eu")) as world:
        world.secret = json.dumps({"us": {"ks": "planted"}})
        world.environment |= {
            "TIME_ZONE": "Mars/Olympus",
            "CONCURRENCY": "lots",
            "REPORT_FILTERS": '{"grades": {}, "attendees": {"entry_ids": ["a;b", ""]}}',
        }
        message = refusal(world, {"from": "2026-09-12", "to": "2026-09-10", "regions": ["moon"]})
        for part in (
            *("TIME_ZONE: 'Mars/Olympus'", "CONCURRENCY: 'lots'", "REPORT_FILTERS: "),
            *("unknown report 'grades'", "'a;b' contains a ';'"),
            *("regions: ['moon']", "from: 2026-09-12 should be before to"),
            "the secret has no entry for region 'eu'",
        ):
            assert message.count(part) == 1, part
        assert "planted" not in message


def test_an_unreadable_secret_is_reported_with_other_problems() -> None:
    def unreadable(secret_id: str) -> str:
        raise ConfigurationError([f"the secret {secret_id} cannot be read"])

    with World(variables={"TIME_ZONE": "Mars/Olympus"}) as world:
        service = world.exporter()
        object.__setattr__(service._dependencies, "secret", unreadable)
        with pytest.raises(ConfigurationError) as caught:
            service.invoke(world.scheduled_event(), "x", world.deadline())
        assert len(caught.value.problems) == 2
        assert caught.value.problems[1] == "the secret secret cannot be read"
