"""What the latest run did to columns that identify people, as it says in the bucket.

Only the exporter has the key of the pseudonyms, so that other programs cannot tell by themselves
which files were made with the key of today.
"""

import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from room_reports.storage.bucket import Bucket

SETTINGS_KEY = "state/settings.json"
"""The settings that the latest run had."""
KEY_ID = "pseudonym_key"
"""The field with the id of the latest key that a run had."""


def privacy_in_force(bucket: Bucket) -> Mapping[str, str]:
    """Return the digest of what the latest run did, by the report's slug.

    Raises:
        StorageError: If S3 refuses or fails.
    """
    return privacy_digests(_state(bucket))


def latest_key_id(bucket: Bucket) -> str | None:
    """Return the id of the latest key of pseudonyms that a run had; None if no run had any.

    Raises:
        StorageError: If S3 refuses or fails.
    """
    key_id = _state(bucket).get(KEY_ID)
    return key_id if isinstance(key_id, str) else None


def _state(bucket: Bucket) -> dict[str, Any]:
    with BytesIO() as text:
        found = bucket.read(SETTINGS_KEY, text)
        return parsed_state(text.getvalue().decode(errors="replace")) if found else {}


def parsed_state(text: str) -> dict[str, Any]:
    """Return the settings that a run has left; nothing if they cannot be read."""
    try:
        value = json.loads(text)
    except ValueError:
        value = {}
    return value if isinstance(value, dict) else {}


def privacy_digests(state: Mapping[str, Any]) -> dict[str, str]:
    """Return the digests among the settings that a run has left; none of an earlier version."""
    digests = state.get("privacy")
    return dict(digests) if isinstance(digests, dict) else {}
