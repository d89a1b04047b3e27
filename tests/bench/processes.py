"""The programs that are compared, and what one run of each uses."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from pathlib import Path

from local.stack.deployment import BUILD
from tests.bench.bodies import REPORTS
from tests.bench.servers import BUCKET, ROOT, credentials, s3_client

_PROGRAMS = ROOT / "tests/bench/programs"
_BENCH = Path(sys.executable).parent
_DLT = ROOT / ".venvs/bench-dlt/bin/python"
_LEAST = 0.8
"""The share of the bytes that a program has to write; some leave out broken rows."""
_FIRST = date(2000, 1, 1)
_ACTION = "/api_v3/service/report/action/getCsvFromStringParams"
_CURL = 'curl --silent --show-error --fail --data "id=$1" "$BENCH_KALTURA"'


@dataclass(frozen=True)
class Used:
    """What one run of a program used."""

    seconds: float
    cpu: float
    """CPU seconds, without those of the servers."""
    mib: float
    """The peak of memory of its largest process, in MiB."""
    inside: float | None
    """The seconds without the start of the interpreter and the imports, if it says so."""
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """What every program has to do: fetch reports of some days, put them into S3."""

    s3: str
    kaltura: str
    files: int
    size: int
    """Bytes of each file."""
    scratch: Path
    reports: Sequence[int]
    _runs: Iterator[int] = field(default_factory=count)

    def run(self, program: str) -> Used:
        """Run a program once, for days that no other run has exported."""
        days = self.files // len(self.reports)
        number = next(self._runs)
        first, prefix = _FIRST + timedelta(number * days), f"run-{number}"
        dates = [first + timedelta(day) for day in range(days)]
        files = [
            (str(report), f"{prefix}/{report}/{day}.csv")
            for day in dates
            for report in self.reports
        ]
        with tempfile.TemporaryDirectory(dir=self.scratch) as home:
            listed, inside = Path(home) / "files", Path(home) / "inside"
            text = "".join(f"{report} {key}\n" for report, key in files)
            listed.write_text(text if program in _SHELL else json.dumps(files), encoding="utf-8")
            environment = {
                "PATH": f"{_BENCH}:{os.environ['PATH']}",
                "HOME": home,
                "TMPDIR": home,
                **credentials(self.s3),
                "AWS_ENDPOINT_URL_SECRETS_MANAGER": self.kaltura,
                "BENCH_BUCKET": BUCKET,
                "BENCH_PREFIX": prefix,
                "BENCH_FILES": str(listed),
                "BENCH_INSIDE": str(inside),
                "BENCH_KALTURA": self.kaltura + _ACTION,
                **_SETTINGS.get(program, {}),
            }
            if program == EXPORTER:
                environment |= self._exporter(first, days)
            used = launch(_COMMANDS[program], environment, Path(home))
            parts = json.loads(inside.read_text()) if inside.exists() else {}
        if program != EXPORTER:  # which checks for itself
            self._check(program, prefix)
        return Used(used["seconds"], used["cpu"], used["mib"], parts.get("inside"), parts)

    def _check(self, program: str, prefix: str) -> None:
        """Raise RuntimeError if a program has written much less than it should have."""
        wanted = self.size * self.files
        pages = (
            s3_client(self.s3)
            .get_paginator("list_objects_v2")
            .paginate(Bucket=BUCKET, Prefix=prefix)
        )
        found = sum(item["Size"] for page in pages for item in page.get("Contents", []))
        if found < _LEAST * wanted:
            raise RuntimeError(f"{program} has written {found} bytes of about {wanted}")

    def _exporter(self, first: date, days: int) -> dict[str, str]:
        return {
            "BENCH_EVENT": json.dumps({"from": str(first), "to": str(first + timedelta(days))}),
            "BENCH_EXPORTED": str(self.files),
            "BUCKET_NAME": BUCKET,
            "SECRET_ID": "kaltura",
            "KALTURA_REGIONS": f"us={self.kaltura}",
            "REPORT_IDS": ",".join(map(str, self.reports)),
        }


def launch(
    command: Sequence[str | Path], environment: Mapping[str, str], folder: Path
) -> dict[str, float]:
    """Run a command and return its ``seconds``, ``cpu`` seconds and peak of memory in ``mib``.

    Raises:
        RuntimeError: If it failed; holds the end of its output.
    """
    launcher = [sys.executable, "-I", "-S", _PROGRAMS / "launch.py", *command]
    log = folder / "log"
    with log.open("wb") as output:
        done = subprocess.run(
            launcher,
            env=dict(environment),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=output,
            check=True,
        )
    _, _, figures = done.stdout.decode().rpartition("\n")
    used: dict[str, float] = json.loads(figures[figures.index('{"code"') :])
    if used["code"]:
        raise RuntimeError(f"{command}: {done.stdout.decode()[-2000:]}\n{log.read_text()[-3000:]}")
    return used


def _shell(pipe: str) -> list[str]:
    each = f"xargs -P 4 -L 1 bash -o pipefail -c '{_CURL} | {pipe}' _ < \"$BENCH_FILES\""
    return ["bash", "-c", each]


EXPORTER, PLAIN, CSV_SCRIPT = "exporter", "plain script", "plain script with csv"
CURL_AWS, CURL_S5CMD = "curl | aws s3 cp -", "curl | s5cmd pipe"
DLT, PANDAS = "dlt", "pandas, awswrangler"
_SHELL = (CURL_AWS, CURL_S5CMD)
_S3_KEY = '"s3://$BENCH_BUCKET/$2"'
_COMMANDS: Mapping[str, Sequence[str | Path]] = {
    EXPORTER: [_BENCH / "python", _PROGRAMS / "exporter.py"],
    PLAIN: [_BENCH / "python", _PROGRAMS / "plain_script.py"],
    CSV_SCRIPT: [_BENCH / "python", _PROGRAMS / "plain_script.py", "csv"],
    CURL_AWS: _shell(f"aws s3 cp --no-progress - {_S3_KEY}"),
    CURL_S5CMD: _shell(f's5cmd --endpoint-url "$AWS_ENDPOINT_URL_S3" pipe {_S3_KEY}'),
    DLT: [_DLT, _PROGRAMS / "dlt_pipeline.py"],
    PANDAS: [_BENCH / "python", _PROGRAMS / "pandas_script.py"],
}
_SETTINGS = {
    EXPORTER: {
        # What is deployed: the layer as it was built.
        "PYTHONPATH": str(BUILD / "build/RoomReportsLayer/python"),
        "LAMBDA_TASK_ROOT": str(ROOT / "functions/exporter"),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "POWERTOOLS_SERVICE_NAME": "bench",
        "POWERTOOLS_METRICS_NAMESPACE": "bench",
    },
    DLT: {"RUNTIME__DLTHUB_TELEMETRY": "false", "DATA_WRITER__DISABLE_COMPRESSION": "true"},
}
REPORT_IDS = tuple(report.id for report in REPORTS)
