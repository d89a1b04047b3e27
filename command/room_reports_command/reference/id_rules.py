"""Rules that bring user ids of rosters and of reports into the same form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ANY_DOMAIN = "*"


@dataclass(frozen=True)
class IdRules:
    """How ids are compared. Applied in the order of the fields, to both sides of a comparison."""

    ignore_case: bool = True
    drop_prefixes: tuple[str, ...] = ()
    """The first one that an id begins with is removed, once."""
    drop_domains: tuple[str, ...] = ()
    """What stands after the last @ is removed, with the @, if it is listed here."""

    @classmethod
    def from_policy(cls, policy: Mapping[str, Any]) -> "IdRules":
        """Return the rules of a policy; those that it does not set have their defaults."""
        return cls(
            ignore_case=policy.get("ignore_case", True),
            drop_prefixes=tuple(policy.get("drop_prefixes", ())),
            drop_domains=tuple(policy.get("drop_domains", ())),
        )

    def normalised(self, user_id: str) -> str:
        """Return the form of an id by which people are matched.

        Empty if nothing is left of it; an empty id matches no other.
        """
        key = self._cased(user_id.strip(" "))
        for prefix in self.drop_prefixes:
            if key.startswith(self._cased(prefix)):
                key = key[len(prefix) :]
                break
        local, at, domain = key.rpartition("@")
        if at and any(each in (ANY_DOMAIN, domain) for each in map(self._cased, self.drop_domains)):
            return local
        return key

    def _cased(self, text: str) -> str:
        return lower(text) if self.ignore_case else text


def lower(text: str) -> str:
    """Return a text in lower case as Trino's ``lower`` does: each code point by itself.

    Python's own method makes two code points of U+0130, and a final sigma of the last sigma.
    """
    return "".join("i" if char == "\u0130" else char.lower() for char in text)
