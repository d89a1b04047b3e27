"""One region of the simulated Kaltura, steered and asked for the truth over HTTP."""

import requests

from local.demo.week import File
from local.kaltura.published import published_rows


class SimulatedRegion:
    """One region; safe to share between threads once made."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._url = f"{url}/_sim"
        self._http = requests.Session()
        self._http.trust_env = False

    def go_down(self) -> None:
        """Answer every call with 503 from now on, as a load balancer does before a dead server."""
        outage = {"kind": "http_status", "status": 503, "service": None, "times": None}
        self._http.post(f"{self._url}/faults", json=[outage], timeout=10).raise_for_status()

    def come_back(self) -> None:
        """Answer again."""
        self._http.delete(f"{self._url}/faults", timeout=10).raise_for_status()

    def answered(self, since: int = 0) -> tuple[int, int]:
        """How many calls there were, and how many of those after ``since`` got a report."""
        answer = self._http.get(f"{self._url}/calls", params={"since": since}, timeout=10)
        answer.raise_for_status()
        calls = answer.json()
        reports = sum(call["service"] == "report" and call["outcome"] == "ok" for call in calls)
        return since + len(calls), reports

    def rows(self, file: File) -> list[list[str]]:
        """The rows that a file must hold, in Kaltura's order."""
        window = {"start": int(file.start.timestamp()), "end": int(file.end.timestamp())}
        answer = self._http.get(
            f"{self._url}/truth", params={"report": file.report.id, **window}, timeout=60
        )
        answer.raise_for_status()
        return published_rows(file.report, answer.json()["rows"])[1:]
