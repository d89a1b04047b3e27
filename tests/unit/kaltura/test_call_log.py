"""The log of calls to a region: what it counts, and that it stays small."""

from room_reports.kaltura.call_log import CallLog


def test_calls_are_taken_once() -> None:
    log = CallLog()
    log.succeeded(1.5)
    log.succeeded(0.5)
    log.failed("INVALID_KS")
    log.failed("INVALID_KS")
    calls = log.take()
    assert (calls.seconds, calls.errors) == ((1.5, 0.5), {"INVALID_KS": 2})
    calls = log.take()
    assert (calls.seconds, calls.errors) == ((), {})


def test_a_region_cannot_make_any_number_of_metrics() -> None:
    log = CallLog()
    for number in range(100):
        log.failed(f"CODE_{number}")
    log.failed("CODE_1")
    errors = log.take().errors or {}
    assert len(errors) == 21
    assert (errors["OTHER"], errors["CODE_1"]) == (80, 2)


def test_what_does_not_look_like_a_code_is_not_shown() -> None:
    log = CallLog()
    log.failed("djJ8MTIzfA== a secret?")
    assert log.take().errors == {"OTHER": 1}
