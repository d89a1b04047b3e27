"""Personal data in tests: what files must hold instead, and a search for what must be nowhere.

The expected values are written from the description of the files alone and share no code with the
library.
"""

import base64
import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote, quote_plus

from local.kaltura.csv_format import surviving
from local.kaltura.published import published_value
from local.kaltura.truth import Truth, UniversityTruth
from local.kaltura.university import University

PERSONAL = {
    "room_data": ("session_host_user_id",),
    "attendees": ("user_id", "user_name", "user_email"),
    "breakout_sessions": ("session_initiator",),
}
ALL_PSEUDONYMS = ",".join(
    f"{slug}.{name}=pseudonym" for slug, names in PERSONAL.items() for name in names
)
AS_LITTLE_AS_POSSIBLE = ",".join(
    f"{slug}.{name}={'pseudonym' if name == 'user_id' else 'drop'}"
    for slug, names in PERSONAL.items()
    for name in names
)
KEY = bytes(range(32))
UNKNOWN = ("", "0", "Unknown", "Error")
_BLOCK = 64
_SHORTEST = 5
"""Bytes. Shorter names, such as "0", occur in any text."""
_SHOWN_APOSTROPHE = re.compile(r"'[-=+@\t ]")


def with_key(secret: str, key: bytes = KEY) -> str:
    """Return the text of a secret with a key for pseudonyms."""
    entry = {"key": base64.b64encode(key).decode()}
    return json.dumps({**json.loads(secret), "pseudonyms": entry})


def pseudonym(value: str, key: bytes = KEY) -> str:
    """Return the pseudonym of a value as a file or a view has it: HMAC as RFC 2104 defines it."""
    if value in UNKNOWN:
        return value
    if _SHOWN_APOSTROPHE.match(value):
        value = value[1:]
    padded = key.ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + value.encode()).digest()
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner)
    return f"p_{outer.hexdigest()[:20]}"


def actions(setting: str, slug: str) -> dict[str, str]:
    """Return what a value of PrivacyColumns does to the columns of a report."""
    items = [re.fullmatch(r"(\w+)\.(\w+)=(\w+)", item) for item in setting.split(",") if item]
    return {item[2]: item[3] for item in items if item and item[1] == slug}


def protected(
    rows: Sequence[Sequence[str]],
    setting: str,
    slug: str,
    key: bytes = KEY,
    tokens: Collection[str] = (),
) -> list[list[str]]:
    """Return published rows, header first, as they must be under a value of PrivacyColumns.

    Args:
        tokens: What stands for people already.
    """
    header, *values = rows
    wanted = [actions(setting, slug).get(name) for name in header]
    return [list(header)] + [
        [
            value if value in tokens and action != "drop" else _protected(value, action, key)
            for value, action in zip(row, wanted, strict=True)
        ]
        for row in values
    ]


def _protected(value: str, action: str | None, key: bytes) -> str:
    if action == "drop":
        return ""
    return pseudonym(value, key) if action == "pseudonym" else value


def university_of(truth: Truth) -> University:
    """Return the generated university that a simulated region's reports are about."""
    assert isinstance(truth, UniversityTruth)
    return truth.university


def people(*truths: Truth) -> set[str]:
    """Return the ids, names and addresses of the users of universities, if they are distinctive.

    What is a part of a room's id or name, or of a report's header, is not: that is published.
    """
    universities = [university_of(truth) for truth in truths]
    rooms = "\n".join(
        f"{room.entry_id} {room.name}" for each in universities for room in each.rooms
    )
    users = (each.user(index) for each in universities for index in range(1, each.population))
    values = {value for user in users for value in (user.id, user.name, user.email)}
    return {
        value
        for value in values
        if len(value.strip().encode()) >= _SHORTEST
        and value not in rooms
        and "cue_point_id" not in value
    }


def found(values: Iterable[str], texts: Iterable[bytes]) -> set[str]:
    """Return the values that occur in some bytes, plain, encoded or compressed."""
    blob = b"\n".join(part for text in dict.fromkeys(texts) for part in _unpacked(text))
    return {value for value in values if any(form in blob for form in _forms(value))}


def _unpacked(text: bytes) -> Iterator[bytes]:
    yield text
    try:
        yield gzip.decompress(text)
    except (OSError, EOFError, zlib.error):
        return


def _forms(value: str) -> set[bytes]:
    """Return what a value looks like in a file: as it is, in a URL, in base64 and in JSON."""
    forms: set[bytes] = set()
    for text in {value, surviving(value), published_value(surviving(value), is_text=False)}:
        plain = text.encode()
        if len(plain.strip()) < _SHORTEST:
            continue
        forms |= {
            plain,
            text.replace('"', '""').encode(),
            quote(text, safe="").encode(),
            quote_plus(text).encode(),
        }
        forms |= {json.dumps(text)[1:-1].encode(), plain.hex().encode()}
        forms |= {json.dumps(text, ensure_ascii=False)[1:-1].encode()}
        forms |= {text.encode("unicode_escape"), repr(text)[1:-1].encode()}
        forms |= set(_in_base64(plain))
    return forms


def _in_base64(plain: bytes) -> Iterator[bytes]:
    """Yield what is sure to be in the base64 of a text that contains ``plain`` at any place."""
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + plain)
        first = (0, 2, 3)[offset]
        last = len(encoded) - (0, 3, 2)[(offset + len(plain)) % 3]
        if last - first >= _SHORTEST:
            yield encoded[first:last]
            yield encoded[first:last].translate(bytes.maketrans(b"+/", b"-_"))


def everything(versions: Mapping[str, Iterable[tuple[bytes, Mapping[str, str]]]]) -> list[bytes]:
    """Return all keys, bytes and metadata of all versions of objects."""
    texts: list[bytes] = []
    for key, items in versions.items():
        texts.append(key.encode())
        for body, metadata in items:
            texts += [body, repr(dict(metadata)).encode()]
    return texts
