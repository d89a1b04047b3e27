"""How an import and the effect of rules are shown."""

from collections.abc import Iterator

from rich.console import RenderableType

from room_reports_command.output import counted, printable, table
from room_reports_command.reference.effect import Effect
from room_reports_command.reference.import_plan import ImportPlan
from room_reports_command.reference.unmatched import grouped

_MERGED_SHOWN = 5
_UNSEEN_SHOWN = 10


def plan_lines(plan: ImportPlan) -> Iterator[RenderableType]:
    """Yield what an import would do."""
    yield table(
        ("file", "rows", "new", "gone", ""),
        [
            (
                each.key,
                f"{len(each.rows):,}",
                f"{each.added:,}",
                f"{each.removed:,}",
                ("replaces" if each.seen else "is new") if each.needed else "is in the bucket",
            )
            for each in plan.changes
        ],
        title="Files",
        numbers="rows,new,gone",
    )
    for key, names in plan.ignored.items():
        yield printable(f"Not used for {key}: {', '.join(names)}")
    if plan.overlapping:
        yield printable(
            f"Overlapping days: {counted(plan.overlapping, 'pair')} of rows of the same person and "
            "course. Such a person has two rows for a class."
        )
    if plan.unmatched:
        yield table(
            ("what", "number", "why", "such as"),
            [
                (what, f"{number:,}", why, examples)
                for what, number, why, examples in grouped(plan.unmatched)
            ],
            title="Not matched, and left out",
            numbers="number",
        )
    if plan.effect:
        yield from effect_lines(plan.effect, plan.days, "Ids by the rules in force")


def effect_lines(effect: Effect, days: int, title: str) -> Iterator[RenderableType]:
    """Yield the effect of rules for ids."""
    yield table(
        (
            "rules",
            f"of {effect.roster_ids:,} ids of rosters, seen",
            f"of {effect.report_ids:,} ids in {days} days of reports, on a roster",
        ),
        [(each.rules, f"{each.roster_ids:,}", f"{each.report_ids:,}") for each in effect.steps],
        title=title,
    )
    if effect.unseen:
        named = ", ".join(effect.unseen[:_UNSEEN_SHOWN])
        more = ", …" if len(effect.unseen) > _UNSEEN_SHOWN else ""
        yield printable(
            f"Ids of rosters that no user has: {len(effect.unseen):,} ({named}{more}). "
            "--json has all of them."
        )
    if effect.merged:
        groups = [" = ".join(group) for group in effect.merged[:_MERGED_SHOWN]]
        more = (
            f", and {len(effect.merged) - len(groups):,} more"
            if effect.merged[_MERGED_SHOWN:]
            else ""
        )
        yield printable(
            f"The rules make different ids the same: {'; '.join(groups)}{more}. "
            "If these are different people, choose other rules."
        )
