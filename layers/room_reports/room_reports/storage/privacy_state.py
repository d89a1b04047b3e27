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


def privacy_in_force(bucket: Bucket) -> Mapping[str, str]:
    """Return the digest of what the latest run did, by the report's slug.

    Raises:
        StorageError: If S3 refuses or fails.
    """
    with BytesIO() as text:
        if not bucket.read(SETTINGS_KEY, text):
            return {}
        return privacy_digests(parsed_state(text.getvalue().decode(errors="replace")))


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
