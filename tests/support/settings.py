"""Settings for tests."""

from collections.abc import Mapping

from room_reports.settings import Settings, SettingsReader
from room_reports.settings import read_settings as read


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings; raise ConfigurationError naming every variable that is wrong."""
    reader = SettingsReader(environment)
    settings = read(reader)
    reader.raise_problems()
    return settings
