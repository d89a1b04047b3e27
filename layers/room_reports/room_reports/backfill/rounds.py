"""Rounds: whether a region goes on, pauses or ends. Everything here is pure.

In each round, the child workflows take up every window that is due at its start. So what a round
leaves deferred, the next one takes up, until nothing is due or nothing moves any more.
"""

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from room_reports.backfill.results import Failure, RoundOutcome

PAUSES = (60, 300, 900)
"""Seconds before each of the rounds that follow one without progress; then the region ends."""
PAUSE_WHEN_DOWN = 60
"""Seconds before the next round when the region was down, but others got through."""
WAIT = 60
"""Seconds before the bucket is asked again whether calls of another execution have ended."""
MAX_TURNS = 70
"""The most plans of one region, so that the history of an execution stays within its limit."""


class Next(StrEnum):
    """What the state machine does next for a region."""

    EXPORT = "export"
    WAIT = "wait"
    END = "end"


class Ended(StrEnum):
    """Why a region's part of a backfill ended."""

    COMPLETE = "complete"
    """Nothing is due any more."""
    STUCK = "stuck"
    """Nothing moves any more."""
    SUPERSEDED = "superseded"
    """A newer execution has taken over."""
    LIMIT = "limit"
    """It has had as many turns as an execution may have."""
    FAILED = "failed"
    """It could not be planned."""
    DRY_RUN = "dry_run"
    """It was only counted."""


@dataclass(frozen=True)
class RegionState:
    """How far a region is, as Step Functions hands it from one plan to the next."""

    turns: int = 0
    round: int = 0
    """The number of rounds that were started."""
    idle: int = 0
    """The number of rounds without progress in a row."""
    exported: int = 0
    """Windows, in all rounds."""
    rows: int = 0
    remaining: int = 0
    """Windows that were due at the latest plan."""
    expired: int = 0
    """Windows of the range that are not due, because their files are not kept any more."""
    failures: tuple[Failure, ...] = ()
    """Of the latest round."""
    ended: Ended | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the state as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Self:
        """Return the state that ``to_dict`` returned."""
        failures = tuple(Failure(**failure) for failure in state.get("failures", ()))
        ended = Ended(state["ended"]) if state.get("ended") else None
        return cls(**{**state, "failures": failures, "ended": ended})


@dataclass(frozen=True)
class Decision:
    """What comes next for a region."""

    next: Next
    state: RegionState
    pause: int = field(default=0)
    """Seconds before it."""


def superseded(state: RegionState, outcome: RoundOutcome) -> Decision:
    """Return the decision when a newer execution has taken over."""
    return _end(_with(state, outcome), Ended.SUPERSEDED)


def failed(state: RegionState, outcome: RoundOutcome, error: str, cause: str) -> RegionState:
    """Return the last state of a region of which a step failed.

    Args:
        outcome: What the latest round did.
        error: As Step Functions names the error.
        cause: As Step Functions describes it.
    """
    last = _with(state, outcome)
    failure = Failure.of_step(error, cause, last.remaining)
    return replace(last, failures=(failure,), ended=Ended.FAILED)


def dry_run(due: int) -> Decision:
    """Return the decision when windows are only counted."""
    return _end(RegionState(remaining=due), Ended.DRY_RUN)


def wait(state: RegionState, outcome: RoundOutcome) -> Decision:
    """Return the decision when calls of another execution are still under way.

    Args:
        outcome: What the latest round did. It counts when the region ends here; otherwise the
            next plan reads it again.
    """
    turned = replace(state, turns=state.turns + 1)
    if turned.turns >= MAX_TURNS:
        return _end(_with(turned, outcome), Ended.LIMIT)
    return Decision(Next.WAIT, turned, WAIT)


def decide(state: RegionState, outcome: RoundOutcome, due: int) -> Decision:
    """Return what comes next after a round.

    Args:
        outcome: What the latest round did; an empty one before the first.
        due: The number of windows that are due now.
    """
    moved = outcome.exported > 0 or due < state.remaining
    first = state.round == 0
    state = replace(
        state,
        turns=state.turns + 1,
        idle=0 if first or moved else state.idle + 1,
        exported=state.exported + outcome.exported,
        rows=state.rows + outcome.rows,
        remaining=due,
        failures=outcome.failures if due else (),
    )
    if not due:
        return _end(state, Ended.COMPLETE)
    if state.idle and (outcome.is_permanent or state.idle > len(PAUSES)):
        return _end(state, Ended.STUCK)
    if state.turns >= MAX_TURNS:
        return _end(state, Ended.LIMIT)
    pause = PAUSES[state.idle - 1] if state.idle else PAUSE_WHEN_DOWN if outcome.down else 0
    return Decision(Next.EXPORT, replace(state, round=state.round + 1), pause)


def _with(state: RegionState, outcome: RoundOutcome) -> RegionState:
    """Return the state after a round, when what is due now is not known."""
    return replace(
        state,
        exported=state.exported + outcome.exported,
        rows=state.rows + outcome.rows,
        remaining=max(0, state.remaining - outcome.exported),
        failures=outcome.failures,
    )


def _end(state: RegionState, ended: Ended) -> Decision:
    return Decision(Next.END, replace(state, ended=ended))
