"""The network between the exporter and Kaltura, on a simulated clock.

Requests are really sent over HTTP, to servers on this machine, and one at a time. How long they
take, and which of them get no response in time, is simulated: no real wait decides anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ProtocolError, ReadTimeoutError
from urllib3.exceptions import TimeoutError as NoTimeLeftError

from tests.support.runtimes import SimulatedRuntime

if TYPE_CHECKING:
    from requests.structures import CaseInsensitiveDict

_REAL_TIMEOUT = 60.0
_ATTEMPTS = 3
"""How often urllib3 tries to connect, as the exporter's HttpPolicy tells it."""
_CHUNK = 1 << 16
_PIECES = 10


@dataclass(frozen=True)
class NetworkFault:
    """What is wrong with the network for one request."""

    kind: str
    """``refused``: no connection; ``silent``: nothing responds to the attempt to connect;
    ``hang``: the response never comes; ``slow``: it comes after ``seconds``; ``drip``: its body
    comes in pieces within ``seconds``."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Request:
    """A request to Kaltura, as far as faults depend on it."""

    region: str
    service: str
    report: int
    form: Mapping[str, str]


@dataclass
class Network:
    """Everything that the network's behaviour depends on."""

    runtime: SimulatedRuntime
    region_at: Callable[[str], str]
    """Returns the region whose server has this URL."""
    latency: Callable[[], float]
    """Returns the seconds that the next request takes."""
    fault: Callable[[Request], NetworkFault | None]
    """Called for each request before it is sent."""
    responded: Callable[[Request], None] = lambda _: None
    """Called with each request when its response is ready to be received."""

    def adapter(self) -> type[HTTPAdapter]:
        """Return the class of the adapters that use this network."""
        return type("NetworkAdapter", (_Adapter,), {"network": self})


class _Adapter(HTTPAdapter):
    network: Network

    def send(  # noqa: PLR0917 - the signature of HTTPAdapter
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        network, sleep = self.network, self.network.runtime.sleep
        asked = _asked(request, network)
        fault = network.fault(asked) or NetworkFault("")
        latency = network.latency()
        if fault.kind == "refused":
            sleep(latency)
            raise requests.ConnectionError("connection refused")
        if fault.kind == "silent":
            for _ in range(_ATTEMPTS):
                sleep(timeout.clone().connect_timeout)
            raise requests.ConnectTimeout("no response to the attempt to connect")
        seconds = float("inf") if fault.kind == "hang" else latency
        seconds += fault.seconds if fault.kind == "slow" else 0.0
        read_timeout = timeout.clone().read_timeout
        if seconds >= read_timeout:
            sleep(read_timeout)
            raise requests.ReadTimeout("no response within the read timeout")
        sleep(seconds)
        response = super().send(request, True, _REAL_TIMEOUT, verify, cert, proxies)
        response.raw = _Received(response.raw, network.runtime, fault)
        network.responded(asked)
        return response


def _asked(request: requests.PreparedRequest, network: Network) -> Request:
    parts = urlsplit(request.url or "")
    form = dict(parse_qsl(str(request.body or "")))
    return Request(
        region=network.region_at(f"{parts.scheme}://{parts.netloc}"),
        service=parts.path.split("/")[3],
        report=int(form.get("id", "0")) if "params" in form else 0,
        form={name: form[name] for name in ("id", "params") if name in form},
    )


class _Received:
    """A response that has been received completely; behaves as urllib3's does while it is read."""

    def __init__(self, raw: Any, runtime: SimulatedRuntime, fault: NetworkFault) -> None:
        self.status: int = raw.status
        self.headers: CaseInsensitiveDict[str] = raw.headers
        self.chunked: bool = getattr(raw, "chunked", False)
        self._runtime = runtime
        self._pause = fault.seconds / _PIECES if fault.kind == "drip" else 0.0
        self.connection = self
        self.sock = self
        self._timeout = _REAL_TIMEOUT
        self._error: Exception | None = None
        self._read = 0
        body = bytearray()
        try:
            while chunk := raw.read1(_CHUNK, decode_content=False):
                body += chunk
        except (NoTimeLeftError, ReadTimeoutError):
            raise
        except (ProtocolError, OSError) as error:
            if isinstance(error.__cause__ or error.__context__, ConnectionResetError):
                # How much arrives before a reset depends on the machine.
                raise requests.ConnectionError(ProtocolError("reset")) from error
            self._error = error
        finally:
            raw.close() if self._error else raw.release_conn()
        self._body = bytes(body)

    def read1(self, size: int, *, decode_content: bool) -> bytes:  # noqa: ARG002
        """Return the next bytes."""
        if self._pause >= self._timeout:
            self._runtime.sleep(self._timeout)
            raise ReadTimeoutError(None, "", "nothing more came")  # type: ignore[arg-type]
        if self._pause:
            self._runtime.sleep(self._pause)
            size = min(size, len(self._body) // _PIECES + 1)
        chunk = self._body[self._read : self._read + size]
        self._read += len(chunk)
        if not chunk and self._error:
            raise self._error
        return chunk

    def tell(self) -> int:
        """Return how many bytes have been read."""
        return self._read

    def fileno(self) -> int:
        """Return any number: the socket is open."""
        return 0

    def settimeout(self, seconds: float) -> None:
        """Wait no longer than this for the next bytes."""
        self._timeout = seconds

    def close(self) -> None:
        """Do nothing: the connection is free already."""

    def release_conn(self) -> None:
        """Do nothing: the connection is free already."""
