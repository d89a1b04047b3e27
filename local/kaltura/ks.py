"""The Kaltura session string (KS): create and read v2, read v1.

Source: kaltura/server, kSessionBase::generateKsV2, parseKsV2 and parseKsV1.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

USER, ADMIN = 0, 2
_BLOCK, _SHA1_SIZE, _RANDOM_SIZE = 16, 20, 16

Privileges = tuple[tuple[str, str], ...]
Secrets = Callable[[int], Sequence[str]]
"""The secrets that sign the Kaltura sessions of a partner."""


class InvalidKsError(Exception):
    """Raised when a KS cannot be read, or when no known secret signed it."""


@dataclass(frozen=True)
class KS:
    """The contents of a KS."""

    partner_id: int
    expires_at: int
    type: int
    user_id: str
    privileges: Privileges
    text: str
    """The KS itself in its canonical encoding; a secret."""

    def privilege(self, name: str) -> str | None:
        """Return the value of a privilege (empty if it has none), or None."""
        return dict(self.privileges).get(name)


def parse_privileges(text: str) -> Privileges:
    """Return the privileges of a comma list ``name[:value]``, in order; ``*`` is ``all:*``."""
    pairs = [part.partition(":") for part in text.split(",") if part]
    return tuple(("all", "*") if name == "*" else (name, value) for name, _, value in pairs)


def print_privileges(privileges: Privileges) -> str:
    """Return privileges as a comma list."""
    return ",".join(f"{name}:{value}" if value else name for name, value in privileges)


def _cipher(secret: str) -> Cipher[modes.CBC]:
    key = hashlib.sha1(secret.encode()).digest()[:_BLOCK]  # noqa: S324 - Kaltura's format
    return Cipher(algorithms.AES(key), modes.CBC(bytes(_BLOCK)))


def generate(
    partner_id: int,
    secret: str,
    expires_at: int,
    *,
    type: int = ADMIN,  # noqa: A002 - Kaltura's word
    user_id: str = "",
    privileges: Privileges = (),
) -> str:
    """Return a new v2 KS that expires at ``expires_at`` (Unix seconds)."""
    fields = [*privileges, ("_e", str(expires_at)), ("_t", str(type)), ("_u", user_id)]
    message = os.urandom(_RANDOM_SIZE) + urlencode(fields).encode()
    message = hashlib.sha1(message).digest() + message  # noqa: S324 - Kaltura's format
    message += bytes(-len(message) % _BLOCK)
    encryptor = _cipher(secret).encryptor()
    body = encryptor.update(message) + encryptor.finalize()
    return base64.urlsafe_b64encode(b"v2|%d|" % partner_id + body).decode()


def parse(text: str, secrets: Secrets) -> KS:
    """Read a KS; raises InvalidKsError. The caller checks whether it has expired."""
    plain = text.strip().replace("-", "+").replace("_", "/")
    try:
        raw = base64.b64decode(
            plain.rstrip("=") + "=" * (-len(plain.rstrip("=")) % 4), validate=True
        )
        canonical = base64.urlsafe_b64encode(raw).decode()
        if raw.startswith(b"v2|"):
            _, partner, body = raw.split(b"|", 2)
            return _parse_v2(int(partner), body, canonical, secrets)
        return _parse_v1(raw.decode(), canonical, secrets)
    except (binascii.Error, ValueError, KeyError) as error:
        raise InvalidKsError from error


def _parse_v2(partner_id: int, body: bytes, text: str, secrets: Secrets) -> KS:
    for secret in secrets(partner_id):
        decryptor = _cipher(secret).decryptor()
        message = decryptor.update(body) + decryptor.finalize()
        digest, message = message[:_SHA1_SIZE], message[_SHA1_SIZE:].rstrip(b"\0")
        if hashlib.sha1(message).digest() != digest:  # noqa: S324 - Kaltura's format
            continue
        fields = parse_qsl(message[_RANDOM_SIZE:].decode(), keep_blank_values=True)
        known = dict(fields)
        privileges = tuple((name, value) for name, value in fields if not name.startswith("_"))
        return KS(
            partner_id, int(known["_e"]), int(known["_t"]), known.get("_u", ""), privileges, text
        )
    raise InvalidKsError


def _parse_v1(raw: str, text: str, secrets: Secrets) -> KS:
    digest, _, info = raw.partition("|")
    partner, _, expiry, kind, _, user_id, privileges = (info.split(";") + [""] * 7)[:7]
    for secret in secrets(int(partner)):
        if hashlib.sha1((secret + info).encode()).hexdigest() == digest:  # noqa: S324 - Kaltura's
            parsed = parse_privileges(privileges)
            return KS(int(partner), int(expiry), int(kind), user_id, parsed, text)
    raise InvalidKsError
