"""The people whose data is not published, as a run finds them in the bucket."""

from room_reports.errors import ConfigurationError
from room_reports.kaltura.credentials import has_suppression_key, parse_suppression_key
from room_reports.model.regions import SUPPRESSION_ENTRY
from room_reports.model.suppression import (
    SUPPRESSION_KEY,
    Suppression,
    ValueHash,
    parse_list,
)
from room_reports.storage.bucket import Bucket


def read_suppression(bucket: Bucket, secret: str) -> Suppression | None:
    """Return the people of the suppression list; None if there are none.

    Args:
        secret: The text of the secret.

    Raises:
        ConfigurationError: If the list cannot be read, the secret lacks the key that it was made
            with, or the secret has such a key and there is no list. Nothing may be published then.
        StorageError: If S3 refuses or fails.
    """
    found = bucket.read_small(SUPPRESSION_KEY)
    if found is None:
        if has_suppression_key(secret):
            raise ConfigurationError(
                [
                    f"the secret has the key of a suppression list, and {SUPPRESSION_KEY} is "
                    "missing; restore a former version of it, so that the people in it are not "
                    f"published, or remove the entry {SUPPRESSION_ENTRY!r} from the secret if "
                    "no person was ever erased from this bucket"
                ]
            )
        return None
    try:
        listed = parse_list(found.text)
    except ValueError as error:
        raise ConfigurationError(
            [f"{error}; restore an earlier version of {SUPPRESSION_KEY}"]
        ) from error
    if not listed.people:
        return None
    value_hash = ValueHash(parse_suppression_key(secret))
    if value_hash.key_id != listed.key_id:
        raise ConfigurationError(
            [
                f"the suppression list was made with the key {listed.key_id}, and the secret has "
                f"{value_hash.key_id}; restore the key, because the people in the list are "
                "recognised with it"
            ]
        )
    return Suppression(listed.people, value_hash)
