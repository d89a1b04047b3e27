"""The secrets that must never be printed, and how to find them in a text."""

import re
from collections.abc import Iterable

from local.kaltura.account import Account

_SEEDS, _REGIONS = (0, 7), ("us", "eu", "ca")
_SESSION = re.compile(r"djJ8[A-Za-z0-9_+/=-]{16,}")
"""A Kaltura session of version 2: "v2|" and more, in base64."""

_kept: set[str] = set()


def keep_secret(values: Iterable[str]) -> None:
    """Register values that ``leaks`` looks for."""
    _kept.update(value for value in values if value)


def secrets_of(account: Account) -> tuple[str, ...]:
    """Return all secrets of an account."""
    tokens = (token.token for token in account.app_tokens)
    return (*account.admin_secrets, account.user_secret, *tokens)


def leaks(text: str) -> list[str]:
    """Return the start of each secret that occurs in ``text``."""
    found = [value for value in sorted(_kept) if value in text] + _SESSION.findall(text)
    return [f"{value[:6]}…" for value in found]


for _seed in _SEEDS:
    for _region in _REGIONS:
        keep_secret(secrets_of(Account.generated(_seed, _region)))
