"""Circuit breakers, for any sequence of calls."""

from hypothesis import given
from hypothesis import strategies as st

from room_reports.export.breaker import CircuitBreaker, RegionHealth

FAILED, REFUSED, SUCCEEDED, NEITHER = "failed", "refused", "succeeded", "neither"
CALLS = st.lists(
    st.tuples(st.sampled_from((FAILED, REFUSED, SUCCEEDED, NEITHER)), st.integers(0, 100)),
    max_size=40,
)


@given(CALLS)
def test_it_opens_on_three_failures_in_a_row_or_one_refusal(
    calls: list[tuple[str, int]],
) -> None:
    breaker, now, in_a_row = CircuitBreaker(), 0.0, 0
    for outcome, pause in calls:
        now += pause
        if breaker.is_open:
            break
        probe = breaker.begin()
        assert not probe
        match outcome:
            case "succeeded":
                breaker.record_success()
                in_a_row = 0
            case "neither":
                breaker.record_neither()
            case _:
                breaker.record_failure(now, at_once=outcome == REFUSED)
                in_a_row += 1
        assert breaker.is_open is (in_a_row >= 3 or (outcome == REFUSED))


@given(CALLS)
def test_it_allows_a_bounded_number_of_single_probes_after_growing_pauses(
    calls: list[tuple[str, int]],
) -> None:
    breaker, now = CircuitBreaker(), 0.0
    breaker.record_failure(now, at_once=True)
    opened, pauses = now, []
    for outcome, pause in calls:
        now += pause
        if not breaker.allows(now):
            continue
        pauses.append(now - opened)
        assert breaker.begin()
        assert not breaker.allows(now), "one probe at a time"
        if outcome == SUCCEEDED:
            breaker.record_success()
            assert breaker.allows(now)
            return
        breaker.record_failure(now, probe=True)
        assert not breaker.allows(now)
        opened = now
    assert len(pauses) <= 3
    assert all(pause >= 20 * 2**place for place, pause in enumerate(pauses))


def test_a_pause_is_at_least_as_long_as_the_call_that_failed() -> None:
    breaker = CircuitBreaker()
    breaker.record_failure(100.0, at_once=True, spent=90.0)
    assert not breaker.allows(189.0)
    assert breaker.allows(190.0)


def test_the_first_probe_is_worth_waiting_for_and_others_if_the_fault_may_pass() -> None:
    for passes in (True, False):
        breaker = CircuitBreaker(patience=80.0)
        breaker.record_failure(0.0, at_once=True, passing=passes)
        assert breaker.worth_waiting_until() == 20.0
        assert breaker.begin()
        breaker.record_failure(21.0, probe=True, passing=passes)
        assert breaker.worth_waiting_until() == (61.0 if passes else None)
        assert breaker.next_probe() == 61.0, "it is tried when other work goes on anyway"


def test_a_probe_that_shows_nothing_can_be_made_again() -> None:
    breaker = CircuitBreaker()
    breaker.record_failure(0.0, at_once=True)
    for number in range(10):
        assert breaker.allows(20.0 + number)
        assert breaker.begin()
        breaker.record_neither(probe=True)


@given(st.lists(st.sampled_from(("a", "b", "c", "success")), max_size=30))
def test_a_region_fails_when_every_report_of_it_fails_in_a_row(events: list[str]) -> None:
    health, failing = RegionHealth(frozenset("abc")), set[str]()
    for event in events:
        if event == "success":
            health.record_success()
            failing.clear()
        else:
            failing.add(event)
            assert health.record_failure(event) is (failing == {"a", "b", "c"})


def test_one_report_alone_never_makes_its_region_fail() -> None:
    health = RegionHealth(frozenset("a"))
    assert not any(health.record_failure("a") for _ in range(10))
