"""``python -m local.stack up`` and ``down``, which ``make up`` and ``make down`` call."""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from local.stack.instructions import instructions
from local.stack.lifecycle import attach, down, replace, running
from local.stack.process import StackError
from local.stack.servers import ROOT, Kaltura
from local.stack.template import load_template

_USAGE = "usage: python -m local.stack up|down"


def main(arguments: list[str]) -> int:
    """Start or stop the stack in ``STACK_DIR`` (default ``.local``); return the exit status."""
    if arguments not in (["up"], ["down"]):
        print(_USAGE, file=sys.stderr)
        return 2
    directory = (ROOT / os.environ.get("STACK_DIR", ".local")).resolve()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _up(directory) if arguments == ["up"] else _down(directory)
    except StackError as error:
        print(f"make {arguments[0]} failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. Nothing is left running.", file=sys.stderr)
        return 130


def _up(directory: Path) -> int:
    if running(directory):
        print("The local stack is already running.\n")
        print(instructions(attach(directory), directory))
        return 0
    parameters, kaltura = parameters_from(os.environ), kaltura_from(os.environ)
    begun = time.monotonic()
    stack = replace(directory, parameters, kaltura, progress=lambda step: print(step, flush=True))
    print(f"The local stack started in {time.monotonic() - begun:.0f} s.\n")
    print(instructions(stack, directory))
    return 0


def _down(directory: Path) -> int:
    print(
        "The local stack was stopped and removed."
        if down(directory)
        else "No local stack was running."
    )
    return 0


def parameters_from(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the template parameters in the variables ``PARAM_<Name>``.

    Raises:
        StackError: If the template has no such parameter; names all of them.
    """
    known = list(load_template()["Parameters"])
    chosen = {k.removeprefix("PARAM_"): v for k, v in environment.items() if k.startswith("PARAM_")}
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        raise StackError(
            f"the template has no parameter {', '.join(unknown)}; it has {', '.join(known)}"
        )
    return chosen


def kaltura_from(environment: Mapping[str, str]) -> Kaltura | None:
    """Return the Kaltura of ``KALTURA_REGIONS`` and ``KALTURA_SECRET``; None: the simulated one.

    Raises:
        StackError: when only one of them is there or they are not as they should be; never shows
            the secret.
    """
    regions, secret = environment.get("KALTURA_REGIONS"), environment.get("KALTURA_SECRET")
    if not regions and not secret:
        return None
    if not regions or not secret:
        raise StackError("Set both KALTURA_REGIONS and KALTURA_SECRET, or neither")
    urls = dict(item.partition("=")[::2] for item in regions.split(","))
    if not all(urls.values()):
        raise StackError("KALTURA_REGIONS must look like us=https://www.kaltura.com")
    try:
        accounts = json.loads(secret)
    except json.JSONDecodeError:
        accounts = None
    if not isinstance(accounts, dict):
        raise StackError('KALTURA_SECRET must be JSON like {"us": {"ks": "..."}}')
    return Kaltura(urls, accounts)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
