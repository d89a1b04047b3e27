"""Where personal data can be: the kinds of objects that a search looks at."""

from dataclasses import dataclass
from enum import StrEnum

from room_reports.model.suppression import SUPPRESSION_KEY
from room_reports.storage.keys import QUARANTINE_PREFIX, parse_key
from room_reports_command.reference.tables import PREFIX as REFERENCE_PREFIX
from room_reports_command.reference.tables import ROSTERS

PIECES_PREFIX = "pieces/"
REPORTS_PREFIX = f"{SUPPRESSION_KEY.rpartition('/')[0]}/reports/"
"""Where the reports of what was erased are kept."""


class Kind(StrEnum):
    """The kind of an object, as a report of what was erased calls it."""

    REPORT = "report"
    PIECE = "piece"
    QUARANTINE = "quarantine"
    ROSTER = "roster"
    REFERENCE = "other reference data"
    QUERY_RESULT = "query result"

    @property
    def is_expendable(self) -> bool:
        """Whether such objects are deleted as a whole, because nothing depends on them."""
        return self in (Kind.PIECE, Kind.QUARANTINE, Kind.QUERY_RESULT)


@dataclass(frozen=True, order=True)
class Place:
    """What an object is, by its key."""

    kind: Kind
    report: str = ""
    region: str = ""
    granularity: str = ""


def place_of(key: str) -> Place | None:
    """Return what an object of the bucket with the reports is; None if it has no personal data."""
    if parsed := parse_key(key):
        series = parsed.series
        return Place(Kind.REPORT, series.slug, series.region, series.granularity.value)
    if key.startswith(PIECES_PREFIX):
        return _named(Kind.PIECE, key.removeprefix(PIECES_PREFIX).partition("/")[0])
    if key.startswith(QUARANTINE_PREFIX):
        return _named(Kind.QUARANTINE, key.rpartition("/")[2].removesuffix(".json"))
    if key.startswith(ROSTERS.prefix):
        return Place(Kind.ROSTER)
    if key.startswith(REFERENCE_PREFIX):
        return Place(Kind.REFERENCE)
    return None


_OTHER_KINDS = {
    "runs": "run records",
    "backfill": "documents of backfills",
    "state": "state",
    "index": "index of day files",
    "readers": "list of readers",
    "suppression": "suppression list and reports of erasures",
}
UNKNOWN = "other objects"
"""What is said of objects under prefixes that this project does not know."""


def unsearched_kind(key: str) -> str:
    """Return what an object is that is not searched. An unknown prefix is not named."""
    return _OTHER_KINDS.get(key.partition("/")[0], UNKNOWN)


def _named(kind: Kind, name: str) -> Place:
    """Return a place by a name such as ``attendees_us_2026-11-22``."""
    parts = name.rsplit("_", 2)
    return Place(kind, *parts[:2]) if len(parts) == 3 else Place(kind)
