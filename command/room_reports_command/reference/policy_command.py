"""``room-reports reference policy``: show the attendance policy, or change it."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from room_reports_command.context import Context, with_context
from room_reports_command.errors import InputError
from room_reports_command.output import table
from room_reports_command.reference.changes import rows_in
from room_reports_command.reference.display import effect_lines
from room_reports_command.reference.effect import Effect, effect
from room_reports_command.reference.id_rules import IdRules
from room_reports_command.reference.import_command import DAYS, confirm
from room_reports_command.reference.policy import (
    DEFAULTS,
    POLICY_KEY,
    SETTINGS,
    Policy,
    parse_policy,
    policy_problems,
)
from room_reports_command.reference.policy_store import (
    read_policy,
    replaced_policy,
    write_policy,
)
from room_reports_command.reference.problems import refuse
from room_reports_command.reference.recent import recent_ids
from room_reports_command.reference.store import ReferenceStore
from room_reports_command.reference.tables import ROSTERS
from room_reports_command.stack import DeployedStack

app = typer.Typer(no_args_is_help=True, help="The policy that decides who counts as present.")


@dataclass(frozen=True)
class _Change:
    """A change of the policy."""

    before: Policy
    after: Policy
    effects: tuple[Effect, Effect] | None
    """Of the rules for ids before and after; None if they stay as they are."""
    days: int

    def to_dict(self, *, written: bool) -> dict[str, Any]:
        return {
            "written": written,
            "policy": {**DEFAULTS, **self.after},
            "changed": [name for name in DEFAULTS if self.before.get(name) != self.after.get(name)],
            "days": self.days,
            "ids": [each.to_dict() for each in self.effects] if self.effects else None,
        }


@app.command()
@with_context
def show(context: Context) -> None:
    """Show the policy that is in force."""
    policy, _ = read_policy(ReferenceStore(context.stack))
    context.output.result({**DEFAULTS, **policy}, lambda: [_table(policy)])


@app.command(name="set")
@with_context
def set_policy(
    context: Context,
    file: Annotated[
        Path | None,
        typer.Argument(help="JSON file with a whole policy. Without it, settings are changed."),
    ] = None,
    *,
    min_minutes: Annotated[float | None, typer.Option(help=SETTINGS[0].meaning)] = None,
    min_share: Annotated[float | None, typer.Option(help=SETTINGS[1].meaning)] = None,
    late_minutes: Annotated[float | None, typer.Option(help=SETTINGS[2].meaning)] = None,
    early_minutes: Annotated[float | None, typer.Option(help=SETTINGS[3].meaning)] = None,
    gap_minutes: Annotated[float | None, typer.Option(help=SETTINGS[4].meaning)] = None,
    role: Annotated[list[str] | None, typer.Option(help="role that counts; repeatable")] = None,
    min_class_minutes: Annotated[float | None, typer.Option(help=SETTINGS[6].meaning)] = None,
    min_class_users: Annotated[int | None, typer.Option(help=SETTINGS[7].meaning)] = None,
    ignore_case: Annotated[bool | None, typer.Option(help=SETTINGS[8].meaning)] = None,
    drop_domain: Annotated[
        list[str] | None, typer.Option(help="domain to remove from ids; repeatable; * is any")
    ] = None,
    drop_prefix: Annotated[
        list[str] | None, typer.Option(help="beginning to remove from ids; repeatable")
    ] = None,
    unset: Annotated[
        list[str] | None, typer.Option(help="setting that gets its default again; repeatable")
    ] = None,
    days: Annotated[
        int, typer.Option(help="Days of reports to compare ids with.", min=1, max=400)
    ] = DAYS,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
) -> None:
    """Change the policy: single settings, or all of it from a file.

    If rules for ids change, this shows how many ids match before and after.
    """
    given = {
        "min_minutes": min_minutes,
        "min_share": min_share,
        "late_minutes": late_minutes,
        "early_minutes": early_minutes,
        "gap_minutes": gap_minutes,
        "roles": role,
        "min_class_minutes": min_class_minutes,
        "min_class_users": min_class_users,
        "ignore_case": ignore_case,
        "drop_domains": drop_domain,
        "drop_prefixes": drop_prefix,
    }
    store = ReferenceStore(context.stack)
    before, seen = read_policy(store) if file is None else replaced_policy(store)
    after = _after(file, before, given, unset or [])
    rules = IdRules.from_policy(before), IdRules.from_policy(after)
    effects = _effects(context.stack, store, rules, days) if rules[0] != rules[1] else None
    change = _Change(before, after, effects, days)
    if dry_run or (seen and after == before):
        context.output.result(change.to_dict(written=False), lambda: _lines(change))
        return
    for shown in () if context.output.as_json else _lines(change):
        context.output.errors.print(shown)
    if not yes:
        confirm(context.output, "Use this policy?")
    write_policy(store, after, seen)
    context.output.result(change.to_dict(written=True), lambda: [f"Wrote {POLICY_KEY}."])


def _after(
    file: Path | None, before: Policy, given: Mapping[str, Any], unset: Collection[str]
) -> Policy:
    """Return the policy that the arguments ask for.

    Raises:
        InputError: If one of them is wrong, or there is none.
    """
    options = {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in given.items()
        if value not in (None, [])
    }
    if unknown := sorted(set(unset) - set(DEFAULTS)):
        raise InputError(
            f"There is no setting {unknown[0]!r}.", f"There are: {', '.join(DEFAULTS)}"
        )
    if file is None and not options and not unset:
        raise InputError("Nothing is to be set.", "Give a JSON file, or options: see --help.")
    base = _from_file(file) if file else before
    after = {name: value for name, value in {**base, **options}.items() if name not in unset}
    source = f"{file.name} and the options" if file else f"{POLICY_KEY} and the options"
    refuse(list(policy_problems(after, source)))
    return after


def _from_file(file: Path) -> Policy:
    try:
        return parse_policy(file.read_text(encoding="utf-8-sig"), file.name)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not in UTF-8.", "Save it in UTF-8.") from error


def _effects(
    stack: DeployedStack, store: ReferenceStore, rules: tuple[IdRules, IdRules], days: int
) -> tuple[Effect, Effect]:
    recent = recent_ids(stack.bucket, stack.settings, datetime.now(UTC), days)
    rosters = {
        row[1]
        for stored in store.read_all(ROSTERS.prefix)
        for row in rows_in(stored.body)
        if len(row) == len(ROSTERS.columns)
    }
    before, after = rules
    return effect(rosters, recent.users, before), effect(rosters, recent.users, after)


def _lines(change: _Change) -> Iterator[RenderableType]:
    yield _table(change.after, change.before)
    for title, found in zip(
        ("Ids before", "Ids after"), change.effects or (), strict=change.effects is not None
    ):
        yield from effect_lines(found, change.days, title)


def _table(policy: Policy, before: Policy | None = None) -> RenderableType:
    """Return the settings; with those before, only what is set or changes."""
    names = ("setting", "value", "") if before is None else ("setting", "before", "after")
    rows = []
    for setting in SETTINGS:
        value = _text(policy.get(setting.name, setting.default))
        if before is None:
            origin = setting.meaning if setting.name in policy else f"default; {setting.meaning}"
            rows.append((setting.name, value, origin))
        elif (old := _text(before.get(setting.name, setting.default))) != value:
            rows.append((setting.name, old, value))
    return table(names, rows)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
