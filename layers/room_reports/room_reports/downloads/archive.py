"""What the bucket holds of a series, the newest first, at a cost that does not grow with it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from room_reports.lake.bucket import Bucket, LakeError, StoredObject, by_label
from room_reports.lake.keys import Series
from room_reports.windows import Granularity

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

# S3 lists in ascending order, and 1000 keys at most. Each window has one object, or two after the
# compression was changed, so that so many days come in one answer.
_DAYS_AT_ONCE = {Granularity.DAY: 366, Granularity.HOUR: 20}


class Archive:
    """The bucket, read backwards; safe to share between threads."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._name = bucket
        self.bucket = Bucket(client, bucket)

    def newest_first(self, series: Series, first_dt: str, last_dt: str) -> Iterator[StoredObject]:
        """The exports whose ``dt`` lies in ``[first_dt, last_dt]``, one for each window.

        It asks S3 only as far as it is read: once for each year, for the days that it has, and
        once for each 366 days or 20 days of hours.

        Raises:
            LakeError: when S3 refuses or fails.
        """
        size = _DAYS_AT_ONCE[series.granularity]
        for year in range(int(last_dt[:4]), int(first_dt[:4]) - 1, -1):
            days = [dt for dt in self._days(series, year) if first_dt <= dt <= last_dt]
            while days:
                days, batch = days[:-size], days[-size:]
                held = by_label(self.bucket.exports(series, batch[0], batch[-1]))
                yield from (held[label] for label in sorted(held, reverse=True))

    def _days(self, series: Series, year: int) -> list[str]:
        """The values of ``dt`` in a year, oldest first."""
        prefix = f"{series.prefix}{year:04}-"
        try:
            answer = self._client.list_objects_v2(
                Bucket=self._name, Prefix=prefix, Delimiter="/", MaxKeys=1000
            )
        except (ClientError, BotoCoreError) as error:
            raise LakeError("listing", prefix, error) from error
        found = (each["Prefix"] for each in answer.get("CommonPrefixes", ()))
        return [prefix.removeprefix(series.prefix).rstrip("/") for prefix in found]
