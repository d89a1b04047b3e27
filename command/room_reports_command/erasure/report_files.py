"""The report of an erasure: in the bucket, and on this machine."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from room_reports_command.erasure.places import REPORTS_PREFIX
from room_reports_command.erasure.procedure import Outcome
from room_reports_command.erasure.record import record_json, record_of, record_text
from room_reports_command.erasure.subject import Subject
from room_reports_command.erasure.versions import VersionedBucket
from room_reports_command.errors import InputError
from room_reports_command.stack import DeployedStack


class ReportFiles:
    """The report of an erasure, in the bucket and on this machine."""

    def __init__(self, stack: DeployedStack, subject: Subject, bucket: VersionedBucket) -> None:
        self._stack = stack
        self._subject = subject
        self._bucket = bucket
        self._by = stack.sts.get_caller_identity()["Arn"]
        self._seen: dict[str, str | None] = {}

    def save(self, outcome: Outcome) -> dict[str, Any]:
        """Put the report into the bucket, as it is so far, and return it."""
        record = record_of(outcome, self._subject, self._stack.name, self._by)
        name = _name(record)
        for ending, text, content_type in (
            ("json", record_json(record), "application/json"),
            ("txt", record_text(record), "text/plain; charset=utf-8"),
        ):
            key = f"{REPORTS_PREFIX}{name}.{ending}"
            found = self._bucket.read(key) if key in self._seen else None
            seen = found.etag if found else None
            self._bucket.replace(key, text.encode(), content_type, seen)
            self._seen[key] = seen
        return record

    def write(self, record: Mapping[str, Any], folder: Path) -> list[Path]:
        """Write the report to a folder, and return its files.

        Raises:
            InputError: If that fails; it is in the bucket all the same.
        """
        name = _name(record)
        texts = {"json": record_json(dict(record)), "txt": record_text(dict(record))}
        paths = [folder / f"{name}.{ending}" for ending in texts]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path, text in zip(paths, texts.values(), strict=True):
                path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"The person was erased. The report cannot be written to {folder}: "
                f"{error.strerror}.",
                f"It is in the bucket under {REPORTS_PREFIX}{name}.",
            ) from error
        return paths


def _name(record: Mapping[str, Any]) -> str:
    began = datetime.fromisoformat(record["began"])
    return f"{record['token']}_{began:%Y%m%dT%H%M%SZ}"
