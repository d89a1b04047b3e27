"""The exporter as one process: load the handler, call it once, write the seconds of that."""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any


class Context:
    """The context of one invocation."""

    function_name = "exporter"
    memory_limit_in_mb = 1769
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:exporter"
    aws_request_id = "00000000-0000-4000-8000-000000000000"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """Return the full 15 minutes."""
        return 900_000


def main() -> None:
    """Export what the event in BENCH_EVENT asks for."""
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    event: dict[str, Any] = json.loads(os.environ["BENCH_EVENT"])
    wanted = int(os.environ["BENCH_EXPORTED"])
    begun = time.perf_counter()
    handler = importlib.import_module("app").handler
    imported = time.perf_counter()
    result = handler(event, Context())
    inside = time.perf_counter() - imported
    if result["failed"] or result["deferred"] or len(result["exported"]) != wanted:
        raise SystemExit(f"not all was exported: {result}")
    figures = {"import": imported - begun, "inside": inside}
    Path(os.environ["BENCH_INSIDE"]).write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
