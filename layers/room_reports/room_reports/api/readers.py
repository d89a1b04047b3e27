"""Which API keys are refused, although API Gateway accepts them: those that have expired."""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from room_reports.api.errors import KeyRefusedError, ReadersUnknownError
from room_reports.api.request import Request
from room_reports.model.errors import ReadersError
from room_reports.model.readers import Readers, parse_readers
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import READERS_KEY
from room_reports.telemetry import logger

MAX_AGE = timedelta(minutes=1)
"""For how long a copy of the list is used. A key that is revoked or expires is refused after it."""


class ReaderKeys:
    """Refuses keys by the list of readers in the bucket; safe to share between threads."""

    def __init__(self, bucket: Bucket, clock: Callable[[], datetime]) -> None:
        self._bucket = bucket
        self._clock = clock
        self._lock = Lock()
        self._kept: tuple[datetime, Readers] | None = None

    def check(self, request: Request) -> None:
        """Refuse a request whose key has expired or was revoked.

        A key that the list does not have is accepted: API Gateway has accepted it, and it has no
        expiry. Without a key, the caller was authorised by IAM, or asks for what needs no key.

        Raises:
            KeyRefusedError: If the key is refused.
            ReadersUnknownError: If the list in the bucket is not one.
            StorageError: If it cannot be read. A key that may have expired is not accepted.
        """
        if request.api_key_id is None:
            return
        reader = self.readers().get(request.api_key_id)
        if reader and reader.refused(self._clock()):
            logger.info("Key refused", api_key_id=request.api_key_id, source_ip=request.source_ip)
            raise KeyRefusedError

    def readers(self) -> Readers:
        """Return the list as it was at most ``MAX_AGE`` ago; no readers if there is none yet.

        Raises:
            ReadersUnknownError: If the list in the bucket is not one.
            StorageError: If it cannot be read.
        """
        with self._lock:
            now = self._clock()
            if self._kept is None or now - self._kept[0] >= MAX_AGE:
                self._kept = now, self._read()
            return self._kept[1]

    def _read(self) -> Readers:
        found = self._bucket.read_small(READERS_KEY)
        try:
            return parse_readers(found.text) if found else {}
        except ReadersError as error:
            raise ReadersUnknownError(f"{READERS_KEY}: {error}") from error
