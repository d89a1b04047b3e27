"""The secret: one entry for each region, in one of three forms, and the keys of hashes."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from room_reports.kaltura.errors import SecretError
from room_reports.model.keyed_hash import KEY_BYTES
from room_reports.model.regions import PSEUDONYMS_ENTRY, SUPPRESSION_ENTRY, Region

_FORMS = (
    '{"ks": "…"}',
    '{"partner_id": 123, "app_token_id": "…", "app_token": "…"}',
    '{"partner_id": 123, "admin_secret": "…", "user_id": "…"}',
)
_FIELDS = frozenset({"ks", "partner_id", "app_token_id", "app_token", "admin_secret", "user_id"})


@dataclass(frozen=True)
class StaticKalturaSession:
    """A Kaltura session that the operator started elsewhere. It cannot be renewed."""

    ks: str = field(repr=False)


@dataclass(frozen=True)
class AppToken:
    """An application token of a Kaltura account."""

    partner_id: int
    app_token_id: str
    app_token: str = field(repr=False)


@dataclass(frozen=True)
class AdminSecret:
    """A Kaltura account's admin secret."""

    partner_id: int
    admin_secret: str = field(repr=False)
    user_id: str


Credentials = StaticKalturaSession | AppToken | AdminSecret


def parse_secret(text: str, regions: tuple[Region, ...]) -> Mapping[str, Credentials]:
    """Return the credentials of each of ``regions``, by name; ignore entries of other regions.

    Raises:
        SecretError: If the secret has mistakes. The message names all of them.
    """
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, dict):
        raise SecretError(
            [
                "the secret is not a JSON object with an entry per region, "
                f'such as {{"us": {_FORMS[0]}}}'
            ]
        )
    problems: list[str] = []
    found: dict[str, Credentials] = {}
    for region in regions:
        entry = entries.get(region.name)
        if entry is None:
            problems.append(f"the secret has no entry for region {region.name!r}")
            continue
        try:
            found[region.name] = _credentials(entry)
        except ValueError as error:
            problems.append(f"the secret's entry for region {region.name!r} {error}")
    if problems:
        raise SecretError([*problems, f"an entry looks like one of: {', '.join(_FORMS)}"])
    return found


def parse_pseudonym_key(text: str) -> bytes:
    """Return the key of the pseudonyms from the text of the secret.

    Raises:
        SecretError: If it is missing or is not a key.
    """
    advice = "PRIVACY_COLUMNS needs it; run room-reports secret pseudonym-key"
    dependent = "restore it if it was there before, because every pseudonym depends on it"
    return _key(text, PSEUDONYMS_ENTRY, advice, f", or {dependent}")


def parse_suppression_key(text: str) -> bytes:
    """Return the key of the suppression list from the text of the secret.

    Raises:
        SecretError: If it is missing or is not a key.
    """
    advice = "the people in the suppression list are recognised with it; restore it"
    return _key(text, SUPPRESSION_ENTRY, advice)


def has_suppression_key(text: str) -> bool:
    """Return whether the text of the secret has an entry for the key of the suppression list."""
    return SUPPRESSION_ENTRY in _entries(text)


def _entries(text: str) -> Mapping[str, object]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _key(text: str, name: str, advice: str, otherwise: str = "") -> bytes:
    entry = _entries(text).get(name)
    if entry is None:
        raise SecretError([f"the secret has no entry {name!r}; {advice}{otherwise}"])
    encoded = entry.get("key") if isinstance(entry, dict) and set(entry) == {"key"} else None
    try:
        key = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else b""
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SecretError(
            [
                f'the secret\'s entry {name!r} is not {{"key": …}} with {KEY_BYTES} '
                f"bytes in base64; {advice}"
            ]
        )
    return key


def _credentials(entry: object) -> Credentials:
    if not isinstance(entry, dict):
        raise ValueError("is not a JSON object")
    names = frozenset(entry)
    if names == {"ks"}:
        return StaticKalturaSession(_text(entry, "ks"))
    if names == {"partner_id", "app_token_id", "app_token"}:
        return AppToken(_partner(entry), _text(entry, "app_token_id"), _text(entry, "app_token"))
    if names - {"user_id"} == {"partner_id", "admin_secret"}:
        user = entry.get("user_id", "")
        if not isinstance(user, str):
            raise ValueError("has a user_id that is not a text")
        return AdminSecret(_partner(entry), _text(entry, "admin_secret"), user)
    # An unknown field name is not shown, because it may be a value in the wrong place.
    known = sorted(names & _FIELDS) + ["others"] * bool(names - _FIELDS)
    raise ValueError(f"has the fields {', '.join(known) or '(none)'}")


def _text(entry: Mapping[str, object], name: str) -> str:
    value = entry[name]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"has no text in {name}")
    return value.strip()


def _partner(entry: Mapping[str, object]) -> int:
    value = str(entry["partner_id"])
    if not (value.isascii() and value.isdigit() and len(value) < 16 and int(value)):
        raise ValueError("has a partner_id that is not a number")
    return int(value)
