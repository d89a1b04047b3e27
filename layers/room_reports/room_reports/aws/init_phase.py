"""Work that is done while the Lambda runtime initialises a function, before the first invocation.

A function has its full processor then, whatever its memory. See docs/decisions/ in the repository.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait

from room_reports.telemetry import logger

_LONGEST = 3.0
"""Seconds. Lambda ends the init phase after 10, and repeats it as a part of the invocation."""


def runs_on_lambda(environment: Mapping[str, str]) -> bool:
    """Return whether this process is a Lambda function, and not a test or a tool."""
    return bool(environment.get("AWS_LAMBDA_FUNCTION_NAME"))


def prepare(*calls: Callable[[], object], longest: float = _LONGEST) -> None:
    """Make calls at the same time, and wait until they have returned or failed.

    A failure is only logged: the invocation makes the same call when it needs it, and reports what
    is wrong.

    Args:
        longest: Seconds to wait. A call that takes longer goes on in its thread.
    """
    pool = ThreadPoolExecutor(max(len(calls), 1), "init")
    futures = [pool.submit(call) for call in calls]
    pool.shutdown(wait=False)
    for future in wait(futures, longest).done:
        if error := future.exception():
            logger.info("Not prepared", error=str(error))
