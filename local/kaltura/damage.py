"""What a fault does to an answer's content: other answers, other columns, broken bytes."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from local.kaltura.api import HandledCall
from local.kaltura.csv_format import BOM
from local.kaltura.errors import KalturaError, example, invalid_ks
from local.kaltura.faults import Fault
from local.kaltura.response import Headers, Response, fatal

PROXY_PAGE = b"""<!DOCTYPE html>
<html><head><title>Service unavailable</title></head>
<body><h1>Please try again later</h1><p>proxy-7.example</p></body></html>
"""
GARBAGE_LINES = "id,what\nthis,is,not\nany report of ours\n"


def refusal(fault: Fault, report: int | None) -> KalturaError | None:
    """The API error that a fault answers with, if that is what it does."""
    if fault.kind == "api_error":
        return example(fault.code, report or 0)
    if fault.kind == "ks_expired":
        return invalid_ks("EXPIRED")
    if fault.kind == "ks_revoked":
        return invalid_ks(fault.text or "LOGOUT")
    if fault.kind == "rate_limit":
        return example("ACTION_BLOCKED")
    return None


def damaged(fault: Fault, handled: HandledCall) -> Response:
    """The answer as the fault leaves it; untouched where it is not about content."""
    if fault.kind == "php_fatal":
        return fatal(handled.call.time)
    if fault.kind in _REPLACEMENTS:
        return _REPLACEMENTS[fault.kind](fault)
    good = handled.response
    if fault.kind not in _REWRITINGS or not good.header("Content-type").startswith("text/csv"):
        return good
    return _with_body(good, _REWRITINGS[fault.kind](fault, good.body, handled.header))


def _with_body(good: Response, body: bytes) -> Response:
    headers: Headers = tuple(
        (name, str(len(body)) if name == "Content-Length" else value)
        for name, value in good.headers
    )
    return replace(good, headers=headers, body=body)


def _http_status(fault: Fault) -> Response:
    headers: Headers = (("Content-Type", "text/html"),)
    if fault.seconds:
        headers = (*headers, ("Retry-After", f"{fault.seconds:.0f}"))
    return Response(fault.status, headers)


def _proxy_html(fault: Fault) -> Response:
    status = 200 if fault.status == Fault.status else fault.status
    return Response(status, (("Content-Type", "text/html"),), PROXY_PAGE)


def _empty(_: Fault) -> Response:
    return Response(200, (("Content-Type", "text/html; charset=UTF-8"),))


def _garbage(fault: Fault) -> Response:
    body = random.Random(fault.amount).randbytes(2000)
    return Response(200, (("Content-Type", "text/csv;charset=UTF-8"),), body)


def _garbage_text(_: Fault) -> Response:
    body = (BOM + GARBAGE_LINES).encode()
    return Response(200, (("Content-Type", "text/csv;charset=UTF-8"),), body)


_REPLACEMENTS: Mapping[str, Callable[[Fault], Response]] = {
    "http_status": _http_status,
    "proxy_html": _proxy_html,
    "empty": _empty,
    "garbage": _garbage,
    "garbage_text": _garbage_text,
}


def _invalid_utf8(fault: Fault, body: bytes, _: tuple[str, ...]) -> bytes:
    lines = body.split(b"\n")
    for number in range(1, len(lines) - 1, max(1, fault.amount)):
        first, comma, rest = lines[number].partition(b",")
        if comma:
            lines[number] = first + comma + b"\xff" + rest
    return b"\n".join(lines)


def _with_columns(body: bytes, header: tuple[str, ...], order: list[int], extra: str = "") -> bytes:
    """The report with its columns in another order, maybe fewer; ``extra``: one more at the end."""
    out: list[bytes] = []
    cells: list[bytes] = []
    for line in body.removeprefix(BOM.encode()).split(b"\n")[:-1]:
        parts = line.split(b",")
        cells = [*cells[:-1], cells[-1] + b"\n" + parts[0], *parts[1:]] if cells else parts
        if len(cells) < len(header):
            continue
        chosen = [cells[place] for place in order]
        if extra:
            chosen.insert(-1, extra.encode() if not out else b"7")
        out.append(b",".join(chosen))
        cells = []
    return BOM.encode() + b"".join(line + b"\n" for line in out)


def _missing_column(fault: Fault, body: bytes, header: tuple[str, ...]) -> bytes:
    gone = header.index(fault.text) if fault.text in header else 1
    return _with_columns(body, header, [p for p in range(len(header)) if p != gone])


def _extra_column(fault: Fault, body: bytes, header: tuple[str, ...]) -> bytes:
    return _with_columns(body, header, [*range(len(header))], fault.text or "new_metric")


def _reordered_columns(_: Fault, body: bytes, header: tuple[str, ...]) -> bytes:
    last = len(header) - 1
    return _with_columns(body, header, [0, *range(last - 1, 0, -1), last])


def _row_cap(fault: Fault, body: bytes, header: tuple[str, ...]) -> bytes:
    whole = _with_columns(body, header, [*range(len(header))])
    kept: list[bytes] = []
    rows, commas = -1, 0
    for line in whole.split(b"\n")[:-1]:
        kept.append(line)
        commas += line.count(b",")
        if commas >= len(header) - 1:
            rows, commas = rows + 1, 0
        if rows >= fault.amount:
            break
    return b"".join(line + b"\n" for line in kept)


def _header_only(_: Fault, body: bytes, header: tuple[str, ...]) -> bytes:
    return body.partition(b"\n")[0] + b"\n" if header else body


def _bom_only(*_: object) -> bytes:
    return (BOM + "\n").encode()


_REWRITINGS: Mapping[str, Callable[[Fault, bytes, tuple[str, ...]], bytes]] = {
    "invalid_utf8": _invalid_utf8,
    "missing_column": _missing_column,
    "extra_column": _extra_column,
    "reordered_columns": _reordered_columns,
    "row_cap": _row_cap,
    "header_only": _header_only,
    "bom_only": _bom_only,
}
