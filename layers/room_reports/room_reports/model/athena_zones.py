"""Time zones that the exporter knows and Athena does not.

The views cut days in ``TimeZone`` as well. With a name that Athena's engine, Trino, does not
know, every query of a view fails. Trino reads names from a fixed list, ``zone-index.properties``,
to which few have been added since 2020.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Replacement:
    """The zone to use instead of one that Athena does not know."""

    name: str
    since: str | None = None
    """The first day from which both zones have the same time; None if they are one zone."""

    def __str__(self) -> str:
        """Return the name, and how the zone is related."""
        if self.since is None:
            return f"{self.name}, which is the same zone"
        return f"{self.name}, which has the same time since {self.since}"


UNKNOWN_TO_ATHENA: Mapping[str, Replacement] = {
    "America/Ciudad_Juarez": Replacement("America/Denver", "2022-11-30"),
    "America/Coyhaique": Replacement("America/Punta_Arenas", "2024-09-09"),
    "EST": Replacement("America/Panama"),
    "Etc/Greenwich": Replacement("UTC"),
    "Etc/Zulu": Replacement("UTC"),
    "Europe/Kyiv": Replacement("Europe/Kiev"),
    "Factory": Replacement("UTC"),
    "HST": Replacement("Pacific/Honolulu"),
    "MST": Replacement("America/Phoenix"),
    "Pacific/Kanton": Replacement("Pacific/Enderbury"),
    "ROC": Replacement("Asia/Taipei"),
}
"""Every name in tzdata that Trino lacks. A test compares it with both lists."""
