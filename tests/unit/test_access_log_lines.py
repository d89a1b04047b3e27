"""Lines of S3's server access log: whatever a client sends, its read is not hidden."""

import re
from datetime import UTC, datetime

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.access_log import AccessLog, Recorded
from tools.athena.tables import ACCESS_LOG, ACCESS_LOG_LINE

LOG_OF_AWS = (
    r"([^ ]*) ([^ ]*) \[(.*?)\] ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) (\"[^\"]*\"|-) "
    r"(-|[0-9]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) (\"[^\"]*\"|-) ([^ ]*)"
    r"(?: ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*))?.*$"
)
"""The expression that AWS's page on querying the log has."""
REQUESTERS = {"person": "arn:aws:iam::123456789012:user/joe", "owner": "a" * 64}
NAMES = [field.name for field in ACCESS_LOG]
one_line = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=30
) | st.sampled_from(['"', '" "', '" 200 - 1 1 1 1 "', "-", "", "\\", 'a"b c"'])
# A first line has no space within the address, or it would be none.
addresses = one_line.map(lambda text: text.replace(" ", "%20"))


@st.composite
def requests(draw: st.DrawFn) -> Recorded:
    """Generate a request with any names that a client chooses."""
    headers = draw(
        st.fixed_dictionaries({}, optional={"user-agent": one_line, "referer": one_line})
    )
    return Recorded(
        request_id="3E57427F3EXAMPLE",
        at=datetime(2026, 11, 22, 13, 5, tzinfo=UTC),
        access_key=draw(st.sampled_from(["person", "owner", ""])),
        presigned=draw(st.booleans()),
        method="GET",
        line=f"GET /reports/attendees/x.csv?x={draw(addresses)} HTTP/1.1",
        status=draw(st.sampled_from([200, 206, 304, 403, 404])),
        error=draw(st.sampled_from(["-", "AccessDenied"])),
        sent=draw(st.integers(0, 2**40)),
        size=draw(st.sampled_from(["-", "0", "123456"])),
        headers=headers,
        copies=False,
    )


def line_of(request: Recorded, tmp: str = "/nowhere") -> str:
    return AccessLog(tmp, REQUESTERS).line(request)  # type: ignore[arg-type]


def in_duckdb(line: str) -> dict[str, str] | None:
    """Return the fields of a line as DuckDB reads them."""
    sql = "SELECT CASE WHEN regexp_full_match(?, $re) THEN regexp_extract(?, $re, $names) END"
    sql = sql.replace("$re", f"'{ACCESS_LOG_LINE}'").replace("$names", repr(NAMES))
    found: tuple[dict[str, str] | None] = duckdb.execute(sql, [line, line]).fetchall()[0]
    return found[0]


@given(requests())
def test_the_fields_that_the_client_does_not_choose_are_read(request_: Recorded) -> None:
    line = line_of(request_)
    match = re.fullmatch(ACCESS_LOG_LINE, line)
    assert match, line
    fields = dict(zip(NAMES, match.groups(), strict=True))
    assert fields["requester"] == REQUESTERS.get(request_.access_key, "-")
    assert fields["request_id"] == "3E57427F3EXAMPLE"
    assert fields["operation"] == "REST.GET.OBJECT"
    assert fields["key"] == "attendees/x.csv"
    assert fields["request_uri"] == f'"{request_.line}"'
    assert fields["http_status"] == str(request_.status)
    assert fields["error_code"] == request_.error
    assert fields["bytes_sent"] == str(request_.sent or "-")
    assert fields["object_size"] == request_.size
    assert fields["rest"].startswith(f'"{request_.headers.get("referer", "-")}" "')
    assert in_duckdb(line) == fields


@pytest.mark.parametrize("agent", ['a"b c', '" "', 'x" - - -'])
def test_the_expression_of_aws_would_lose_reads(agent: str) -> None:
    request = Recorded(
        *("3E57427F3EXAMPLE", datetime(2026, 11, 22, tzinfo=UTC), "person", False, "GET"),
        *("GET /reports/attendees/x.csv HTTP/1.1", 200, "-", 5, "5"),
        *({"referer": agent, "user-agent": agent}, False),
    )
    line = line_of(request)
    of_aws = re.fullmatch(LOG_OF_AWS, line)
    assert of_aws is None or of_aws[16] != f'"{agent}"'
    assert re.fullmatch(ACCESS_LOG_LINE, line)


def test_a_line_that_is_none_is_a_row_of_null() -> None:
    assert in_duckdb("not a line of the log") is None
    assert in_duckdb("") is None
