"""A client of the control interface of one simulated region (see ``local.kaltura.control``)."""

from typing import Any

import requests

from local.kaltura.truth import Row

_TIMEOUT_SECONDS = 60.0


class ControlClient:
    """Control one simulated region over HTTP; safe to share between threads."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/_sim"
        self._http = requests.Session()
        self._http.trust_env = False

    def send(self, method: str, path: str, body: object = None) -> Any:
        """Send a request, and return the JSON of its response."""
        response = self._http.request(
            method, f"{self._url}/{path}", json=body, timeout=_TIMEOUT_SECONDS
        )
        response.raise_for_status()
        return response.json()

    def go_down(self) -> None:
        """Respond to every call with 503, as a load balancer does when its servers are down."""
        outage = {"kind": "http_status", "status": 503, "service": None, "times": None}
        self.send("POST", "faults", [outage])

    def come_back(self) -> None:
        """Respond normally again."""
        self.send("DELETE", "faults")

    def truth(self, report: int, start: int, end: int) -> list[Row]:
        """Return the true rows of a report for a window in Unix seconds."""
        found = self.send("GET", f"truth?report={report}&start={start}&end={end}")
        return [tuple(row) for row in found["rows"]]
