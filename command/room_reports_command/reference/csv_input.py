"""CSV files that the operator gives: as they are, or in a ZIP file as Brightspace ships them."""

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from room_reports_command.errors import InputError
from room_reports_command.reference.problems import Problem

_UTF8_CURE = "Save the file as CSV in UTF-8."


@dataclass(frozen=True)
class CsvInput:
    """A CSV file on this machine, which can be read more than once."""

    path: Path
    member: str = ""
    """The file's name in the ZIP file at ``path``; empty if it is not in one."""

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"{self.path.name}: {self.member}" if self.member else self.path.name

    @property
    def stem(self) -> str:
        """Its name without an extension."""
        return Path(self.member or self.path.name).stem

    def header(self) -> list[str]:
        """Return the names of the columns.

        Raises:
            InputError: If the file cannot be read.
        """
        with self._rows() as rows:
            return next(rows, (1, []))[1]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows after the header, each with the line that it begins in.

        Empty lines are left out.

        Raises:
            InputError: If the file cannot be read, or a row has another number of values than the
                header.
        """
        with self._rows() as rows:
            _, header = next(rows, (1, []))
            for line, row in rows:
                if not row:
                    continue
                if len(row) != len(header):
                    text = f"There are {len(row)} values, and the header has {len(header)}."
                    cure = "Put a value with a comma or a quotation mark into quotation marks."
                    raise InputError(str(Problem(self.label, text, cure, line)))
                yield line, row

    def records(self, columns: Mapping[str, str]) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Yield the rows as values by name, each with the line that it begins in.

        Args:
            columns: The names to use, by the names in the header.
        """
        header = self.header()
        places = [(place, columns[name]) for place, name in enumerate(header) if name in columns]
        for line, row in self.rows():
            yield line, {name: row[place] for place, name in places}

    @contextmanager
    def _rows(self) -> Iterator[Iterator[tuple[int, list[str]]]]:
        with ExitStack() as opened:
            try:
                text = io.TextIOWrapper(self._open(opened), encoding="utf-8-sig", newline="")
            except (OSError, zipfile.BadZipFile, KeyError, RuntimeError) as error:
                raise InputError(f"{self.label} cannot be read: {error}.") from error
            yield self._parsed(text)

    def _open(self, opened: ExitStack) -> IO[bytes]:
        if not self.member:
            return opened.enter_context(self.path.open("rb"))
        packed = opened.enter_context(zipfile.ZipFile(self.path))
        return opened.enter_context(packed.open(self.member))

    def _parsed(self, text: IO[str]) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(text, strict=True)
        line = 1
        try:
            for row in reader:
                yield line, row
                line = reader.line_num + 1
        except UnicodeDecodeError as error:
            problem = Problem(self.label, "The file is not in UTF-8.", _UTF8_CURE, line)
            raise InputError(str(problem)) from error
        except (csv.Error, zipfile.BadZipFile, OSError) as error:
            cure = "Double a quotation mark within quotation marks."
            raise InputError(
                str(Problem(self.label, f"It is not CSV: {error}.", cure, line))
            ) from error


def csv_inputs(paths: Sequence[str]) -> list[CsvInput]:
    """Return the CSV files at some paths, those in ZIP files included.

    Raises:
        InputError: If a path cannot be read, or a ZIP file has no CSV file.
    """
    found = []
    for each in paths:
        path = Path(each)
        try:
            with path.open("rb") as file:
                packed = zipfile.is_zipfile(file)
            if not packed:
                found.append(CsvInput(path))
                continue
            with zipfile.ZipFile(path) as opened:
                members = [name for name in opened.namelist() if name.lower().endswith(".csv")]
        except (OSError, zipfile.BadZipFile) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InputError(f"{each} cannot be read: {reason}.", "Correct the path.") from error
        if not members:
            raise InputError(f"{each} has no CSV file in it.", "Give a data set as D2L ships it.")
        found += [CsvInput(path, member) for member in members]
    return found
