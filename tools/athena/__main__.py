"""Write the files that are generated from athena/ and the report catalogue, or check them."""

import sys

from local.stack.servers import ROOT
from local.stack.template import ATHENA_TEMPLATE
from tools.athena.dictionary import dictionary
from tools.athena.template import athena_template

DICTIONARY = ROOT / "docs" / "data-dictionary.md"


def main(arguments: list[str]) -> int:
    """Write the files that are out of date, or with ``--check`` only name them.

    Returns:
        The exit status: 0, 1 if ``--check`` found a file out of date, or 2 for a wrong argument.
    """
    if arguments not in ([], ["--check"]):
        print("usage: python -m tools.athena [--check]", file=sys.stderr)
        return 2
    fresh = {ATHENA_TEMPLATE: athena_template(), DICTIONARY: dictionary()}
    stale = [
        path
        for path, text in fresh.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        if arguments:
            print(f"{path.relative_to(ROOT)} is out of date: run make athena")
        else:
            path.write_text(fresh[path], encoding="utf-8")
            print(f"Wrote {path.relative_to(ROOT)}")
    return 1 if stale and arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
