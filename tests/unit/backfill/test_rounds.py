"""When a region of a backfill goes on, pauses and ends."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.backfill.results import Failure, RoundOutcome
from room_reports.backfill.rounds import (
    MAX_TURNS,
    PAUSE_WHEN_DOWN,
    PAUSES,
    WAIT,
    Ended,
    Next,
    RegionState,
    decide,
    dry_run,
    superseded,
    wait,
)

REFUSED = Failure("SERVICE_FORBIDDEN", 3, retryable=False, task="t", error="e")
PASSING = Failure("HTTP_503", 3, retryable=True, task="t", error="e")
NOTHING = RoundOutcome()
FIRST = RegionState(turns=1, round=1, remaining=10)
failures = st.lists(
    st.builds(
        Failure, st.sampled_from("ABC"), st.integers(1, 9), st.booleans(), st.just("t"), st.text()
    ),
    max_size=3,
).map(tuple)
outcomes = st.builds(RoundOutcome, st.integers(0, 3), st.integers(0, 99), st.booleans(), failures)


def test_the_first_round_begins_at_once() -> None:
    decision = decide(RegionState(), NOTHING, 10)
    assert (decision.next, decision.pause, decision.state.round) == (Next.EXPORT, 0, 1)


def test_nothing_due_ends_it() -> None:
    outcome = RoundOutcome(10, 500, failures=(PASSING,))
    state = decide(FIRST, outcome, 0).state
    assert (state.ended, state.exported, state.rows) == (Ended.COMPLETE, 10, 500)
    assert (state.remaining, state.failures) == (0, ())


def test_rounds_without_progress_pause_ever_longer_and_then_end_it() -> None:
    state, pauses = FIRST, []
    while (decision := decide(state, RoundOutcome(failures=(PASSING,)), 10)).next is Next.EXPORT:
        state = decision.state
        pauses.append(decision.pause)
    assert tuple(pauses) == PAUSES
    assert decision.state.ended is Ended.STUCK
    assert decision.state.failures == (PASSING,)


def test_progress_starts_the_pauses_again() -> None:
    state = decide(FIRST, NOTHING, 10).state
    assert state.idle == 1
    assert decide(state, RoundOutcome(1), 9).state.idle == 0
    assert decide(state, NOTHING, 9).state.idle == 0, "another run exported it"


def test_a_round_that_only_fails_for_good_ends_it() -> None:
    state = decide(FIRST, RoundOutcome(failures=(REFUSED,)), 10).state
    assert state.ended is Ended.STUCK
    assert decide(FIRST, RoundOutcome(1, failures=(REFUSED,)), 9).next is Next.EXPORT
    assert decide(FIRST, RoundOutcome(failures=(REFUSED, PASSING)), 10).next is Next.EXPORT


def test_a_region_that_was_down_gets_a_pause_also_after_progress() -> None:
    assert decide(FIRST, RoundOutcome(5, down=True), 5).pause == PAUSE_WHEN_DOWN
    assert decide(FIRST, RoundOutcome(5), 5).pause == 0


def test_waiting_changes_nothing_but_the_turns() -> None:
    decision = wait(FIRST, RoundOutcome(4, 70))
    assert (decision.next, decision.pause) == (Next.WAIT, WAIT)
    assert decision.state == RegionState(turns=2, round=1, remaining=10)


def test_the_limit_while_waiting_keeps_what_the_latest_round_has_done() -> None:
    last = replace(FIRST, turns=MAX_TURNS - 1)
    state = wait(last, RoundOutcome(4, 70, failures=(PASSING,))).state
    assert state.ended is Ended.LIMIT
    assert (state.exported, state.rows, state.remaining) == (4, 70, 6)
    assert state.failures == (PASSING,)


def test_a_superseded_region_keeps_what_it_has_done() -> None:
    state = superseded(FIRST, RoundOutcome(4, 70)).state
    assert (state.exported, state.rows, state.remaining) == (4, 70, 6)
    assert state.ended is Ended.SUPERSEDED


def test_a_dry_run_has_the_number_of_due_windows() -> None:
    assert dry_run(7).state == RegionState(remaining=7, ended=Ended.DRY_RUN)


@given(st.lists(st.tuples(outcomes, st.integers(0, 20)), min_size=1, max_size=2 * MAX_TURNS))
def test_it_always_ends_and_counts_everything(rounds: list[tuple[RoundOutcome, int]]) -> None:
    state = RegionState()
    for turn, (outcome, due) in enumerate(rounds):
        given_outcome = outcome if turn else NOTHING
        decision = decide(state, given_outcome, due)
        assert decision.state.exported == state.exported + given_outcome.exported
        assert decision.state.remaining == due
        assert (decision.state.ended is not None) == (decision.next is Next.END)
        state = RegionState.from_dict(json.loads(json.dumps(decision.state.to_dict())))
        assert state == decision.state
        if decision.next is Next.END:
            break
    assert state.turns <= MAX_TURNS
    assert state.ended or len(rounds) < MAX_TURNS


@given(st.lists(outcomes, max_size=20))
def test_an_idle_region_ends_within_its_pauses(changes: list[RoundOutcome]) -> None:
    """However the rounds went before, rounds without progress are a limited number."""
    state = FIRST
    for outcome in changes:
        state = decide(state, outcome, 10).state
        if state.ended:
            return
    idle = 0
    while not state.ended:
        state = decide(state, RoundOutcome(failures=(PASSING,)), state.remaining).state
        idle += 1
    assert idle <= len(PAUSES) + 1


def test_a_state_that_ended_names_why() -> None:
    with pytest.raises(ValueError, match="not a valid Ended"):
        RegionState.from_dict({"ended": "other"})
