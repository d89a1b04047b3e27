"""Settings as a test wants them."""

from collections.abc import Mapping

from room_reports.settings import ConfigurationError, Settings, inspect_settings


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings that the variables hold; raises ConfigurationError naming all that is wrong."""
    settings, problems = inspect_settings(environment)
    if problems:
        raise ConfigurationError([f"{name}: {problem}" for name, problem in problems.items()])
    return settings
