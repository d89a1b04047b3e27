"""The bill and the tables in the docs, and that they are those of the measurements."""

import copy
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.cost.__main__ import PAGES, stale, written
from tools.cost.bill import bill, exporter_seconds, total
from tools.cost.measured import measured
from tools.cost.prices import PRICES, QUOTAS
from tools.cost.profiles import COLLEGE, PROFILES
from tools.cost.resources import resources
from tools.cost.tables import tables

MEASURED = measured()
QUANTITIES = ("runs", "secret_reads", "log_bytes", "metrics", "former_version_bytes_a_day")


def test_the_tables_in_the_docs_are_current() -> None:
    assert list(stale()) == [], "run make cost"


def test_every_table_is_on_a_page() -> None:
    named = [
        name
        for page in PAGES
        for name in re.findall(r"make cost: (\w+)", page.read_text(encoding="utf-8"))
    ]
    assert sorted(named) == sorted(tables(MEASURED))


def test_only_what_is_between_the_markers_is_written() -> None:
    page = "a\n<!-- make cost: x -->\nold\n<!-- end -->\nb <!-- make cost: y -->\n<!-- end -->"
    made = {"x": "new x\n", "y": "new y\n"}
    expected = (
        "a\n<!-- make cost: x -->\n\nnew x\n\n<!-- end -->\n"
        "b <!-- make cost: y -->\n\nnew y\n\n<!-- end -->"
    )
    assert written(page, made) == expected
    assert written(expected, made) == expected


def test_the_profiles_are_those_that_were_measured() -> None:
    for profile in PROFILES:
        kept = MEASURED[profile.name]["profile"]
        assert {name: getattr(profile, name) for name in kept} == {
            **kept,
            "regions": tuple(kept["regions"]),
        }, "run make cost"


def test_a_bill_is_quantity_times_price() -> None:
    by_price = {line.price: line for line in bill(MEASURED["college"])}
    assert by_price["secrets"].usd == pytest.approx(0.40)
    assert by_price["metrics"].usd == pytest.approx(0.30 * MEASURED["college"]["metrics"])
    reads = MEASURED["college"]["secret_reads"] / 7 * 30
    assert by_price["secret_reads"].usd == pytest.approx(reads / 10_000 * 0.05)
    # Athena charges for 10 MB, however small the files are.
    assert by_price["athena_tb"].quantity == pytest.approx(COLLEGE.queries * 10e6 / 1e12)
    gb_seconds = by_price["lambda_gb_seconds"].quantity
    assert gb_seconds > exporter_seconds(MEASURED["college"]) / 7 * 30


@given(st.sampled_from(QUANTITIES), st.floats(1, 1000))
def test_more_of_anything_never_costs_less(name: str, factor: float) -> None:
    more = copy.deepcopy(MEASURED["university"])
    more[name] = more[name] * factor
    assert total(bill(more)) >= total(bill(MEASURED["university"]))


def test_every_price_of_a_bill_has_a_source() -> None:
    assert {line.price for line in bill(MEASURED["college"])} <= set(PRICES)
    sources = [price.source for price in PRICES.values()]
    sources += [quota.source for quota in QUOTAS.values()]
    for source in sources:
        assert re.match(r"https://(docs\.)?aws\.amazon\.com/", source)


def test_each_quota_is_of_a_resource_that_a_stack_has() -> None:
    kinds = resources()
    assert all(kinds[kind] for kind in QUOTAS)
    # The stack itself, and the one with the tables.
    assert kinds["AWS::CloudFormation::Stack"] == 2
