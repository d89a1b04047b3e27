"""report.getCsvFromStringParams: from its parameters to a CSV.

Source: kaltura/server, ReportService, kKavaReportsMgr::customReport, KCsvWrapper.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from local.kaltura.csv_format import BOM, render
from local.kaltura.errors import KalturaError
from local.kaltura.truth import FILTERS, HEADERS, Row, Truth

HARD_CAP = 100_000
FILE_NAME_LENGTH = 199
DATE_NAMES: Mapping[int, tuple[tuple[str, str], ...]] = {
    6002: (("from_date", "to_date"), ("fromDate", "toDate")),
}


@dataclass(frozen=True)
class ReportSettings:
    """What an account's definitions of the reports say; each keyed by report id."""

    row_cap: int = HARD_CAP
    row_caps: Mapping[int, int] = field(default_factory=dict)
    """A report's own, smaller cap: it wins over ``limit``."""
    without_header: Collection[int] = ()
    """Reports that answer BOM and a line end when there is no data."""
    quoted: Mapping[int, Collection[str]] = field(default_factory=dict)
    """Columns whose enricher quotes their values."""
    aliases: Mapping[int, int] = field(default_factory=dict)
    """Further report ids, and the one of the three whose rows they have."""


@dataclass(frozen=True)
class ReportFile:
    """A report ready to send."""

    csv: bytes
    file_name: str
    rows: int
    header: Row


def parse_params(text: str) -> dict[str, str]:
    """The pairs of a ``k=v;k=v`` string; the last of a name wins, nothing can be escaped."""
    pairs = (part.strip(" \t\n\r\0\x0b").partition("=") for part in text.split(";"))
    return {name: value for name, equals, value in pairs if equals}


def run_report(
    request: Mapping[str, str], truth: Truth, settings: ReportSettings, partner: int, now: float
) -> ReportFile:
    """The CSV for a request's parameters; raises KalturaError."""
    if "id" not in request:
        raise KalturaError("MISSING_MANDATORY_PARAMETER", "id", cached=True)
    text = request.get("params", "")
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", text):
        raise KalturaError("INVALID_PARAMETER_CHAR", "params")
    report = report_id(request["id"])
    known = settings.aliases.get(report, report)
    if known not in HEADERS:
        raise KalturaError("REPORT_NOT_FOUND", str(report))
    params = parse_params(text)
    start, end = _dates(known, params)
    filters = {
        name: frozenset(params[name].split(",")) for name in FILTERS[known] if params.get(name)
    }
    rows = truth.rows(known, start, end, filters=filters, as_of=now) if start < end else []
    rows = rows[: _limit(report, params, settings)]
    header = HEADERS[known]
    file_name = _file_name(report, partner, params)
    if not rows and report in settings.without_header:
        return ReportFile((BOM + "\n").encode(), file_name, 0, header)
    csv, shown = _without(request.get("excludedFields", ""), header, rows, settings, report)
    return ReportFile(csv, file_name, len(rows), shown)


def _without(
    excluded: str, header: Row, rows: list[Row], settings: ReportSettings, report: int
) -> tuple[bytes, Row]:
    hidden = set(excluded.split(",")) & set(header)
    if hidden:
        places = [place for place, name in enumerate(header) if name not in hidden]
        header = tuple(header[place] for place in places)
        rows = [tuple(row[place] for place in places) for row in rows]
    return render(header, rows, quoted=settings.quoted.get(report, ())), header


def report_id(text: str) -> int:
    """The id as PHP casts it: the leading number, or 0."""
    leading = re.match(r"\s*[+-]?\d+", text)
    return int(leading[0]) if leading else 0


def _dates(report: int, params: Mapping[str, str]) -> tuple[int, int]:
    for names in DATE_NAMES.get(report, (("from_date", "to_date"),)):
        if all(name in params for name in names):
            try:
                start, end = (int(float(params[name])) for name in names)
            except (ValueError, OverflowError):
                break
            return start, end
    raise KalturaError("INTERNAL_SERVERL_ERROR")


def _limit(report: int, params: Mapping[str, str], settings: ReportSettings) -> int:
    if report in settings.row_caps:
        return settings.row_caps[report]
    asked = params.get("limit", "")
    number = int(asked) if re.fullmatch(r"-?\d+", asked) else settings.row_cap
    return max(0, min(number, settings.row_cap))


def _file_name(report: int, partner: int, params: Mapping[str, str]) -> str:
    pairs = [f"{name}_{value}" for name, value in params.items() if name != "partner_id"]
    name = "_".join((f"Report_{report}_{partner}", *pairs, f"partner_id_{partner}"))
    return name[: FILE_NAME_LENGTH - len(".csv")] + ".csv"
