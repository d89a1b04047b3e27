"""The files that the HTTP API links to; this needs an API key and no AWS account."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import requests

from room_reports.model.retention import EXPIRED
from room_reports.storage.keys import Series
from room_reports_command.errors import (
    CommandError,
    DownloadError,
    InputError,
    NotExportedError,
    StackError,
)
from room_reports_command.sources import CHUNK, LATEST, Found, Part, broken

_TIMEOUT = (10.0, 60.0)
_TRIES = 5
_COVERAGE = timedelta(days=365)
"""The API returns the coverage of at most 400 days at once."""
_OK, _PARTIAL, _NO_SUCH_RANGE = 200, 206, 416


class ApiSource:
    """The files that the HTTP API links to; needs an API key and no AWS account."""

    def __init__(self, url: str, key: str) -> None:
        if not re.match(r"https://|http://(127\.0\.0\.1|localhost)[:/]", url):
            raise InputError(
                "The API's address must begin with https://.", "Correct --api-url or the variable."
            )
        self._url = url.rstrip("/")
        self._key = key
        self._http = requests.Session()

    def latest(self, series: Series) -> Part:
        """Return the newest file of a series."""
        return self.one(series, LATEST)

    def one(self, series: Series, start: str) -> Part:
        """Return the file of one window."""
        return _api_part(self._details(series, start))

    def range(self, series: Series, first: str, last: str) -> Found:
        """Return the files of a range, and which windows are missing."""
        query = {
            "report": series.slug,
            "region": series.region,
            "granularity": series.granularity.value,
            "from": first,
            "to": last,
        }
        parts, cursor = [], ""
        while True:
            page = self._get("exports", {**query, "limit": "200", "cursor": cursor})
            parts += [_api_part(each) for each in page["exports"]]
            cursor = page["next_cursor"] or ""
            if not cursor:
                break
        windows = [
            window
            for begin, end in slices(first, last)
            for window in self._get("coverage", {**query, "from": begin, "to": end})["windows"]
        ]
        # A window that contains a bound that is a time is in both slices.
        missing = dict.fromkeys(each["start"] for each in windows if each["state"] == "missing")
        expired = {each["start"] for each in windows if each["state"] == EXPIRED}
        return Found(tuple(reversed(parts)), tuple(missing), len(expired))

    @contextmanager
    def open(
        self, series: Series, part: Part, offset: int
    ) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Return a file's bytes; a compressed file always from its start."""
        url = self._details(series, part.start)["url"]
        headers = {"Range": f"bytes={offset}-", "Accept-Encoding": "identity"} if offset else {}
        try:
            # Without the session, which could send the key to S3.
            with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
                compressed = response.headers.get("Content-Encoding") == "gzip"
                # The range counts the bytes that are stored, and the offset those of the CSV.
                if offset and (compressed or response.status_code == _NO_SUCH_RANGE):
                    response.close()
                    with self.open(series, part, 0) as again:
                        yield again
                    return
                if response.status_code not in (_OK, _PARTIAL):
                    raise DownloadError(
                        f"S3 refused the link to {part.start} with {response.status_code}.",
                        "Run the command again.",
                    )
                begin = offset if response.status_code == _PARTIAL else 0
                yield begin, response.iter_content(CHUNK)
        except (requests.RequestException, OSError) as error:
            raise broken(part, error) from error

    def _details(self, series: Series, start: str) -> Any:
        return self._get(
            f"exports/{series.slug}/{series.region}/{series.granularity.value}/{start}", {}
        )

    def _get(self, path: str, query: Mapping[str, str]) -> Any:
        for attempt in range(_TRIES):
            try:
                response = self._http.get(
                    f"{self._url}/{path}",
                    params={name: value for name, value in query.items() if value},
                    headers={"x-api-key": self._key},
                    timeout=_TIMEOUT,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                raise DownloadError(
                    f"The API cannot be reached: {type(error).__name__}.",
                    "Check --api-url and the network, then run the command again.",
                ) from error
            if response.status_code == _OK:
                return response.json()
            if response.status_code not in (429, 503) or attempt == _TRIES - 1:
                break
            time.sleep(2.0**attempt)
        raise _api_error(response)


def slices(first: str, last: str) -> list[tuple[str, str]]:
    """Return a range in slices that are short enough for the API's coverage.

    Args:
        first: A date or a time.
        last: The same, later.
    """
    bounds = [first]
    day = date.fromisoformat(first[:10])
    while (day := day + _COVERAGE).isoformat() < last[:10]:
        bounds.append(day.isoformat())
    return list(pairwise([*bounds, last]))


def _api_part(export: Mapping[str, Any]) -> Part:
    return Part(export["start"], export["rows"], export["size"], export["sha256"])


def _api_error(response: requests.Response) -> CommandError:
    try:
        error = response.json()["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        code, message = f"HTTP {response.status_code}", "the response is not one of this API"
    text = f"The API responded with {code}: {message}"
    if response.status_code == 403:
        return StackError(text, "Check the key in ROOM_REPORTS_API_KEY, or ask for a new one.")
    if code in ("not_exported", "no_such_window_yet"):
        return NotExportedError(text, "Choose another window, or run the command later.")
    if response.status_code in (400, 404):
        return InputError(text, "Correct the arguments, or --api-url.")
    return DownloadError(text, "Run the command again later.")
