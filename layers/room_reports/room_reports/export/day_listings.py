"""What a run sees of day files when it lists the bucket."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from room_reports.model.windows import Granularity, iso
from room_reports.storage.keys import Series
from room_reports.storage.objects import StoredObject


@dataclass
class Listed:
    """The day files of one series, as a listing shows them."""

    days: tuple[str, str]
    """The first and the last ``dt`` that were listed."""
    files: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """LastModified and whether it is compressed, by label."""


@dataclass
class DayListings:
    """What a run sees of day files when it lists the bucket."""

    by_series: dict[Series, Listed] = field(default_factory=dict)

    def watched(
        self, series: Series, days: tuple[str, str], stored: Iterable[StoredObject]
    ) -> Iterator[StoredObject]:
        """Yield the objects of a listing, and remember those of days."""
        if series.granularity is not Granularity.DAY:
            yield from stored
            return
        listed = Listed(days)
        for item in stored:
            seen = iso(item.last_modified), item.parsed.gzip
            label = item.parsed.label
            listed.files[label] = max(seen, listed.files.get(label, seen))
            yield item
        self.by_series[series] = listed

    def of(self, region: str) -> dict[str, Listed]:
        """Return what was seen of a region, by report."""
        return {s.slug: each for s, each in self.by_series.items() if s.region == region}


def months_from_to(first: str, last: str) -> Iterator[str]:
    """Yield the months of two days and those between them."""
    year, number = int(first[:4]), int(first[5:7])
    while f"{year:04}-{number:02}" <= last[:7]:
        yield f"{year:04}-{number:02}"
        year, number = (year, number + 1) if number < 12 else (year + 1, 1)
