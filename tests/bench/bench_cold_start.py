"""Cold starts of what `sam build` made, under Lambda's own runtime client and emulator."""

import io
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from local.stack.deployment import BUILD, build
from local.stack.process import free_port, listens, start, wait_until
from room_reports.model.reports import ATTENDEES
from tests.bench import api_bucket
from tests.bench.bench_latency import built_downloads
from tests.bench.bodies import write_bodies
from tests.bench.figures import Sample, alternate, sample
from tests.bench.limits import Limit, limit
from tests.bench.section import Section
from tests.bench.servers import BUCKET, ROOT, credentials, endpoints, s3_server

TITLE = "Cold start, as deployed"
COLUMNS = (
    *("CPU of", "handler", "import, ms", "naive = 1", "init, ms", "first call, ms"),
    *("second call, ms", "first use, ms"),
)
_MEMORIES = (1769, 512)
_NAIVE = "naive"
_RUNTIME = ROOT / ".venvs/runtime/bin/python"
_INIT = re.compile(r"INIT REPORT\(durationMs: ([0-9.]+)")
_CALL = re.compile(r"INVOKE RTDONE\(.*duration: ([0-9.]+)ms")
_NOTES = (
    "Under the Lambda Runtime Interface Emulator and `awslambdaric`, pinned to one CPU, and for "
    "512 MB with a quota of 0.29 of it{quota}. *Import* is that of the handler's module in a new "
    "interpreter, and its ratio is one of CPU seconds. *Init* is what the emulator reports, with "
    "the start of Python and all that is prepared. *First use* is what the first call takes longer "
    "than the second. The exporter lists a day and fetches nothing; the downloads return one link; "
    "the naive handler only imports boto3, requests and Powertools, as installed by pip and with "
    "bytecode. The layer has {layer:.1f} MB, zipped."
)


@dataclass(frozen=True)
class Cold:
    """One cold start; times are in seconds."""

    imported: float
    import_cpu: float
    """CPU seconds, for ratios that a busy machine does not change."""
    init: float
    first: float
    second: float


@dataclass(frozen=True)
class Function:
    """A handler, and an event for it."""

    folder: Path
    packages: Path
    event: object


def measure() -> Section:
    """Start each function several times with each limit."""
    build()
    rows: list[tuple[str, ...]] = []
    figures = {"cold.layer": _zipped(BUILD / "build/RoomReportsLayer") / 1e6}
    complete = True
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        scratch = Path(name)
        write_bodies(scratch / "bodies", 1000, 0.0)
        with s3_server(scratch / "s3") as s3, endpoints(scratch / "bodies") as aws:
            api_bucket.fill(s3, days=2)
            environment = _environment(s3, aws)
            for memory in _MEMORIES:
                with limit(memory) as limited:
                    complete &= limited.complete
                    calls = {
                        name: partial(_cold, function, environment, limited, scratch)
                        for name, function in _functions().items()
                    }
                    for call in calls.values():
                        call()  # reads the files into memory
                    found = alternate(calls)
                rows += _rows(memory, found)
                if memory == _MEMORIES[0]:
                    figures |= _figures(found)
    quota = "" if complete else ", which this machine does not allow: it has a whole CPU here"
    return Section(COLUMNS, rows, _NOTES.format(quota=quota, layer=figures["cold.layer"]), figures)


def _functions() -> Mapping[str, Function]:
    layer = BUILD / "build/RoomReportsLayer/python"
    export = {"from": "2025-01-01", "to": "2025-01-02", "dry_run": True}
    return {
        "exporter": Function(ROOT / "functions/exporter", layer, export),
        "downloads": Function(
            built_downloads(),
            layer,
            api_bucket.request(api_bucket.link_path(ATTENDEES.slug, api_bucket.newest_day())),
        ),
        _NAIVE: Function(
            ROOT / "tests/bench/programs/naive", Path(sys.modules["boto3"].__path__[0]).parent, {}
        ),
    }


