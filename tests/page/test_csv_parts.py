"""The page's own reading of CSV, compared with Python's on generated files."""

import random

from tests.page.one_file import csv_bytes, table_of
from tests.page.reader import Open, loaded

FILES = 400
# What can confuse a reader of CSV, and characters of two, three and four bytes.
PIECES = ("", "a", ",", '"', '""', " ", "=1", "'", "é", "한", "😀", "\ufeff", "\u2028", "\ue000")
REORDER = """
files => files.map(({ bytes, columns }) => {
  const { header, rows } = splitHeader(new Uint8Array(bytes));
  const content = rowsInColumns(rows, columnsOf(header), columns);
  return [columnsOf(header), countRows(rows), [...content]];
})
"""


def text(source: random.Random) -> str:
    return "".join(source.choice(PIECES) for _ in range(source.randrange(4)))


def test_rows_are_put_into_the_order_of_other_columns(browse: Open) -> None:
    source = random.Random(11)
    cases = []
    for _ in range(FILES):
        # The header's names are distinct, and some need quotes.
        names = [f"{number}{text(source)}" for number in range(1, 1 + source.randint(1, 5))]
        rows = [[text(source) for _ in names] for _ in range(source.randrange(4))]
        wanted = [*names, "another", "and, one more"][: source.randint(2, 7)]
        source.shuffle(wanted)
        cases.append((names, rows, wanted))
    page = loaded(browse())
    given = [
        {
            "bytes": list(csv_bytes([names, *rows])),
            "columns": [csv_bytes([[name]]).decode().rstrip("\n") for name in wanted],
        }
        for names, rows, wanted in cases
    ]
    for (names, rows, wanted), (columns, count, content) in zip(
        cases, page.evaluate(REORDER, given), strict=True
    ):
        assert table_of("\n".join([",".join(columns), ""]).encode()) == [names]
        assert count == len(rows)
        header = csv_bytes([wanted])
        assert table_of(header + bytes(content)) == [
            wanted,
            *[
                [dict(zip(names, row, strict=True)).get(name, "") for name in wanted]
                for row in rows
            ],
        ]
