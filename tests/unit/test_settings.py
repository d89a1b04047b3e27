import json
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.api.settings import read_api_settings
from room_reports.errors import ConfigurationError
from room_reports.model.regions import Region
from room_reports.model.reports import REPORTS
from room_reports.model.windows import Granularity
from room_reports.settings import Settings
from tests.support.settings import read_settings

REQUIRED = {"BUCKET_NAME": "exports", "SECRET_ID": "arn:aws:secretsmanager:x"}


def read(**variables: str) -> Settings:
    return read_settings({**REQUIRED, **variables})


def problems(**variables: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        read(**variables)
    assert str(caught.value) == "; ".join(caught.value.problems)
    return caught.value.problems


def filters(value: object) -> str:
    return json.dumps({"attendees": {"entry_ids": value}})


def test_defaults() -> None:
    settings = read()

    assert [region.name for region in settings.regions] == ["us", "eu"]
    assert settings.reports == REPORTS
    assert settings.granularities == (Granularity.DAY,)
    assert settings.zone.key == "UTC"
    assert settings.settle == timedelta(hours=48)
    assert settings.catch_up == timedelta(days=35)
    assert settings.row_caps == {100000}
    assert (settings.connect_timeout, settings.read_timeout) == (10, 600)
    assert settings.neutralise_formulas
    assert not settings.export_open_window
    assert settings.sample_days == 3
    assert not settings.gzip
    assert settings.filters == {}


def test_the_user_that_a_filter_selects_is_not_quoted() -> None:
    filters = json.dumps({"attendees": {"user_ids": ["jane", "jane@a.example;"]}})

    (problem,) = problems(REPORT_FILTERS=filters)

    assert "attendees.user_ids: value 2 contains a ';'" in problem
    assert "jane" not in problem


def test_empty_variables_mean_the_defaults() -> None:
    names = ("KALTURA_REGIONS", "TIME_ZONE", "SETTLE_HOURS", "REPORT_FILTERS", "COMPRESSION")

    assert read(**dict.fromkeys(names, " ")) == read()


def test_every_setting_is_read() -> None:
    settings = read(
        KALTURA_REGIONS=" ca=https://api.ca.kaltura.com/ , test=http://127.0.0.1:8080",
        REPORT_IDS="6001, 9000,6001",
        GRANULARITIES="hour,day",
        TIME_ZONE="Europe/Warsaw",
        SETTLE_HOURS="0.5",
        CATCH_UP_DAYS="7",
        EXPORT_OPEN_WINDOW="True",
        SAMPLE_DAYS="0",
        REPORT_FILTERS='{"report_9000": {"any": ["x"]}, "attendees": {"user_ids": ["a", "b"]}}',
        CONCURRENCY="8",
        ROW_CAPS="50000, 100000",
        COMPRESSION="GZIP",
        NEUTRALISE_FORMULAS="false",
        CONNECT_TIMEOUT_SECONDS="2.5",
        READ_TIMEOUT_SECONDS="30",
    )

    assert settings.regions == (
        Region("ca", "https://api.ca.kaltura.com"),
        Region("test", "http://127.0.0.1:8080"),
    )
    assert [report.slug for report in settings.reports] == ["attendees", "report_9000"]
    assert settings.granularities == (Granularity.HOUR, Granularity.DAY)
    assert settings.calendar(Granularity.DAY).zone.key == "Europe/Warsaw"
    assert settings.settle == timedelta(minutes=30)
    assert settings.filters == {
        "report_9000": {"any": ("x",)},
        "attendees": {"user_ids": ("a", "b")},
    }
    assert settings.concurrency == 8
    assert settings.row_caps == {50000, 100000}
    assert settings.gzip
    assert settings.export_open_window
    assert settings.sample_days == 0
    assert not settings.neutralise_formulas


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("KALTURA_REGIONS", "us", "us=https://www.kaltura.com"),
        ("KALTURA_REGIONS", ",", "us=https://www.kaltura.com"),
        ("KALTURA_REGIONS", "pseudonyms=https://www.kaltura.com", "cannot be called 'pseudonyms'"),
        ("KALTURA_REGIONS", "US=https://www.kaltura.com", "us=https://www.kaltura.com"),
        ("KALTURA_REGIONS", "us=www.kaltura.com", "scheme and host"),
        ("KALTURA_REGIONS", "us=http://www.kaltura.com", "https://"),
        ("KALTURA_REGIONS", "us=ftp://127.0.0.1", "https://"),
        ("KALTURA_REGIONS", "us=https://user:pw@www.kaltura.com", "scheme and host"),
        ("KALTURA_REGIONS", "us=https://:pw@www.kaltura.com", "scheme and host"),
        ("KALTURA_REGIONS", "us=https://www.kaltura.com/api_v3", "scheme and host"),
        ("KALTURA_REGIONS", "us=https://www.kaltura.com?ks=x", "scheme and host"),
        ("KALTURA_REGIONS", "us=https://www.kaltura.com#x", "scheme and host"),
        ("KALTURA_REGIONS", "us=https://www.kaltura.com:x", "us=https://www.kaltura.com"),
        ("KALTURA_REGIONS", "us=https://www.kalt ura.com", "us=https://www.kaltura.com"),
        ("KALTURA_REGIONS", "us=https://[::1", "us=https://www.kaltura.com"),
        ("KALTURA_REGIONS", "us=https://a.com,us=https://b.com", "each region once"),
        ("REPORT_IDS", "attendees", "6000,6001,6002"),
        ("REPORT_IDS", "0", "6000,6001,6002"),
        ("REPORT_IDS", "-6000", "6000,6001,6002"),
        ("REPORT_IDS", "６０００", "6000,6001,6002"),
        ("GRANULARITIES", "week", "day, hour or day,hour"),
        ("TIME_ZONE", "Mars/Olympus", "Europe/Warsaw"),
        ("TIME_ZONE", "../UTC", "Europe/Warsaw"),
        ("TIME_ZONE", "/etc/passwd", "Europe/Warsaw"),
        ("SETTLE_HOURS", "two", "a number from 0 to 8760"),
        ("SETTLE_HOURS", "-1", "a number from 0 to 8760"),
        ("SETTLE_HOURS", "nan", "a number from 0 to 8760"),
        ("SETTLE_HOURS", "inf", "a number from 0 to 8760"),
        ("CATCH_UP_DAYS", "0", "a number from 1 to 3650"),
        ("EXPORT_OPEN_WINDOW", "yes", "true, false"),
        ("SAMPLE_DAYS", "31", "0 to 30"),
        ("CONCURRENCY", "0", "whole number from 1 to 64"),
        ("CONCURRENCY", "65", "whole number from 1 to 64"),
        ("CONCURRENCY", "1.5", "whole number from 1 to 64"),
        (
            "CONCURRENCY",
            "13",
            "26 reports at the same time, but the function's 2048 MB of disk hold 25",
        ),
        ("CONCURRENCY", "13", "lower Concurrency to at most 12"),
        ("ROW_CAPS", "many", "50000,100000"),
        ("ROW_CAPS", "0", "50000,100000"),
        ("COMPRESSION", "zstd", "none, gzip"),
        ("NEUTRALISE_FORMULAS", "1", "true, false"),
        ("CONNECT_TIMEOUT_SECONDS", "61", "a number from 1 to 60"),
        ("READ_TIMEOUT_SECONDS", "601", "a number from 1 to 600"),
        ("PRIVACY_COLUMNS", "attendees.user_id=drop", "write pseudonym"),
        ("REPORT_FILTERS", "{", "JSON"),
        ("REPORT_FILTERS", "[]", "entry_ids"),
        ("REPORT_FILTERS", '{"attendees": []}', "entry_ids"),
        ("REPORT_FILTERS", '{"attendance": {}}', "attendees, breakout_sessions, room_data"),
        ("REPORT_FILTERS", '{"attendees": {"entryIds": ["x"]}}', "entry_ids, virtual_event_ids"),
        ("REPORT_FILTERS", '{"room_data": {"user_ids": ["x"]}}', "entry_ids, virtual_event_ids"),
        ("REPORT_FILTERS", filters([]), "at least one value"),
        ("REPORT_FILTERS", filters("x"), "list"),
        ("REPORT_FILTERS", filters([" "]), "empty"),
        ("REPORT_FILTERS", filters([1]), "non-empty text"),
        ("REPORT_FILTERS", filters(["a", " b"]), "spaces around"),
        ("REPORT_FILTERS", filters(["a;b"]), "';'"),
        ("REPORT_FILTERS", filters(["a,b"]), "','"),
        ("REPORT_FILTERS", filters(["a\nb"]), "control character"),
        ("REPORT_FILTERS", filters(["a\u2028b"]), "control character"),
        ("BUCKET_NAME", "", "the name of the bucket"),
        ("SECRET_ID", " ", "the ARN"),
    ],
)
def test_error_names_the_variable_and_the_expected_form(name: str, value: str, hint: str) -> None:
    (problem,) = problems(**{name: value})

    assert problem.startswith(f"{name}: ")
    assert hint in problem


