"""Write the queries, the connector and the Power BI project, or check that they are up to date."""

import sys

from local.stack.servers import ROOT
from tools.power_query.documents import connector, query
from tools.power_query.project import project
from tools.power_query.tables import FOLDER


def main(arguments: list[str]) -> int:
    """Write the files that are out of date, or with ``--check`` only name them.

    Returns:
        The exit status: 0, 1 if ``--check`` found a file out of date, or 2 for a wrong argument.
    """
    if arguments not in ([], ["--check"]):
        print("usage: python -m tools.power_query [--check]", file=sys.stderr)
        return 2
    named = {"RoomReports.pq": query(), "connector/RoomReports.pq": connector(), **project()}
    fresh = {FOLDER / name: text for name, text in named.items()}
    stale = [
        path
        for path, text in fresh.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        if arguments:
            print(f"{path.relative_to(ROOT)} is out of date: run make power-query")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(fresh[path], encoding="utf-8", newline="\n")
            print(f"Wrote {path.relative_to(ROOT)}")
    return 1 if stale and arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
