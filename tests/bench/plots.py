"""Plots of the measurements as SVG: bars, legible on a light and on a dark background."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from tests.bench.section import Section

_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328}.small{font-size:12px;fill:#59636e}"
    ".bar{fill:#8c959f}.ours{fill:#0969da}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}"
    ".bar{fill:#6e7681}.ours{fill:#4493f8}}"
)
_WIDTH, _LABELS, _ROW, _TITLE = 720, 190, 22, 34
_OURS = ("exporter", "normaliser")


@dataclass(frozen=True)
class Bars:
    """One group of bars on a scale of its own."""

    title: str
    unit: str
    values: Sequence[tuple[str, float]]
    digits: int


def whole_process(figures: Mapping[str, float]) -> list[Bars]:
    """Return the seconds of each program, by workload; less is better."""
    works = dict.fromkeys(name.split(".seconds.")[0] for name in figures if ".seconds." in name)
    return [
        Bars(f"{work}: seconds, less is better", "s", _with(figures, f"{work}.seconds."), 2)
        for work in works
    ]


def normalise(figures: Mapping[str, float]) -> list[Bars]:
    """Return the speed of each program, by the share of awkward rows; more is better."""
    shares = {"clean": "Clean rows", "some": "5 % awkward rows", "all": "All rows awkward"}
    return [
        Bars(
            f"{text}: MB per CPU second, more is better",
            "MB",
            [
                (name.removesuffix(".speed"), value)
                for name, value in _with(figures, f"normalise.{share}.")
                if name.endswith(".speed") and not name.startswith("copy")
            ],
            0,
        )
        for share, text in shares.items()
    ]


PLOTS = {"whole_process": whole_process, "normalise": normalise}


def write(sections: Mapping[str, Section], folder: Path) -> None:
    """Write a plot of each section that has one."""
    for name, bars in PLOTS.items():
        if name in sections:
            path = folder / f"{name}.svg"
            path.write_text(svg(bars(sections[name].figures)), encoding="utf-8")


def svg(groups: Sequence[Bars]) -> str:
    """Return groups of bars, one below the other."""
    parts, top = list[str](), 0
    for group in groups:
        parts.append(f'<text x="8" y="{top + 23}" font-weight="600">{escape(group.title)}</text>')
        top += _TITLE
        longest = max(value for _, value in group.values)
        for label, value in group.values:
            width = max(1.0, (_WIDTH - _LABELS - 90) * value / longest)
            kind = "ours" if label in _OURS else "bar"
            figure = f"{value:,.{group.digits}f} {group.unit}"
            parts += [
                f'<text class="small" x="{_LABELS - 8}" y="{top + 14}" text-anchor="end">'
                f"{escape(label)}</text>",
                f'<rect class="{kind}" x="{_LABELS}" y="{top + 3}" width="{width:.1f}" '
                'height="14" rx="2"/>',
                f'<text class="small" x="{_LABELS + width + 6:.1f}" y="{top + 14}">{figure}</text>',
            ]
            top += _ROW
        top += 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" '
        f'height="{top}" role="img"><style>{_STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _with(figures: Mapping[str, float], prefix: str) -> list[tuple[str, float]]:
    return [
        (name.removeprefix(prefix), value)
        for name, value in figures.items()
        if name.startswith(prefix)
    ]
