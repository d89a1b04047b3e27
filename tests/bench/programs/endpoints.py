"""The servers that the measured programs call besides S3, as one process on 127.0.0.1.

Kaltura's report action after a latency, Secrets Manager's GetSecretValue, STS's AssumeRole. It
sends files with sendfile, so that it costs next to nothing beside what is measured.

Usage: endpoints.py PORT FOLDER LATENCY, where FOLDER holds a body for each report id.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

_SECRET = json.dumps({"us": {"ks": "bench"}})
_ASSUMED = (
    '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>'
    "<Credentials><AccessKeyId>bench</AccessKeyId><SecretAccessKey>bench-secret</SecretAccessKey>"
    "<SessionToken></SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
    "</AssumeRoleResult></AssumeRoleResponse>"
)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    folder: Path
    latency: float


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_POST(self) -> None:
        """Respond to any of the three."""
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if "X-Amz-Target" in self.headers:
            secret = {"Name": "kaltura", "SecretString": _SECRET}
            self._head("application/x-amz-json-1.1", data := json.dumps(secret).encode())
            self.wfile.write(data)
        elif "Action=AssumeRole" in text:
            self._head("text/xml", data := _ASSUMED.encode())
            self.wfile.write(data)
        else:
            self._report(parse_qs(text)["id"][0])

    def _report(self, report: str) -> None:
        time.sleep(self.server.latency)
        path = self.server.folder / f"{int(report)}.csv"
        with path.open("rb") as file:
            self._head("text/csv;charset=UTF-8", size=path.stat().st_size)
            self.wfile.flush()
            self.connection.sendfile(file)

    def _head(self, content_type: str, data: bytes = b"", size: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data) if size is None else size))
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Suppress the log."""


def main() -> None:
    """Serve until killed."""
    server = _Server(("127.0.0.1", int(sys.argv[1])), _Handler)
    server.folder = Path(sys.argv[2])
    server.latency = float(sys.argv[3])
    server.serve_forever()


if __name__ == "__main__":
    main()
