"""The erasure of one person from the first search to the last, which can be run again."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from room_reports.model.pseudonyms import Pseudonyms
from room_reports.model.suppression import Person, Rows, ValueHash
from room_reports_command.erasure.eraser import LONGEST_RUN, Erased, Eraser
from room_reports_command.erasure.places import Kind
from room_reports_command.erasure.settling import Settling
from room_reports_command.erasure.subject import Subject
from room_reports_command.erasure.suppressed import ListStore
from room_reports_command.erasure.survey import Progress, Searcher, Survey

_MOST_SWEEPS = 10
_STEP = 5.0
"""Seconds between two reports of progress while waiting."""


@dataclass(frozen=True)
class Sweep:
    """A search of what was written meanwhile."""

    began: datetime
    found: int
    """Versions that had the person, and were erased."""


@dataclass
class Outcome:
    """What an erasure has found and done so far."""

    began: datetime
    person: Person
    survey: Survey
    was_listed: bool
    """Whether the person was in the suppression list before."""
    erased: Erased = field(default_factory=Erased)
    sweeps: list[Sweep] = field(default_factory=list)
    exported_again: int = 0
    """Files that were due when they were rewritten, and were exported again."""
    to_export: list[dict[str, Any]] = field(default_factory=list)
    """Direct events that export those again for which that has not been done."""
    ended: datetime | None = None
    """None while it is going on."""
    verify_after: datetime | None = None
    """When the last search has still to be made; None if it was made and found nothing."""


@dataclass(frozen=True)
class Procedure:
    """Finds a person, enters the person into the suppression list, and erases what was found."""

    searcher: Searcher
    store: ListStore
    subject: Subject
    progress: Progress
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep
    threads: int = 8
    settling: Settling | None = None
    """Has the files exported again that were due when they were rewritten; None: nothing does."""

    def find(self) -> Survey:
        """Return what there is of the person."""
        return self.find_with(None)[1]

    def find_with(self, pseudonyms: Pseudonyms | None) -> tuple["Procedure", Survey]:
        """Return what there is of the person, and the steps that erase it.

        If files have the person in another spelling, its pseudonym is searched for as well.
        """
        survey = self.searcher.search(self.subject)
        wider = self.subject.with_spellings(survey.spellings, pseudonyms)
        if wider.pseudonyms != self.subject.pseudonyms:
            return replace(self, subject=wider).find_with(pseudonyms)
        self.searcher.count_mentions(self.subject, survey)
        return self, survey

    def erase(
        self,
        survey: Survey,
        began: datetime,
        value_hash: ValueHash,
        rows: Rows,
        *,
        wait: bool,
        started: Callable[[Outcome], object] = lambda _: None,
    ) -> Outcome:
        """Erase what was found, and what is written meanwhile.

        Args:
            began: When the search began.
            wait: Whether to wait until no run of the exporter can publish what it was to erase.
            started: Called before anything is erased.

        Raises:
            InputError, StackError: As the steps do. The same can be run again.
        """
        was_listed = self.store.find(self.subject, value_hash) is not None
        person = self.store.enter(self.subject, value_hash, rows)
        outcome = Outcome(began, person, survey, was_listed)
        started(outcome)
        eraser = Eraser(self.subject, person, outcome.erased, self.progress, self.threads)
        eraser.erase(survey)
        settled = self._settled(person.since + LONGEST_RUN, survey)
        if began < settled or _erasable(survey):
            self._sweep(outcome, eraser, settled, wait=wait)
        self._export_again(outcome)
        outcome.ended = self.clock()
        return outcome

    def _sweep(self, outcome: Outcome, eraser: Eraser, settled: datetime, *, wait: bool) -> None:
        """Search what was written meanwhile, until nothing is found that could come again."""
        since = outcome.began - LONGEST_RUN
        for _ in range(_MOST_SWEEPS):
            if wait:
                self._wait_until(settled)
            began = self.clock()
            survey = self.searcher.search(self.subject, since, outcome.survey.names)
            eraser.erase(survey)
            outcome.sweeps.append(Sweep(began, _erasable(survey)))
            if not wait or (began >= settled and not _erasable(survey)):
                break
            settled = self._settled(settled, survey)
        last = outcome.sweeps[-1]
        if last.found or last.began < settled:
            outcome.verify_after = max(settled, last.began)

    def _export_again(self, outcome: Outcome) -> None:
        """Have what was due when it was rewritten exported again, now that the person is listed."""
        if self.settling:
            keys = outcome.survey.hidden | outcome.erased.rewritten
            outcome.exported_again, outcome.to_export = self.settling.export_again(
                self.searcher.reports, keys
            )

    def _settled(self, settled: datetime, survey: Survey) -> datetime:
        """Return when no run can publish what was found any more.

        A run can have read a piece right before it was deleted.
        """
        if any(each.place.kind is Kind.PIECE for each in survey.found):
            return max(settled, self.clock() + LONGEST_RUN)
        return settled

    def _wait_until(self, moment: datetime) -> None:
        total = max((moment - self.clock()).total_seconds(), 0.0)
        while (left := (moment - self.clock()) / timedelta(seconds=1)) > 0:
            what = "seconds for runs that began before"
            self.progress(what, round(total - left), round(total))
            self.sleep(min(left, _STEP))


def _erasable(survey: Survey) -> int:
    """Return how many of the versions that were found can be erased."""
    return sum(
        each.is_readable or not each.version.is_latest or each.place.kind.is_expendable
        for each in survey.found
    )
