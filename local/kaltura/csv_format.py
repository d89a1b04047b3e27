"""Kaltura's CSV dialect: how its server turns values into text and text into a report.

Source: kaltura/server, ReportService::getCsvAction and KCsvWrapper.
"""

from collections.abc import Collection, Iterable, Sequence

BOM = "\ufeff"
PHP_PRECISION = 14


def php_number(value: float) -> str:
    """``value`` as PHP's string cast prints it: 14 significant digits, ``2.0E-7``, no ``-0``."""
    if value == 0:
        return "0"
    if isinstance(value, int):
        return str(value)
    text = f"{value:.{PHP_PRECISION}G}"
    mantissa, exponential, exponent = text.partition("E")
    if not exponential:
        return text
    sign, digits = exponent[0], exponent[1:].lstrip("0")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{sign}{digits}"


def quoted_by_server(value: str) -> str:
    """``value`` as the enrichers of some columns write it: quoted, and on one line."""
    one_line = value.replace("\n", " ").replace("\r", "")
    return '"' + one_line.replace('"', '""') + '"'


def render(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, quoted: Collection[str] = ()
) -> bytes:
    """A whole report as Kaltura sends it; ``quoted`` names the columns its enrichers quote."""
    places = [place for place, name in enumerate(header) if name in quoted]
    lines = [BOM + ",".join(header)]
    for row in rows:
        cells = _quoted(row, places) if places else row
        line = ",".join(cells)
        if line.count(",") >= len(cells):
            line = ",".join(cell.replace(",", " ") for cell in cells)
        lines.append(line)
    lines.append("")
    return "\n".join(lines).encode()


def _quoted(row: Sequence[str], places: Sequence[int]) -> Sequence[str]:
    cells = list(row)
    for place in places:
        cells[place] = quoted_by_server(cells[place])
    return cells


def surviving(value: str) -> str:
    """The most that anyone can recover of ``value`` from a report, whoever quoted it.

    Commas are blanks; what looks quoted by the server has lost its quotes; line breaks are there.
    """
    blanked = value.replace(",", " ")
    inner = blanked[1:-1]
    looks_quoted = len(blanked) > 1 and blanked[0] == blanked[-1] == '"'
    if looks_quoted and '"' not in inner.replace('""', ""):
        return inner.replace('""', '"')
    return blanked