def test_concurrency_is_limited_by_the_memory_of_the_function() -> None:
    (problem,) = problems(CONCURRENCY="8", AWS_LAMBDA_FUNCTION_MEMORY_SIZE="512")

    assert problem.startswith("CONCURRENCY: 8 for each region is 16 reports at the same time")
    assert "512 MB of memory hold 9" in problem
    assert "at most 4 or raise MemorySize" in problem
    assert read(CONCURRENCY="4", AWS_LAMBDA_FUNCTION_MEMORY_SIZE="512").concurrency == 4


def test_the_defaults_fit_with_the_most_regions_and_one_region_may_use_it_all() -> None:
    six = ",".join(f"r{n}=https://k{n}.example" for n in range(6))

    assert len(read(KALTURA_REGIONS=six).regions) == 6
    assert read(KALTURA_REGIONS="us=https://k.example", CONCURRENCY="25").concurrency == 25


def test_the_memory_of_the_downloads_function_does_not_matter() -> None:
    role = "arn:aws:iam::123456789012:role/presigner"
    environment = {**REQUIRED, "PRESIGNER_ROLE_ARN": role, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}

    assert read_api_settings(environment).presigner_role == role


def test_filter_names_of_unknown_reports_are_validated() -> None:
    (problem,) = problems(REPORT_IDS="9000", REPORT_FILTERS='{"report_9000": {"a;b": ["x"]}}')

    assert "report_9000.a;b" in problem


