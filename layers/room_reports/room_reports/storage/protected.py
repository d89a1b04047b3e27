"""A report without the values that identify people.

Every row passes through here between Kaltura and the first file that it is written to, so that no
plain value of a column in ``PrivacyColumns`` is stored anywhere.
"""

from collections.abc import Callable, Collection, Iterator

from room_reports.model.privacy import Action, Privacy
from room_reports.model.reports import Report
from room_reports.storage.csv_file import CsvSource
from room_reports.storage.errors import HeaderError


class ProtectedTable:
    """A table in which columns are emptied or have pseudonyms.

    A dropped column that the table does not have is added, empty. In a report of the catalogue,
    columns that the catalogue does not know are emptied as well: they may identify people.
    """

    def __init__(
        self,
        source: CsvSource,
        report: Report,
        privacy: Privacy,
        tokens: Collection[str] = (),
    ) -> None:
        """Protect a table.

        Args:
            source: The table; its rows are changed in place.
            privacy: With the key, if it has a column with pseudonyms.
            tokens: What stands for people already, and gets no pseudonym.

        Raises:
            HeaderError: If a column that should have pseudonyms is missing.
        """
        self._source = source
        sent, actions = source.header, privacy.of(report)
        missing = [name for name in actions if sent and name not in sent]
        replaced = [name for name in missing if actions[name] is Action.PSEUDONYM]
        if replaced:
            raise HeaderError(f"the report {report.slug} lacks the columns {', '.join(replaced)}")
        self.header = [*sent, *missing]
        self._added = [""] * len(missing)
        known = {column.name for column in report.columns}
        unknown = {name for name in sent if known and name not in known}
        plain = privacy.pseudonyms.of if privacy.pseudonyms else _empty
        pseudonym = _except(tokens, plain) if tokens else plain
        self._changes: list[tuple[int, Callable[[str], str]]] = []
        for place, name in enumerate(sent):
            if name in actions:
                change = pseudonym if actions[name] is Action.PSEUDONYM else _empty
                self._changes.append((place, change))
            elif name in unknown:
                self._changes.append((place, _empty))

    def __iter__(self) -> Iterator[list[str]]:
        changes, added = self._changes, self._added
        for row in self._source:
            for place, change in changes:
                row[place] = change(row[place])
            row.extend(added)
            yield row


def _except(tokens: Collection[str], change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda value: value if value in tokens else change(value)


def _empty(_: str) -> str:
    return ""
