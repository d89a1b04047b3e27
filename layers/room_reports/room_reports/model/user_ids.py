"""User ids: which of them stand for no known user, and what form the others have."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import filterfalse

from room_reports.model.suppression import TOKEN

UNKNOWN_USERS = ("", "0", "Unknown", "Error")
"""What Kaltura writes as the id of every user that it does not know."""
FORMS = ("email", "uuid", "hash", "number", "domain", "name", "code", "word")
"""The forms of an id, as ``form_of`` tells them apart."""

_FORM = re.compile(
    r"(?P<email>[^@\s]+@[^@\s]+)"
    r"|(?P<uuid>\{?[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}\}?)"
    r"|(?P<hash>(?:p_)?[0-9a-fA-F]{20,})"
    r"|(?P<number>[0-9]+)"
    r"|(?P<domain>[^\\\s]+\\.+)"
    r"|(?P<name>.*\s.*)"
    r"|(?P<code>[A-Za-z]{1,4}[-_.]?[0-9]{3,})"
    r"|(?P<word>.*)",
    re.DOTALL,
)


def form_of(user_id: str) -> str:
    """Return the form of a user id, one of ``FORMS``.

    A ``code`` is a few letters and a number, such as ``s000123``. A ``word`` is what is left, such
    as ``jsmith2``.
    """
    match = _FORM.fullmatch(user_id)
    return (match.lastgroup if match else None) or "word"


def form_shares(user_ids: Iterable[str]) -> dict[str, int]:
    """Return the share of each form among some ids, in percent; forms below 1 % are left out.

    What stands for a person whose data was erased is no id.
    """
    counts = Counter(map(form_of, filterfalse(TOKEN.fullmatch, user_ids)))
    total = counts.total()
    shares = {form: round(100 * counts[form] / total) for form in FORMS if counts[form]}
    return {form: share for form, share in shares.items() if share}


def shares_text(shares: Mapping[str, int]) -> str:
    """Return shares as metadata has them, such as ``email=93 number=7``."""
    return " ".join(f"{form}={share}" for form, share in shares.items())


def parse_shares(text: str) -> dict[str, int]:
    """Return the shares that such a text names, and nothing for any other text."""
    shares: dict[str, int] = {}
    for part in text.split():
        form, _, share = part.partition("=")
        if form in FORMS and share.isascii() and share.isdigit():
            shares[form] = int(share)
    return shares
