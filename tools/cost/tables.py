"""The tables of docs/cost.md and docs/provider.md, as Markdown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tools.cost.assumed import API_SECONDS, KALTURA_SECONDS, S3_SECONDS, START_SECONDS, YEARS_KEPT
from tools.cost.bill import bill, total
from tools.cost.load import Peaks, StackRun, peaks, schedule_minute
from tools.cost.prices import DATE, PRICES, QUOTAS, REGION
from tools.cost.profiles import COLLEGE, PROFILES, PROVIDER_STACKS
from tools.cost.resources import default, resources

Measured = Mapping[str, Any]
_LATENCIES = (2.0, KALTURA_SECONDS, 60.0)
_REPORTS = 3


def tables(measured: Measured) -> dict[str, str]:
    """Return each table by the name that its markers in the documents have."""
    return {
        "profiles": _profiles(measured),
        "monthly": _monthly(measured),
        "prices": _prices(),
        "quotas": _quotas(),
        "load": _load(measured),
    }


_MEASURED_ROWS: tuple[tuple[str, Callable[[Measured], str]], ...] = (
    ("regions", lambda each: str(len(each["profile"]["regions"]))),
    ("rooms in each region", lambda each: _count(each["profile"]["rooms"])),
    ("attendances in each region, about", lambda each: _count(_attendances(each["profile"]))),
    ("runs", lambda each: _count(each["runs"])),
    ("S3: PUT and COPY", lambda each: _count(each["s3"]["PUT"])),
    ("S3: LIST", lambda each: _count(each["s3"]["LIST"])),
    ("S3: GET and HEAD", lambda each: _count(each["s3"]["GET"] + each["s3"]["HEAD"])),
    ("Secrets Manager: reads", lambda each: _count(each["secret_reads"])),
    ("Kaltura: report calls", lambda each: _count(each["kaltura"]["report"])),
    ("Kaltura: sessions started", lambda each: _count(each["kaltura"]["session"])),
    ("logs and metrics, kB", lambda each: _kilobytes([each["log_bytes"]])),
    ("custom metrics", lambda each: _count(each["metrics"])),
    ("files, kB a day", lambda each: _kilobytes(each["stored_bytes_a_day"].values())),
    ("former versions, kB a day", lambda each: _kilobytes([each["former_version_bytes_a_day"]])),
    ("run records, kB a day", lambda each: _kilobytes([each["run_record_bytes_a_day"]])),
    ("API requests to open the page", lambda each: _count(each["api"]["page"]["requests"])),
    ("S3 requests to open the page", lambda each: _s3_requests(each["api"]["page"])),
    ("S3 requests for a download", lambda each: _s3_requests(each["api"]["download"])),
)


def _profiles(measured: Measured) -> str:
    rows = [
        [what, *[value(measured[profile.name]) for profile in PROFILES]]
        for what, value in _MEASURED_ROWS
    ]
    return _table(["measured in a week", *[each.name for each in PROFILES]], rows)


def _count(number: int) -> str:
    return f"{number:,}"


def _attendances(profile: Mapping[str, int]) -> int:
    return profile["rooms"] * profile["weekly_sessions"] * profile["attendees"]


def _kilobytes(sizes: Iterable[int]) -> str:
    return f"{sum(sizes) / 1e3:,.0f}"


def _s3_requests(counts: Mapping[str, int]) -> str:
    return str(sum(count for method, count in counts.items() if method != "requests"))


def _monthly(measured: Measured) -> str:
    bills = [bill(measured[profile.name]) for profile in PROFILES]
    college = bills[PROFILES.index(COLLEGE)]
    rows = []
    for number, line in enumerate(college):
        if not any(each[number].quantity for each in bills):
            continue
        costs = [each[number].usd for each in bills]
        rows.append(
            [
                f"{line.service}: {PRICES[line.price].unit}",
                *map(_usd, costs),
                _usd(line.usd * PROVIDER_STACKS),
            ]
        )
    totals = [total(each) for each in bills]
    rows.append(
        ["**a month**", *[f"**{_usd(each)}**" for each in [*totals, totals[0] * PROVIDER_STACKS]]]
    )
    header = [*[each.name for each in PROFILES], f"provider, {PROVIDER_STACKS} colleges"]
    return f"{_table(['USD', *header], rows)}\n{_assumptions()}"


def _assumptions() -> str:
    readers = "; ".join(
        f"in a {each.name}, {each.page_views:,} visits of the page, {each.downloads:,} downloads "
        f"and {each.queries:,} queries"
        for each in PROFILES
    )
    return (
        f"Assumed, because only AWS can tell: {START_SECONDS:g} s to start a function, "
        f"{S3_SECONDS * 1000:g} ms for a request to S3, {KALTURA_SECONDS:g} s for a report call, "
        f"{API_SECONDS:g} s for a request to the API. Assumed of the readers, in a month: "
        f"{readers}, each query on 30 days of attendees. {YEARS_KEPT} years of files are in the "
        "bucket. Without any free tier.\n"
    )


def _usd(amount: float) -> str:
    if amount == 0:
        return "0"
    return f"{amount:,.2f}" if amount >= 0.005 else "< 0.01"


def _prices() -> str:
    rows = [
        [f"[{each.unit}]({each.source})", f"{_decimal(each.price)} per {each.per:,}"]
        for each in PRICES.values()
    ]
    return f"{_table([f'{REGION}, looked up on {DATE}', 'USD'], rows)}"


def _decimal(price: float) -> str:
    """Return a price with all its digits, and at least two after the point."""
    whole, _, digits = f"{price:.10f}".rstrip("0").partition(".")
    return f"{whole}.{digits:0<2}"


def _quotas() -> str:
    kinds = resources()
    rows = []
    for kind, quota in QUOTAS.items():
        used = kinds[kind]
        fits = quota.default // used
        rows.append(
            [
                f"[{quota.name}]({quota.source})",
                str(used),
                f"{quota.default:,}",
                "yes" if quota.adjustable else "no",
                f"{fits:,}",
                str(-(-PROVIDER_STACKS // fits)),
            ]
        )
    header = (
        *("in one AWS account and AWS region", "each stack", "default quota", "adjustable"),
        *("stacks that fit", f"AWS accounts for {PROVIDER_STACKS}"),
    )
    return _table(header, rows)


def stack_names() -> list[str]:
    """Return the names of a provider's stacks."""
    return [f"room-reports-{number:03}" for number in range(1, PROVIDER_STACKS + 1)]


