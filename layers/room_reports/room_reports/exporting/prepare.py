"""Everything that must be right before an export starts, checked together."""

from collections.abc import Callable, Mapping
from datetime import datetime

from room_reports.exporting.events import parse_event
from room_reports.exporting.scope import Scope
from room_reports.settings import ConfigurationError, Settings, inspect_settings
from room_reports.source.credentials import Credentials, SecretError, parse_secret


def prepare(
    event: Mapping[str, object],
    environment: Mapping[str, str],
    secret: Callable[[str], str],
    now: datetime,
) -> tuple[Settings, Scope, Mapping[str, Credentials]]:
    """The settings, the run's scope and the credentials of each region.

    Args:
        secret: gives the text of the secret with an id; may raise ConfigurationError.
        now: the "now" of a direct event.

    Raises:
        ConfigurationError: naming all that is wrong with any of them.
    """
    settings, wrong = inspect_settings(environment)
    problems = [f"{name}: {problem}" for name, problem in wrong.items()]
    scope, event_problems = parse_event(event, settings, now)
    problems += event_problems
    credentials: Mapping[str, Credentials] = {}
    # Without its id there is no secret, and without the regions nothing to check it against.
    if not {"SECRET_ID", "KALTURA_REGIONS"} & set(wrong):
        try:
            credentials = parse_secret(secret(settings.secret_id), settings.regions)
        except (SecretError, ConfigurationError) as error:
            problems += error.problems
    if problems or scope is None:
        raise ConfigurationError(problems)
    return settings, scope, credentials
