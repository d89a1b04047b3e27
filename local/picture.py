"""Pictures of what a terminal shows, for the documentation."""

import re
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console


def save_svg(console: Console, path: Path, *, title: str, name: str) -> None:
    """Write what a console has recorded as an SVG that refers to nothing outside it.

    Args:
        name: Distinguishes the picture's styles from those of other pictures on a page.
    """
    template = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    template = template.replace("Fira Code, monospace", "monospace")
    console.save_svg(str(path), title=title, code_format=template, unique_id=name)
