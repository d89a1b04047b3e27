"""What the demo has checked: nothing is shown that was not."""

from collections.abc import Collection
from dataclasses import dataclass, field


class CheckError(Exception):
    """Raised when something is not as it must be; says what and how."""


@dataclass
class Checks:
    """The statements that were found true, in their order."""

    held: list[str] = field(default_factory=list)

    def equal(self, statement: str, found: object, expected: object) -> None:
        """Note that ``statement`` holds because the two are equal.

        Raises:
            CheckError: when they are not.
        """
        if found != expected:
            raise CheckError(f"{statement}: {_difference(found, expected)}")
        self.held.append(statement)


def _difference(found: object, expected: object) -> str:
    if isinstance(found, Collection) and isinstance(expected, Collection):
        extra = [item for item in found if item not in expected]
        missing = [item for item in expected if item not in found]
        if extra or missing:
            return f"not expected: {_some(extra)}; missing: {_some(missing)}"
    return f"found {found!r}, expected {expected!r}"


def _some(items: list[object]) -> str:
    return f"{len(items)} like {items[0]!r}" if items else "none"
