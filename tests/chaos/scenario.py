"""Scenarios: a world, and what goes wrong in it, all drawn from one seed."""

from dataclasses import dataclass, field
from random import Random

from local.kaltura.campus import Size
from local.kaltura.faults import REFUSALS, Fault
from local.kaltura.report_action import ReportSettings
from tests.chaos.network import NetworkFault

HOUR = 3600.0
DAY = 24 * HOUR
SMALL_CAP = 40
_SAMPLED, _SAMPLED_BEYOND = 0.03, 0.1
"""The share of scenarios with samples: few of the 200 usual ones, because samples take time."""

KALTURA_FAULTS: tuple[Fault, ...] = (
    *(Fault("api_error", code=code) for code in REFUSALS),
    Fault("api_error", code="AN_UNKNOWN_CODE"),
    *(Fault("http_status", status=status) for status in (403, 404, 429, 500, 502, 503, 504)),
    Fault("http_status", status=429, seconds=1),
    Fault("api_error", service=None, code="INTERNAL_SERVERL_ERROR"),
    Fault("http_status", service=None, status=503),
    Fault("ks_expired"),
    Fault("ks_revoked"),
    Fault("php_fatal"),
    Fault("proxy_html", status=200),
    Fault("proxy_html", status=502),
    Fault("empty"),
    Fault("reset"),
    Fault("reset_in_body"),
    *(Fault(kind) for kind in ("truncate_length", "truncate_chunked", "truncate_close") * 2),
    Fault("stall", seconds=0.05),
    Fault("drip", seconds=0.05, amount=5),
    Fault("garbage"),
    Fault("garbage_text"),
    Fault("missing_column"),
    Fault("reordered_columns"),
    Fault("chunked"),
    Fault("close_delimited"),
)
SIMULATED_FAULTS = tuple(fault for fault in KALTURA_FAULTS if fault.kind not in ("stall", "drip"))
"""Those that take no real time; the network's faults take simulated time."""
NETWORK_FAULTS = (
    NetworkFault("refused"),
    NetworkFault("silent"),
    NetworkFault("hang"),
    NetworkFault("slow", seconds=4),
    NetworkFault("slow", seconds=90),
    NetworkFault("drip", seconds=30),
    NetworkFault("drip", seconds=900),
)
REPORT_FAULTS: dict[str, Fault | NetworkFault] = {
    "INTERNAL_SERVERL_ERROR": Fault("api_error", times=None, code="INTERNAL_SERVERL_ERROR"),
    "500": Fault("php_fatal", times=None),
    "504": Fault("http_status", times=None, status=504),
    "HTML": Fault("proxy_html", times=None),
    "SERVICE_FORBIDDEN": Fault("api_error", times=None, code="SERVICE_FORBIDDEN"),
    "REPORT_NOT_FOUND": Fault("api_error", times=None, code="REPORT_NOT_FOUND"),
    "truncated": Fault("truncate_length", times=None),
    "hanging": NetworkFault("hang"),
}
"""What one report can have for a whole scenario; each by its name in the trace."""
S3_FAULTS = ("SlowDown", "AccessDenied", "InternalError", "reset", "lost")


@dataclass(frozen=True)
class Lasting:
    """A fault that stays as long as the scenario."""

    name: str
    fault: Fault | NetworkFault
    region: str
    report: int | None = None
    """None: every report of the region."""


@dataclass(frozen=True)
class Step:
    """Time goes by, and then the exporter runs, in trouble."""

    advance: float
    """Seconds since the step before; negative when clocks were set back."""
    kaltura_rate: float = 0.0
    """The share of calls to Kaltura that meet a fault."""
    s3_rate: float = 0.0
    network_rate: float = 0.0
    """The share of requests to Kaltura that meet a fault of the network."""
    down: frozenset[str] = frozenset()
    """Regions that refuse connections."""
    rate_limit: int | None = None
    """Calls to each region in ten seconds before it blocks more."""
    kill_at: int | None = None
    """The request, counted over Kaltura and S3, before which the exporter is killed."""
    cold: bool = False
    """Whether the exporter starts anew, without the sessions of the run before."""
    twice: bool = False
    """Whether two runs go on at the same time."""
    gzip: bool = False
    pause_at: int | None = None
    """The report whose response is so slow that ``pause`` goes by, and another run, meanwhile."""
    pause: float = 0.0
    """Seconds."""

    @property
    def calm(self) -> bool:
        """Whether nothing goes wrong but what lasts."""
        rates = self.kaltura_rate, self.s3_rate, self.network_rate
        others = self.down, self.rate_limit, self.kill_at, self.twice, self.pause_at
        return not any(rates) and not any(others)


@dataclass(frozen=True)
class Scenario:
    """All that a seed decides."""

    seed: int
    regions: tuple[str, ...]
    environment: dict[str, str]
    size: Size
    settings: ReportSettings
    secret_forms: dict[str, str]
    start: float
    """Unix time."""
    skew_here: float
    skew_kaltura: float
    skew_s3: float
    settle: float
    """Seconds."""
    steps: tuple[Step, ...]
    last: Step
    """The one pass after everything works again, when all that was exported has settled."""
    lasting: Lasting | None = None
    boto_attempts: int = 1
    reports: tuple[int, ...] = field(default=(6000, 6001, 6002))


