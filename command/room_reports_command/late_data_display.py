"""How late data come, for one account: read from the run records, and shown."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from room_reports_command.late_data import ENOUGH_FILES, ENOUGH_ROWS, LateData, Stage, late_data
from room_reports_command.late_data_bound import CONFIDENCE, Seen, late_share_bound, samples_of
from room_reports_command.output import counted, printable, table
from room_reports_command.reexports import Stages, reexports
from room_reports_command.run_records import RunRecord, runs_of_days
from room_reports_command.stack import DeployedStack

CAUGHT = 0.999
"""The share of rows for which the settle time is said that would have caught them."""


@dataclass(frozen=True)
class LateDataOfAccount:
    """How late data of one region come, in files of one granularity."""

    region: str
    granularity: str
    stages: Stages
    data: LateData

    @property
    def settle_hours(self) -> float:
        """The settle time of today."""
        return self.stages.settle / timedelta(hours=1)

    @cached_property
    def seen(self) -> Seen:
        """The files that were looked at after they had settled."""
        return samples_of(self.data)

    @cached_property
    def late_share_bound(self) -> float:
        """The share of all rows that comes later than the settle time of today, at most."""
        return late_share_bound(self.data, self.settle_hours)

    @property
    def looked_at_days(self) -> int | None:
        """For how many days after its end a window was looked at; None without enough data."""
        return self.stages.bands[self.data.known - 2].end - 1 if self.data.is_enough else None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        hours = self.data.hours_to_catch(CAUGHT)
        missed = self.data.late_share(self.settle_hours) if hours else None
        return {
            "region": self.region,
            "granularity": self.granularity,
            "enough": self.data.is_enough,
            "conclusion": self.conclusion(),
            "share": CAUGHT,
            "settle_hours": {"least": math.floor(hours.least), "most": math.ceil(hours.most)}
            if hours
            else None,
            "settle_hours_now": self.settle_hours,
            "late_share_now": {"least": missed.least, "most": missed.most} if missed else None,
            "late_share_bound": self.late_share_bound if missed else None,
            "confidence": CONFIDENCE,
            "files_looked_at": self.seen.files,
            "days_of_files_looked_at": self.seen.days,
            "looked_at_days": self.looked_at_days,
            "stages": [
                {
                    "ages": self._ages(number),
                    "files": stage.files,
                    "rows": stage.rows,
                    "added": stage.added,
                    "altered": stage.altered,
                    "enough": stage.is_enough,
                }
                for number, stage in enumerate(self.data.stages)
            ],
        }

    def rendered(self) -> Iterator[RenderableType]:
        """Yield a table and a conclusion, for people."""
        yield table(
            ("seen", "files", "rows", "new", "changed"),
            [
                (self._ages(number), stage.files, f"{stage.rows:,}", stage.added, stage.altered)
                for number, stage in enumerate(self.data.stages)
            ],
            title=f"Late rows: {self.region}, files of a {self.granularity}",
            numbers="files,rows,new,changed",
        )
        yield printable(self.conclusion())

    def conclusion(self) -> str:
        """Return in words what follows for SettleHours."""
        hours = self.data.hours_to_catch(CAUGHT)
        if hours is None:
            return self._what_is_missing()
        now = f"SettleHours, which is {self.settle_hours:g},"
        seen = f"within the {self.looked_at_days} days after a window that were looked at"
        most, least = math.ceil(hours.most), math.floor(hours.least)
        files = f"the {counted(self.seen.files, 'file')} of {counted(self.seen.days, 'day')}"
        if most <= self.settle_hours:
            caught = f"{CAUGHT:.1%} of the rows of {files} that came {seen}"
            bound = f"up to {self.late_share_bound:.2%} of the rows"
            sure = f"with {CONFIDENCE:.0%} confidence"
            if self.late_share_bound <= 1 - CAUGHT:
                return (
                    f"{now} is enough: it has caught {caught}. Of all files, {bound} come later, "
                    f"{sure}."
                )
            return (
                f"{now} has caught {caught}. Whether it is enough is not known: of all files, "
                f"{bound} may come later, {sure}, because the rows of a day tend to be late "
                "together."
            )
        share = self.data.late_share(self.settle_hours).most
        return (
            f"{now} is too short: {share:.2%} of the rows of {files} that came {seen} came later "
            f"than that, at most. To catch {CAUGHT:.1%} of them, it would have had to be between "
            f"{least} and {most}."
        )

    def _what_is_missing(self) -> str:
        number = min(self.data.known, len(self.stages) - 1)
        stage = self.data.stages[number] if len(self.stages) > 1 else Stage()
        if len(self.stages) < 2:
            return "Nothing can be said: SampleDays is 0, so that no file is looked at again."
        return (
            f"Not enough data to say anything about SettleHours: of files {self._ages(number)} "
            f"there are {stage.files:,} with {counted(stage.rows, 'row')}, and at least "
            f"{ENOUGH_FILES} with {ENOUGH_ROWS:,} are needed."
        )

    def _ages(self, stage: int) -> str:
        if stage == 0:
            return "when they settle"
        band = self.stages.bands[stage - 1]
        return f"at {band.first} to {band.end - 1} days"


def read_late_data(stack: DeployedStack, now: datetime, days: int) -> tuple[LateDataOfAccount, ...]:
    """Return how late data come, from the run records of the last days.

    Raises:
        StorageError: If S3 refuses or fails.
    """
    stages = Stages.of(stack.settings.sample_days, stack.settings.settle)
    return tuple(accounts(runs_of_days(stack.bucket, now, days), stages))


def accounts(runs: Iterable[RunRecord], stages: Stages) -> Iterator[LateDataOfAccount]:
    """Yield how late data come, by region and granularity, in the order of their names."""
    for (region, granularity), found in sorted(reexports(runs, stages).items()):
        yield LateDataOfAccount(region, granularity, stages, late_data(found, len(stages)))


def conclusions(found: Iterable[LateDataOfAccount]) -> Iterator[RenderableType]:
    """Yield one line about each account, for people."""
    for each in found:
        yield printable(
            f"Late data, {each.region}, files of a {each.granularity}: {each.conclusion()}"
        )


def rendered(found: Iterable[LateDataOfAccount]) -> Iterator[RenderableType]:
    """Yield what is known of each account, for people."""
    shown = False
    for each in found:
        yield Text()
        yield from each.rendered()
        shown = True
    if not shown:
        yield Text()
        yield Text("Late rows: no file was exported in these days")
