"""What happened in a world, in the order in which it happened."""

import hashlib
from datetime import datetime


class Trace:
    """Lines of text; the same seed gives the same ones."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, now: datetime, *words: object) -> None:
        """Add an event."""
        self.lines.append(f"{now:%Y-%m-%dT%H:%M:%S.%f} {' '.join(map(str, words))}")

    def text(self) -> str:
        """Return everything that happened, one event a line."""
        return "\n".join(self.lines) + "\n"

    def digest(self) -> str:
        """Return a short digest of it."""
        return hashlib.sha256(self.text().encode()).hexdigest()[:16]