def scenario(seed: int) -> Scenario:
    """Return the scenario of a seed."""
    rng = Random(f"chaos {seed}")
    granularities = rng.choice(("day", "day", "day", "day", "day", "hour", "day,hour"))
    # An hour a window makes many of them: for these one report of one region is enough.
    many = "hour" in granularities
    # A response can only be slower than a window if no other task is between response and bucket.
    slow = rng.random() < 0.3
    regions = ("us", "eu")[: 1 if many or slow else rng.choice((1, 2))]
    reports = tuple(sorted(rng.sample((6000, 6001, 6002), 1 if many else rng.choice((1, 2, 3)))))
    settle = rng.choice((6, 24, 48))
    capped = rng.random() < 0.3
    without_header = [report for report in reports if rng.random() < 0.3]
    environment = {
        "GRANULARITIES": granularities,
        "REPORT_IDS": ",".join(map(str, reports)),
        "TIME_ZONE": rng.choice(
            ("UTC", "Europe/Warsaw", "America/New_York", "Asia/Kolkata", "Pacific/Apia")
        ),
        "SETTLE_HOURS": str(settle),
        "CATCH_UP_DAYS": str(1 if many else rng.choice((2, 3, 5))),
        "EXPORT_OPEN_WINDOW": rng.choice(("true", "false", "false")),
        "CONCURRENCY": "1" if slow else str(rng.choice((2, 4))),
        "ROW_CAPS": str(SMALL_CAP) if capped else "100000",
        "READ_TIMEOUT_SECONDS": rng.choice(("5", "60", "600")),
        "SAMPLE_DAYS": _sample_days(seed),
    }
    lasting = _lasting(rng, regions, reports) if rng.random() < 0.4 else None
    steps = tuple(
        _step(rng, regions, slow=slow, calm=lasting is not None and rng.random() < 0.7)
        for _ in range(rng.randint(2, 6))
    )
    return Scenario(
        seed=seed,
        regions=regions,
        environment=environment,
        size=Size(
            rooms=rng.randint(2, 6),
            attendees=rng.randint(2, 6),
            weekly_sessions=rng.choice((3, 5)),
            special_names=0.3,
            lag_hours=rng.choice((0, settle * 0.9)),
        ),
        settings=ReportSettings(
            row_cap=SMALL_CAP if capped else 100_000,
            without_header=without_header,
            quoted={6002: {"breakout_entry_name"}} if rng.random() < 0.3 else {},
        ),
        secret_forms={name: rng.choice(("ks", "app_token", "admin_secret")) for name in regions},
        # Around the days on which clocks change, on both sides of the Atlantic and of midnight.
        start=rng.choice((1_772_900_000, 1_774_700_000, 1_792_900_000)) + rng.random() * 3 * DAY,
        skew_here=rng.uniform(-120, 120),
        skew_kaltura=rng.uniform(-120, 120),
        skew_s3=rng.uniform(-120, 120),
        settle=settle * HOUR,
        steps=steps,
        last=Step(advance=settle * HOUR + rng.uniform(1, 20) * HOUR, gzip=steps[-1].gzip),
        lasting=lasting,
        boto_attempts=2 if rng.random() < 0.1 else 1,
        reports=reports,
    )


def _sample_days(seed: int) -> str:
    # A source of its own, so that the rest of a scenario is what it is without samples.
    share = _SAMPLED if seed < 200 else _SAMPLED_BEYOND
    return "6" if Random(f"samples {seed}").random() < share else "0"


def _step(rng: Random, regions: tuple[str, ...], *, slow: bool, calm: bool) -> Step:
    step = Step(
        advance=rng.choice((-300, 60, HOUR, HOUR, 7 * HOUR, DAY, 3 * DAY)) + rng.uniform(0, 600),
        kaltura_rate=rng.choice((0, 0.1, 0.5, 1)),
        network_rate=rng.choice((0, 0, 0.05, 0.3)),
        s3_rate=rng.choice((0, 0, 0.05, 0.3)),
        down=frozenset(name for name in regions if rng.random() < 0.15),
        rate_limit=rng.choice((None, None, None, 5)),
        kill_at=rng.randint(1, 60) if rng.random() < 0.2 and not slow else None,
        cold=rng.random() < 0.5,
        twice=rng.random() < 0.15 and not slow,
        gzip=rng.random() < 0.3,
        pause_at=rng.randint(1, 12) if slow and rng.random() < 0.7 else None,
        pause=rng.choice((HOUR, 7 * HOUR, DAY, 2 * DAY)),
    )
    if calm:
        return Step(advance=step.advance, cold=step.cold, gzip=step.gzip)
    return step


def _lasting(rng: Random, regions: tuple[str, ...], reports: tuple[int, ...]) -> Lasting:
    region, report = rng.choice(regions), rng.choice(reports)
    name = rng.choice(sorted(REPORT_FAULTS))
    return rng.choice(
        (
            Lasting(f"report {name}", REPORT_FAULTS[name], region, report),
            Lasting("region down", NetworkFault("refused"), region),
            Lasting("region silent", NetworkFault("silent"), region),
            Lasting("region hanging", NetworkFault("hang"), region),
            Lasting("window 504", Fault("http_status", times=None, status=504), region, report),
            Lasting("room 504", Fault("http_status", times=None, status=504), region, report),
        )
    )
