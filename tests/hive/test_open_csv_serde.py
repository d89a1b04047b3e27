"""Hive's OpenCSVSerde, the class that Athena's tables use, reads the published CSV."""

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from pyspark.sql import SparkSession

from room_reports.model.reports import ATTENDEES, Kind
from room_reports.storage.csv_file import HIVE_ESCAPE
from tests.support.csv_files import publish
from tests.support.tables import SPECIAL, Table, tables

pytestmark = pytest.mark.hive

Rows = list[list[str]]
SERDE = "org.apache.hadoop.hive.serde2.OpenCSVSerde"


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    home = tmp_path_factory.mktemp("hive")
    metastore = f"jdbc:derby:;databaseName={home / 'metastore'};create=true"
    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.warehouse.dir", str(home / "warehouse"))
        .config("spark.hadoop.javax.jdo.option.ConnectionURL", metastore)
        .config("spark.driver.extraJavaOptions", f"-Dderby.system.home={home}")
        .config("spark.hadoop.hive.downloaded.resources.dir", str(home / "resources"))
        .config("spark.hadoop.hive.exec.local.scratchdir", str(home / "scratch"))
        .config("spark.hadoop.hive.exec.scratchdir", str(home / "scratch"))
        .enableHiveSupport()
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.fixture(scope="session")
def deserialise(spark: SparkSession) -> Callable[..., Rows]:
    """Return a function that reads a file's lines with the class, as Athena does."""
    jvm: Any = spark._jvm

    def read(data: bytes, escape: str = HIVE_ESCAPE) -> Rows:
        lines = data.removesuffix(b"\n").split(b"\n")
        properties = jvm.java.util.Properties()
        width = len(lines[0].split(b","))
        properties.setProperty("columns", ",".join(f"c{place}" for place in range(width)))
        properties.setProperty("columns.types", ":".join(["string"] * width))
        properties.setProperty("separatorChar", ",")
        properties.setProperty("quoteChar", '"')
        properties.setProperty("escapeChar", escape)
        serde = jvm.org.apache.hadoop.hive.serde2.OpenCSVSerde()
        serde.initialize(jvm.org.apache.hadoop.conf.Configuration(), properties)
        text = jvm.org.apache.hadoop.io.Text()
        rows = []
        for line in lines:
            text.set(bytearray(line))
            # Joined to save calls into the JVM; published files never contain U+E000.
            rows.append(
                jvm.java.lang.String.join("\ue000", serde.deserialize(text)).split("\ue000")
            )
        return rows

    return read


def special_character_table() -> Table:
    """Return attendees whose names have each pair of special characters, adjacent and apart."""
    names = ["".join(pair) for pair in product(SPECIAL, repeat=2)]
    names += [f"{one}name{two}" for one, two in product(SPECIAL, repeat=2)]
    known = {"entry_id": "1_room", "cue_point_id": "1_session", "user_type": "attendee"}
    rows = [
        tuple(
            str(place) if column.kind is not Kind.TEXT else known.get(column.name, name)
            for column in ATTENDEES.columns
        )
        for place, name in enumerate(names)
    ]
    header = tuple(column.name for column in ATTENDEES.columns)
    return Table(ATTENDEES, header, tuple(rows), frozenset())


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(table=tables())
def test_hive_reads_any_published_table(deserialise: Callable[..., Rows], table: Table) -> None:
    assert deserialise(publish(table)[0]) == table.published()


def test_hive_reads_every_pair_of_special_characters(deserialise: Callable[..., Rows]) -> None:
    table = special_character_table()

    assert deserialise(publish(table)[0]) == table.published()


def test_the_default_escape_character_would_lose_data(
    deserialise: Callable[..., Rows],
) -> None:
    table = special_character_table()

    assert deserialise(publish(table)[0], escape="\\") != table.published()


def test_a_hive_table_over_the_file_has_the_same_rows(spark: SparkSession, tmp_path: Path) -> None:
    table = special_character_table()
    location = tmp_path / "attendees"
    location.mkdir()
    (location / "attendees_us_2026-11-22.csv").write_bytes(publish(table)[0])
    columns = ", ".join(f"`{column.name}` string" for column in ATTENDEES.columns)
    spark.sql(
        f"CREATE EXTERNAL TABLE attendees ({columns}) ROW FORMAT SERDE '{SERDE}' "
        f"""WITH SERDEPROPERTIES ("separatorChar"=",", "quoteChar"="\\"", """
        f""""escapeChar"="{HIVE_ESCAPE}") STORED AS TEXTFILE LOCATION '{location}'"""
    )

    # Unlike Athena, Spark ignores the table property that skips the header.
    assert [list(row) for row in spark.table("attendees").collect()] == table.published()
