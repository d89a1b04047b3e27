"""The suppression list in tests: who is in it, and what files must hold instead of them.

The expected values are written from the description of the files alone and share no code with the
library.
"""

import base64
import hmac
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from room_reports.model.suppression import Suppression, ValueHash, parse_list
from tests.support.privacy import UNKNOWN

SUPPRESSION_KEY = "suppression/list.json"
KEY = bytes(range(100, 132))
"""The key of the list."""
_IDS = {"user_id", "session_host_user_id", "session_initiator"}
_ADDRESSES, _NAMES = {"user_email"}, {"user_name"}
_SHOWN_APOSTROPHE = re.compile(r"'[-=+@\t ]")


@dataclass(frozen=True)
class Erased:
    """A person in the list."""

    values: tuple[str, ...]
    """User ids and addresses."""
    token: str = "erased_0123456789ab"
    rows: str = "keep"

    def has(self, value: str) -> bool:
        """Return whether a value, as Kaltura sends it or as published, is the person's."""
        return value not in UNKNOWN and folded(value) in map(folded, self.values)


def folded(value: str) -> str:
    """Return what two spellings of an id have in common."""
    value = re.sub("\r\n|\r|\n", " ", value).replace("\ue000", "\ufffd").strip()
    if _SHOWN_APOSTROPHE.match(value):
        value = value[1:]
    return unicodedata.normalize("NFC", value.replace(",", " ").strip().casefold())


def list_text(people: Sequence[Erased], key: bytes = KEY) -> str:
    """Return the text of the list in the bucket."""

    def hashed(value: str) -> str:
        return hmac.digest(key, folded(value).encode(), "sha256").hex()

    entries = [
        {
            "token": person.token,
            "hashes": list(dict.fromkeys(map(hashed, person.values))),
            "rows": person.rows,
            "since": "2026-09-01T00:00:00Z",
        }
        for person in people
    ]
    key_id = hmac.digest(key, b"the id of the key", "sha256").hex()[:16]
    return json.dumps({"key_id": key_id, "people": entries})


def suppression_of(people: Sequence[Erased]) -> Suppression:
    """Return what the exporter makes of a list."""
    return Suppression(parse_list(list_text(people)).people, ValueHash(KEY))


def with_suppression_key(secret: str, key: bytes = KEY) -> str:
    """Return the text of a secret with the key of the list."""
    entry = {"key": base64.b64encode(key).decode()}
    return json.dumps({**json.loads(secret), "suppression": entry})


def erased(
    rows: Sequence[Sequence[str]], people: Sequence[Erased], *, remove: bool = True
) -> list[list[str]]:
    """Return published rows of the catalogue's reports, header first, as they must be.

    Args:
        remove: Whether rows are left out.
    """
    header, *values = rows
    kept = [list(header)]
    for row in values:
        found = dict(zip(header, row, strict=True))
        owner = _one(people, found.get("user_id", "")) or _one(people, found.get("user_email", ""))
        is_known = found.get("user_id", "") not in UNKNOWN
        if owner and is_known and owner.rows == "remove" and remove:
            continue
        kept.append([_cell(people, owner, name, value) for name, value in found.items()])
    return kept


def _cell(people: Sequence[Erased], owner: Erased | None, name: str, value: str) -> str:
    if name == "user_id" and owner:
        return value if value in UNKNOWN else (_one(people, value) or owner).token
    if name in _IDS:
        person = _one(people, value)
        return person.token if person else value
    if name in _ADDRESSES | _NAMES and owner:
        return ""
    return "" if name in _NAMES and "@" in value and _one(people, value) else value


def _one(people: Sequence[Erased], value: str) -> Erased | None:
    return next((person for person in people if person.has(value)), None)
