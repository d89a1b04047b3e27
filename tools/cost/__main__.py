"""Write the tables of docs/cost.md and docs/provider.md from the measurements, or check them."""

import re
import sys
from pathlib import Path

from local.stack.servers import ROOT
from tools.cost.measured import measured
from tools.cost.tables import tables

PAGES = (ROOT / "docs" / "cost.md", ROOT / "docs" / "provider.md")
_MARKED = re.compile(r"<!-- make cost: (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def written(text: str, made: dict[str, str]) -> str:
    """Return a page with each table between its markers replaced.

    Raises:
        KeyError: If the page names a table that does not exist.
    """
    return _MARKED.sub(
        lambda found: f"<!-- make cost: {found[1]} -->\n\n{made[found[1]]}\n<!-- end -->", text
    )


def stale() -> dict[Path, str]:
    """Return the new text of each page that is out of date."""
    made = tables(measured())
    fresh = {path: written(path.read_text(encoding="utf-8"), made) for path in PAGES}
    return {path: text for path, text in fresh.items() if path.read_text("utf-8") != text}


def main(arguments: list[str]) -> int:
    """Write the pages that are out of date, or with ``--check`` only name them.

    Returns:
        The exit status: 0, 1 if ``--check`` found a page out of date, or 2 for a wrong argument.
    """
    if arguments not in ([], ["--check"]):
        print("usage: python -m tools.cost [--check]", file=sys.stderr)
        return 2
    found = stale()
    for path, text in found.items():
        if arguments:
            print(f"{path.relative_to(ROOT)} is out of date: run make cost")
        else:
            path.write_text(text, encoding="utf-8")
            print(f"Wrote {path.relative_to(ROOT)}")
    return 1 if found and arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
