"""What an import would write, and what it could not match. Nothing is written here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from room_reports_command.errors import InputError
from room_reports_command.reference.brightspace import Made, Options, make
from room_reports_command.reference.changes import Change, change, rows_in
from room_reports_command.reference.effect import Effect, effect
from room_reports_command.reference.id_rules import IdRules
from room_reports_command.reference.inputs import Inputs, check_name
from room_reports_command.reference.recent import RecentIds
from room_reports_command.reference.store import ReferenceStore
from room_reports_command.reference.tables import ROOMS, ROSTERS, Row, Table, overlaps
from room_reports_command.reference.unmatched import Unmatched

_BRIGHTSPACE = "brightspace"


@dataclass(frozen=True)
class ImportPlan:
    """What an import would do."""

    changes: tuple[Change, ...]
    unmatched: tuple[Unmatched, ...]
    ignored: Mapping[str, tuple[str, ...]]
    """Columns that are not used, by the key of the table that they are in."""
    effect: Effect | None
    """None without a roster."""
    days: int
    """The days of reports that the ids were compared with."""

    def without_match(self) -> list[Unmatched]:
        """Return all that was not matched: what is left out, and ids that no user has."""
        reason = f"no user of {self.days} days of reports has it"
        unseen = self.effect.unseen if self.effect else ()
        return [*self.unmatched, *(Unmatched("roster id", each, reason) for each in unseen)]

    @property
    def overlapping(self) -> int:
        """The number of pairs of rows of the same person and course whose days overlap."""
        return sum(len(overlaps(each.rows)) for each in self.changes if each.table == ROSTERS)

    def to_dict(self, *, written: bool) -> dict[str, Any]:
        """Return the plan as JSON holds it."""
        return {
            "written": written,
            "files": [each.to_dict() for each in self.changes],
            "unmatched": [each.to_dict() for each in self.unmatched],
            "ignored_columns": {key: list(names) for key, names in self.ignored.items()},
            "overlapping": self.overlapping,
            "days": self.days,
            "ids": self.effect.to_dict() if self.effect else None,
        }


@dataclass(frozen=True)
class Present:
    """What an import is compared with."""

    store: ReferenceStore
    rules: IdRules
    """The rules for ids that are in force."""
    recent: RecentIds
    zone: tzinfo


def plan_import(inputs: Inputs, name: str | None, options: Options, present: Present) -> ImportPlan:
    """Return what importing some files would do.

    Raises:
        InputError: If something in the files is wrong, or a choice of the operator is missing.
    """
    wanted = {(each.table, each.name): each.rows for each in inputs.tables}
    unmatched: tuple[Unmatched, ...] = ()
    if inputs.has_data_sets:
        rooms = _rooms(present.store, inputs)
        # A room that was imported once stays known, also after its last session.
        known = present.recent.rooms | {ROOMS.value(row, "entry_id") for row in rooms}
        courses = {ROOMS.value(row, "course_id") for row in rooms}
        made = make(inputs.data_sets, options, present.zone, known, courses)
        if made.candidates and not options.user_id:
            raise _choice(made, present)
        unmatched = made.unmatched
        for table, rows in made.rows.items():
            if (table, check_name(name or _BRIGHTSPACE)) in wanted:
                raise InputError(
                    f"{table.key(name or _BRIGHTSPACE)} would be written twice.",
                    "Import the table and the data sets one after the other.",
                )
            wanted[table, name or _BRIGHTSPACE] = rows
    changes = tuple(
        change(present.store, table, chosen, rows) for (table, chosen), rows in wanted.items()
    )
    return ImportPlan(
        changes,
        unmatched,
        {each.table.key(each.name): each.ignored for each in inputs.tables if each.ignored},
        _effect(changes, present),
        present.recent.days,
    )


def _rooms(store: ReferenceStore, inputs: Inputs) -> list[Row]:
    """Return the rows of rooms in the bucket, and in tables that were given."""
    several: list[Sequence[Row]] = [each.rows for each in inputs.tables if each.table == ROOMS]
    several += [rows_in(stored.body) for stored in store.read_all(ROOMS.prefix)]
    return [row for rows in several for row in rows if len(row) == len(ROOMS.columns)]


def _choice(made: Made, present: Present) -> InputError:
    """Return the error that asks for the column with the ids of users."""
    reports = present.recent.users
    matching = {
        column: effect(ids, reports, present.rules).steps[-1].roster_ids
        for column, ids in made.candidates.items()
    }
    counts = "; ".join(
        f"{column}: {matching[column]:,} of {len(ids):,}" for column, ids in made.candidates.items()
    )
    best = max(matching, key=lambda column: matching[column])
    return InputError(
        "Which column of Users has the id that Kaltura gets? "
        f"Ids that users of the last {present.recent.days} days of reports have: {counts}.",
        f"Add --user-id {best}, after you have compared some people."
        if matching[best]
        else "None of them matches. Ask the administrator of the LMS integration what it sends to "
        "Kaltura, and see docs/attendance.md.",
    )


def _effect(changes: Sequence[Change], present: Present) -> Effect | None:
    rosters: list[tuple[Table, Row]] = [
        (each.table, row) for each in changes if each.table == ROSTERS for row in each.rows
    ]
    if not any(each.table == ROSTERS for each in changes):
        return None
    ids = {table.value(row, "user_id") for table, row in rosters}
    replaced = {each.key for each in changes}
    others = {
        row[1]
        for stored in present.store.read_all(ROSTERS.prefix)
        if stored.key not in replaced
        for row in rows_in(stored.body)
        if len(row) == len(ROSTERS.columns)
    }
    return effect(ids, present.recent.users, present.rules, others)
