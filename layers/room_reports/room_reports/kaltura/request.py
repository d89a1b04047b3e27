"""The request for one report."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from room_reports.model.reports import Report


@dataclass(frozen=True)
class ReportRequest:
    """One call of ``report.getCsvFromStringParams``."""

    report: Report
    start: int
    """Unix time in seconds, inclusive."""
    end: int
    """Unix time in seconds, exclusive."""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    excluded: tuple[str, ...] = ()
    """The names of columns that Kaltura is asked to leave out."""

    def form(self) -> dict[str, str]:
        """Return the parameters of the call, apart from the Kaltura session.

        Raises:
            ValueError: As ``params`` does.
        """
        form = {"id": str(self.report.id), "params": self.params()}
        return {**form, "excludedFields": ",".join(self.excluded)} if self.excluded else form

    def params(self) -> str:
        """Return the value of Kaltura's parameter ``params``: the window and the filters.

        Raises:
            ValueError: If Kaltura would silently ignore or misread a filter.
        """
        pairs = [
            pair
            for start_name, end_name in self.report.date_parameters
            for pair in (f"{start_name}={self.start}", f"{end_name}={self.end}")
        ]
        for name, values in self.filters.items():
            if not values or any(not value or ";" in value or "," in value for value in values):
                raise ValueError(f"{name}: a filter needs values without ';' and ','")
            pairs.append(f"{name}={','.join(values)}")
        return ";".join(pairs)
