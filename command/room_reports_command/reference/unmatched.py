"""What an import could not match, and why."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_NAMED = 5


@dataclass(frozen=True)
class Unmatched:
    """Something in the input that is not in the result."""

    what: str
    """The kind of thing, such as ``user`` or ``LTI link``."""
    id: str
    reason: str

    def to_dict(self) -> dict[str, str]:
        """Return it as JSON holds it."""
        return {"what": self.what, "id": self.id, "reason": self.reason}


def unmatched_csv(found: Iterable[Unmatched]) -> bytes:
    """Return them as a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("what", "id", "reason"))
    writer.writerows((each.what, each.id, each.reason) for each in found)
    return text.getvalue().encode()


def grouped(found: Iterable[Unmatched]) -> Iterator[tuple[str, int, str, str]]:
    """Yield each kind and reason with a number and examples, the most frequent first."""
    groups = defaultdict[tuple[str, str], list[str]](list)
    for each in found:
        groups[each.what, each.reason].append(each.id)
    for (what, reason), ids in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        more = ", …" if len(ids) > _NAMED else ""
        yield what, len(ids), reason, ", ".join(ids[:_NAMED]) + more
