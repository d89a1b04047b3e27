"""``python -m tools.athena``: makes what is made from athena/ and the catalogue, or checks it."""

import sys

from local.stack.servers import ROOT
from tools.athena.block import with_block
from tools.athena.dictionary import dictionary

TEMPLATE = ROOT / "template.yaml"
DICTIONARY = ROOT / "docs" / "data-dictionary.md"


def main(arguments: list[str]) -> int:
    """Write what is stale, or with ``--check`` only name it; the exit status."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m tools.athena [--check]", file=sys.stderr)
        return 2
    template = TEMPLATE.read_text(encoding="utf-8")
    fresh = {TEMPLATE: with_block(template), DICTIONARY: dictionary()}
    stale = [
        path
        for path, text in fresh.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        if arguments:
            print(f"{path.relative_to(ROOT)} is stale: run make athena")
        else:
            path.write_text(fresh[path], encoding="utf-8")
            print(f"Wrote {path.relative_to(ROOT)}")
    return 1 if stale and arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