def fleet_day(college: Measured, *, spread: bool) -> list[StackRun]:
    """Return the runs of all stacks of a provider on the last measured day.

    Args:
        college: The measurements of one stack.
        spread: Whether each stack runs in a minute of its own; otherwise all run in the same.
    """
    s3_requests = sum(college["s3"].values()) / college["runs"]
    return [
        StackRun(
            _hour_of(number) * 3600 + 60 * (schedule_minute(name) if spread else 7),
            int(calls),
            s3_requests,
        )
        for name in stack_names()
        for number, calls in enumerate(college["report_calls"])
    ]


def _hour_of(number: int) -> int:
    # The measured day ends with the run after midnight.
    return (number + 1) % 24


def fleet_start(college: Measured, *, spread: bool) -> list[StackRun]:
    """Return the first run of each stack, if all are deployed in the same hour."""
    s3_requests = sum(college["s3"].values()) / college["runs"]
    calls = int(default("CatchUpDays")) * _REPORTS
    # Each export is looked up and written.
    return [
        StackRun(60 * (schedule_minute(name) if spread else 7), calls, s3_requests + 2 * calls)
        for name in stack_names()
    ]


def _load(measured: Measured) -> str:
    college = measured[COLLEGE.name]
    concurrency = int(default("Concurrency"))
    rows = []
    for day, runs in (("an ordinary day", fleet_day), ("the first run of all", fleet_start)):
        for seconds in _LATENCIES:
            together, spread = (
                peaks(runs(college, spread=each), concurrency, seconds) for each in (False, True)
            )
            rows.append([day, f"{seconds:g} s", *_pair(together, spread)])
    header = (
        *("", "a report call takes", "longest run"),
        *("Lambda, same minute", "Lambda, spread", "Kaltura, same minute", "Kaltura, spread"),
    )
    return _table(header, rows)


def _pair(together: Peaks, spread: Peaks) -> list[str]:
    return [
        f"{together.longest_run:,.0f} s",
        f"{together.runs:,}",
        f"{spread.runs:,}",
        f"{together.kaltura_requests:,}",
        f"{spread.kaltura_requests:,}",
    ]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    align = ["---", *["---:"] * (len(header) - 1)]
    return "".join(f"| {' | '.join(line)} |\n" for line in [header, align, *rows])