def _cold(
    function: Function, environment: Mapping[str, str], limited: Limit, scratch: Path
) -> Cold:
    environment = {
        **environment,
        "PYTHONPATH": str(function.packages),
        "LAMBDA_TASK_ROOT": str(function.folder),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
    }
    imported = subprocess.run(
        [*limited.prefix, _RUNTIME, ROOT / "tests/bench/programs/import_time.py"],
        env=environment,
        cwd=function.folder,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    # What a function does while it is initialised, beside importing, is in the init duration only.
    environment |= {"AWS_LAMBDA_FUNCTION_NAME": "bench", "AWS_LAMBDA_FUNCTION_TIMEOUT": "900"}
    port, log = free_port(), scratch / "rie.log"
    log.unlink(missing_ok=True)
    process = start(
        [
            *limited.prefix,
            _emulator(),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
            *("--runtime-api-address", f"127.0.0.1:{free_port()}"),
            *(_RUNTIME, "-m", "awslambdaric", "app.handler"),
        ],
        environment,
        log,
        function.folder,
    )
    try:
        wait_until(partial(listens, port), process, log, 20)
        for _ in range(2):
            _invoke(port, function.event)
    finally:
        process.stop()
    text = log.read_text(encoding="utf-8", errors="replace")
    init, first, second = (float(each) / 1000 for each in _INIT.findall(text) + _CALL.findall(text))
    seconds, cpu = map(float, imported.split())
    return Cold(seconds, cpu, init, first, second)


def _invoke(port: int, event: object) -> None:
    """Call the function; raise if it fails."""
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    request = urllib.request.Request(url, json.dumps(event).encode())
    with urllib.request.urlopen(request, timeout=60) as response:
        result = json.loads(response.read())
    if "errorType" in result or result.get("statusCode", 200) != 200:
        raise RuntimeError(f"the invocation failed: {result}")


def _emulator() -> Path:
    machine = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    found = ROOT.glob(f".venvs/sam/lib/python3*/site-packages/samcli/local/rapid/*{machine}")
    return next(found)


def _environment(s3: str, aws: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
        **credentials(s3),
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": aws,
        "AWS_ENDPOINT_URL_STS": aws,
        "POWERTOOLS_SERVICE_NAME": "bench",
        "POWERTOOLS_METRICS_NAMESPACE": "bench",
        **api_bucket.settings(),
        "BUCKET_NAME": BUCKET,
        "SECRET_ID": "kaltura",
    }


def _rows(memory: int, found: Mapping[str, list[Cold]]) -> list[tuple[str, ...]]:
    rows = []
    naive = median(cold.import_cpu for cold in found[_NAIVE])
    for name, runs in found.items():
        imported = sample([cold.imported for cold in runs])
        cells = (
            sample([cold.init for cold in runs]),
            sample([cold.first for cold in runs]),
            sample([cold.second for cold in runs]),
            _first_use(runs),
        )
        rows.append(
            (
                *(
                    f"{memory:,} MB",
                    name,
                    imported.text(1000, 0),
                    f"{median(cold.import_cpu for cold in runs) / naive:.2f}",
                ),
                *(each.text(1000, 0) for each in cells),
            )
        )
    return rows


def _first_use(runs: list[Cold]) -> Sample:
    return sample([cold.first - cold.second for cold in runs])


def _figures(found: Mapping[str, list[Cold]]) -> dict[str, float]:
    naive = median(cold.import_cpu for cold in found[_NAIVE])
    figures = {}
    for name in ("exporter", "downloads"):
        figures[f"cold.{name}.import"] = median(cold.import_cpu for cold in found[name]) / naive
        figures[f"cold.{name}.first"] = _first_use(found[name]).median * 1000
    return figures


def _zipped(folder: Path) -> int:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                packed.write(path, path.relative_to(folder))
    return len(out.getvalue())
