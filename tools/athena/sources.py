"""Read the SQL files in athena/: names, descriptions, column meanings and SQL."""

import re
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from local.stack.servers import ROOT

_FOLDER = ROOT / "athena"
_OUTPUT_COLUMN = re.compile(r"\bAS (\w+),? -- (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """One SQL file."""

    name: str
    """The view's name, or the query's with hyphens."""
    sql: str

    @property
    def description(self) -> str:
        """The comment at the top of the file, as one line."""
        comment = takewhile(lambda line: line.startswith("--"), self.sql.split("\n"))
        return " ".join(filter(None, (line.removeprefix("--").strip() for line in comment)))

    @property
    def column_meanings(self) -> dict[str, str]:
        """The comment after each output column of a view, by column and in their order."""
        outermost = re.split(r"^SELECT$", self.sql, flags=re.MULTILINE)[-1]
        return {match[1]: match[2] for match in _OUTPUT_COLUMN.finditer(outermost)}


def views() -> tuple[Source, ...]:
    """Return the views, each after the views that it reads."""
    return _read(_FOLDER / "views")


def queries() -> tuple[Source, ...]:
    """Return the example queries, ordered by name."""
    return _read(_FOLDER / "queries")


def _read(folder: Path) -> tuple[Source, ...]:
    return tuple(
        Source(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql"))
    )
