"""Downloading and joining files: interrupted, damaged, replaced meanwhile, with other columns."""

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.model.windows import Granularity
from room_reports.storage.keys import Series
from room_reports_command.download import download, join, replacing
from room_reports_command.errors import DownloadError
from room_reports_command.sources import Found, Part

SERIES = Series("attendees", "us", Granularity.DAY)
CELL = st.text(st.characters(exclude_characters="\r\n\x00", exclude_categories=["Cs"]), max_size=8)


class Files:
    """A source in memory, whose connections break after a number of bytes if that is set."""

    def __init__(self, **files: bytes) -> None:
        self.files = {f"2026-03-{name[1:]}": body for name, body in files.items()}
        self.breaks_after: int | None = None
        self.sent = 0

    def parts(self) -> tuple[Part, ...]:
        return tuple(self.one(SERIES, start) for start in self.files)

    def one(self, _series: Series, start: str) -> Part:
        body = self.files[start]
        return Part(start, body.count(b"\n") - 1, len(body), hashlib.sha256(body).hexdigest())

    def latest(self, series: Series) -> Part:
        return self.one(series, max(self.files))

    def range(self, _series: Series, _first: str, _last: str) -> Found:
        return Found(self.parts(), ())

    @contextmanager
    def open(
        self, _series: Series, part: Part, offset: int
    ) -> Iterator[tuple[int, Iterator[bytes]]]:
        def chunks() -> Iterator[bytes]:
            for place in range(offset, len(body)):
                if self.breaks_after is not None and place >= self.breaks_after:
                    raise DownloadError("broken")
                self.sent += 1
                yield body[place : place + 1]

        body = self.files[part.start]
        yield offset, chunks()


class DamagedFiles(Files):
    """A source whose files are not what it says they are."""

    @contextmanager
    def open(
        self, _series: Series, part: Part, offset: int
    ) -> Iterator[tuple[int, Iterator[bytes]]]:
        yield offset, iter([self.files[part.start].replace(b"1", b"9")[offset:]])


def ignore(_part: Part, _size: int) -> None:
    """Report no progress."""


def file(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def joined(paths: Sequence[Path]) -> bytes:
    out = io.BytesIO()
    join(paths, out)
    return out.getvalue()


def test_an_interrupted_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    source = Files(d01=b"a,b\n1,2\n3,4\n")
    source.breaks_after = 7
    with pytest.raises(DownloadError):
        download(source, SERIES, source.parts(), tmp_path, ignore)
    source.breaks_after = None
    (path,) = download(source, SERIES, source.parts(), tmp_path, ignore)
    assert path.read_bytes() == source.files["2026-03-01"]
    assert source.sent == len(source.files["2026-03-01"])


def test_what_is_there_is_not_downloaded_again(tmp_path: Path) -> None:
    source = Files(d01=b"a\n1\n", d02=b"a\n2\n")
    download(source, SERIES, source.parts()[:1], tmp_path, ignore)
    source.sent = 0
    download(source, SERIES, source.parts(), tmp_path, ignore)
    assert source.sent == len(source.files["2026-03-02"])


def test_a_file_that_was_exported_again_meanwhile_is_the_new_one(tmp_path: Path) -> None:
    source = Files(d01=b"a\n1\n")
    before = source.parts()
    source.files["2026-03-01"] = b"a\n1\n2\n"
    (path,) = download(source, SERIES, before, tmp_path, ignore)
    assert path.read_bytes() == b"a\n1\n2\n"


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    source = DamagedFiles(d01=b"a\n1\n")
    with pytest.raises(DownloadError, match="SHA-256"):
        download(source, SERIES, source.parts(), tmp_path, ignore)


def test_a_damaged_part_on_disk_is_downloaded_again(tmp_path: Path) -> None:
    source = Files(d01=b"a\n1\n")
    (path,) = download(source, SERIES, source.parts(), tmp_path, ignore)
    path.write_bytes(b"a\n9\n")
    (path,) = download(source, SERIES, source.parts(), tmp_path, ignore)
    assert path.read_bytes() == b"a\n1\n"


def test_one_file_is_joined_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_bytes(b'"a",b\n"1",2\n')
    assert joined([path]) == b'"a",b\n"1",2\n'


@given(st.data())
def test_joining_loses_and_invents_no_row(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    names = ["x", "y", "z", "ü,"]
    tables = data.draw(
        st.lists(
            st.lists(st.sampled_from(names), min_size=1, unique=True).flatmap(
                lambda header: st.lists(
                    st.lists(CELL, min_size=len(header), max_size=len(header)), max_size=4
                ).map(lambda rows: (header, rows))
            ),
            min_size=1,
            max_size=4,
        )
    )
    paths = []
    for number, (header, rows) in enumerate(tables):
        paths.append(folder / f"{number}.csv")
        paths[-1].write_bytes(file([header, *rows]))
    header, *found = csv.reader(io.StringIO(joined(paths).decode(), newline=""))
    assert header == list(dict.fromkeys(name for part, _ in tables for name in part))
    expected = [dict(zip(part, row, strict=True)) for part, rows in tables for row in rows]
    assert [dict(zip(header, row, strict=True)) for row in found] == [
        {name: row.get(name, "") for name in header} for row in expected
    ]


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"

    def write_half() -> None:
        with replacing(path) as out:
            out.write(b"half")
            raise DownloadError("broken")

    with pytest.raises(DownloadError):
        write_half()
    assert list(tmp_path.iterdir()) == []
    with replacing(path) as out:
        out.write(b"whole")
    assert path.read_bytes() == b"whole"
