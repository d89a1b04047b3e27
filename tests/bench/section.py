"""What a benchmark module returns, and where the last measurement of each is kept."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from tests.bench.figures import QUICK

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".local" / ("bench-quick" if QUICK else "bench")
"""A measurement that was made once only, to try the benchmarks, does not replace a real one."""


@dataclass(frozen=True)
class Section:
    """A table of measurements, and what else was found."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    """By the name that the table of targets uses, or a plot."""

    def to_json(self, date: str) -> str:
        """Return the section as JSON, with the day on which it was measured."""
        return json.dumps({**asdict(self), "date": date}, indent=1, ensure_ascii=False)


class Bench(Protocol):
    """What each module ``bench_*.py`` defines."""

    TITLE: str

    def measure(self) -> Section:
        """Measure everything."""


def keep(name: str, section: Section, date: str) -> None:
    """Keep a section until it is measured again."""
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{name}.json").write_text(section.to_json(date), encoding="utf-8")


def kept(name: str) -> tuple[Section, str] | None:
    """Return the last measurement of a module and its day."""
    path = KEPT / f"{name}.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    date = found.pop("date")
    return Section(**found), date
