import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from room_reports.kaltura.errors import (
    ForbiddenError,
    KalturaError,
    RegionError,
    ReportError,
    TransientError,
)
from room_reports.kaltura.response import BOM, error_in, is_report, unrecognised

CSV = {"Content-Type": "text/csv;charset=UTF-8"}
KS = "djJ8MTAyfMxkIMQypi0HvHEutndbXKcVRF9LvHwYoYOiFF0d"


def headers(**values: str) -> CaseInsensitiveDict[str]:
    return CaseInsensitiveDict({name.replace("_", "-"): value for name, value in values.items()})


def json_error(code: object, args: object = ()) -> bytes:
    return json.dumps(
        {"code": code, "message": "m", "objectType": "KalturaAPIException", "args": args}
    ).encode()


def xml_error(inside: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?><xml><result><error>{inside}</error></result>'
        "<executionTime>0.01</executionTime></xml>"
    ).encode()


@pytest.mark.parametrize(
    ("status", "given_headers", "start", "expected"),
    [
        (200, CSV, BOM + b"a", True),
        (200, {"content-type": "Text/CSV"}, BOM, True),
        (200, {**CSV, "X-Kaltura": "cache-key,abc"}, BOM, True),
        (200, {**CSV, "X-Kaltura": "error-SERVICE_FORBIDDEN"}, BOM, False),
        (200, CSV, b"a,b\n", False),
        (200, CSV, b"", False),
        (200, {}, BOM, False),
        (200, {"Content-Type": "text/html"}, BOM, False),
        (206, CSV, BOM, False),
        (500, CSV, BOM, False),
    ],
)
def test_is_report_requires_status_content_type_and_byte_order_mark(
    status: int, given_headers: dict[str, str], start: bytes, expected: bool
) -> None:
    assert is_report(status, CaseInsensitiveDict(given_headers), start) is expected


@pytest.mark.parametrize("text", ["error-REPORT_NOT_FOUND", "error- REPORT_NOT_FOUND"])
def test_an_error_in_the_header_alone_is_detected(text: str) -> None:
    error = error_in(200, headers(X_Kaltura=text), b"")

    assert isinstance(error, ReportError)
    assert error.code == "REPORT_NOT_FOUND"


@pytest.mark.parametrize(
    "body",
    [
        json_error("INVALID_KS", {"KSID": KS}),
        b"\n " + json_error("INVALID_KS", {"KSID": KS}),
        xml_error(
            "<code>INVALID_KS</code><message>&quot;</message><args><item>"
            f"<name>KSID</name><value>{KS}</value></item></args>"
        ),
    ],
)
def test_errors_in_json_and_xml_are_detected_without_leaking_the_session(
    body: bytes,
) -> None:
    error = error_in(200, headers(), body)

    assert isinstance(error, RegionError)
    assert error.code == "INVALID_KS"
    assert KS not in f"{error}{error!r}{vars(error)}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>maintenance</html>",
        b"{",
        b"[]",
        b'"djJ8"',
        b"{}",
        b'{"code": "INVALID_KS"}',
        json_error(None),
        json_error(7),
        json_error("not a code; <script>"),
        json_error("INVALID_KS\nforged log line"),
        xml_error("<code></code>"),
        xml_error(""),
        b"<?xml version='1.0'?><xml>",
        b"<?xml version='1.0' encoding='nonsense'?><xml/>",
        b"<?xml version='1.0' encoding='utf-16'?><xml/>",
        b"<?xml version='1.0' encoding='shift_jis'?><xml/>",
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e "x">]><xml>&e;</xml>',
        b"<?xml version='1.0'?>" + b"<a>" * 20000,
        b'{"a":' * 10000,
        b'{"a":' + b"[" * 60000,
        b'{"a": "\xff"}',
    ],
)
def test_other_bodies_are_not_errors(body: bytes) -> None:
    assert error_in(200, headers(), body) is None


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=50).map(xml_error),
        st.recursive(
            st.none() | st.text(max_size=5) | st.integers(),
            lambda inner: st.dictionaries(
                st.sampled_from(["code", "args", "objectType", "KSID"]), inner
            ),
        ).map(lambda value: json.dumps(value).encode()),
    ),
    st.sampled_from([200, 404, 500]),
    st.text(max_size=20),
)
def test_any_response_is_an_error_or_none(body: bytes, status: int, header: str) -> None:
    found = error_in(status, headers(X_Kaltura=header, Retry_After=header), body)

    assert found is None or isinstance(found, KalturaError)
    assert found is not None or status == 200


def test_the_error_code_takes_precedence_over_the_status() -> None:
    error = error_in(500, headers(), json_error("SERVICE_FORBIDDEN"))

    assert isinstance(error, ForbiddenError)
    assert error.code == "SERVICE_FORBIDDEN"


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [("7", 7), ("100000", 60), ("Wed, 21 Oct 2026 07:28:00 GMT", 0), ("-5", 0), ("²", 0), ("", 0)],
)
def test_retry_after_header_is_capped(retry_after: str, wait: int) -> None:
    error = error_in(429, headers(Retry_After=retry_after), b"")

    assert isinstance(error, TransientError)
    assert error.wait == wait


def test_an_unrecognised_response_is_described_but_not_quoted() -> None:
    error = unrecognised(headers(Content_Type="text/html"), f"<p>{KS}".encode())

    assert "text/html" in str(error)
    assert error.retryable
    assert KS not in f"{error}{error!r}{vars(error)}"