def test_all_problems_of_the_filters_are_reported_together() -> None:
    (problem,) = problems(
        REPORT_FILTERS='{"attendance": {}, "attendees": {"x": ["1"], "user_ids": []}}'
    )

    assert all(text in problem for text in ("attendance", "attendees.x", "attendees.user_ids"))


@given(
    st.sets(
        st.sampled_from(
            [
                ("KALTURA_REGIONS", "us"),
                ("REPORT_IDS", "x"),
                ("GRANULARITIES", "week"),
                ("TIME_ZONE", "Mars/Olympus"),
                ("SETTLE_HOURS", "x"),
                ("CATCH_UP_DAYS", "x"),
                ("EXPORT_OPEN_WINDOW", "x"),
                ("REPORT_FILTERS", "x"),
                ("PRIVACY_COLUMNS", "x"),
                ("CONCURRENCY", "x"),
                ("ROW_CAPS", "x"),
                ("COMPRESSION", "x"),
                ("NEUTRALISE_FORMULAS", "x"),
                ("CONNECT_TIMEOUT_SECONDS", "x"),
                ("READ_TIMEOUT_SECONDS", "x"),
                ("BUCKET_NAME", ""),
                ("SECRET_ID", ""),
            ]
        ),
        min_size=1,
    )
)
def test_all_problems_are_reported_together(bad: set[tuple[str, str]]) -> None:
    assert {problem.split(":")[0] for problem in problems(**dict(bad))} == {name for name, _ in bad}


@given(
    st.dictionaries(
        st.sampled_from(
            [
                *("KALTURA_REGIONS", "REPORT_IDS", "GRANULARITIES", "TIME_ZONE", "SETTLE_HOURS"),
                *(
                    "REPORT_FILTERS",
                    "PRIVACY_COLUMNS",
                    "CONCURRENCY",
                    "ROW_CAPS",
                    "COMPRESSION",
                    "CATCH_UP_DAYS",
                ),
            ]
        ),
        st.one_of(st.text(max_size=30), st.text('0123456789,.=:/-[]{}"e', max_size=30)),
    )
)
def test_any_environment_gives_settings_or_problems(variables: dict[str, str]) -> None:
    with suppress(ConfigurationError):
        assert read(**variables).regions
