"""When the circuit breaker stops requests to a region."""

from hypothesis import given
from hypothesis import strategies as st

from room_reports.export.workers import CircuitBreaker
from room_reports.kaltura.errors import (
    KalturaError,
    RegionError,
    TaskError,
    TooHeavyError,
    TransientError,
)

REGIONAL = TransientError("HTTP_503", "down")
OUTCOMES: dict[str, KalturaError | None] = {
    "done": None,
    "regional": REGIONAL,
    "of the task": TaskError("REPORT_NOT_FOUND", "none"),
    "too heavy": TooHeavyError("HTTP_500", "died"),
    "of the region": RegionError("SERVICE_FORBIDDEN", "no"),
}


@given(st.lists(st.sampled_from(sorted(OUTCOMES)), max_size=12))
def test_breaker_opens_on_one_region_error_or_three_consecutive_failures(
    outcomes: list[str],
) -> None:
    breaker = CircuitBreaker()
    for number, outcome in enumerate(outcomes, 1):
        error = OUTCOMES[outcome]
        if error is None:
            breaker.record_success()
        else:
            breaker.record_failure(error)
        past = outcomes[:number]
        triples = zip(past, past[1:], past[2:], strict=False)
        assert breaker.is_open is ("of the region" in past or ("regional",) * 3 in triples)
