"""``python -m local.demo``, which ``make demo`` calls: exit status 0 only if every check holds.

With ``KEEP=1`` the stack is left running in ``.local``, for ``make down`` to stop.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

import requests

from local.demo.checks import CheckError
from local.demo.screen import Screen
from local.demo.story import SIMULATION, tell, template_parameters
from local.stack.lifecycle import down, local_stack, running, up
from local.stack.process import StackError
from local.stack.servers import ROOT
from local.stack.stack import Stack

_DIRECTORY = ROOT / ".local"
_LATEST = "attendees/eu/day/latest.csv"


def main() -> int:
    """Run the demo; the exit status."""
    screen = Screen()
    signal.signal(signal.SIGTERM, _interrupt)
    began = time.monotonic()
    keep = os.environ.get("KEEP", "") not in ("", "0")
    try:
        with _deployed(screen, keep=keep) as stack:
            checks = tell(stack, screen)
            if keep:
                _say_how_to_go_on(stack, screen)
    except (CheckError, StackError, requests.RequestException) as error:
        screen.say(f"\nThe demo failed: {error}", style="red")
        return 1
    except KeyboardInterrupt:
        screen.say("\nInterrupted: nothing was left running.")
        return 130
    seconds = time.monotonic() - began
    left = "The stack is left running." if keep else "Everything was stopped and removed."
    screen.say(f"\nAll {len(checks.held)} checks hold, after {seconds:.0f} s. {left}", style="bold")
    return 0


@contextmanager
def _deployed(screen: Screen, *, keep: bool) -> Iterator[Stack]:
    screen.title("The real template, deployed by the SAM CLI to a local AWS with IAM enforced")
    parameters = template_parameters()
    with ExitStack() as held:
        with screen.steps() as progress:
            if keep:
                _clear_the_way()
                stack = up(_DIRECTORY, parameters, simulation=SIMULATION, progress=progress)
            else:
                stack = held.enter_context(
                    local_stack(parameters, simulation=SIMULATION, progress=progress)
                )
        yield stack


def _clear_the_way() -> None:
    if running(_DIRECTORY):
        raise StackError("a local stack is up already; make down stops it")
    down(_DIRECTORY)


def _say_how_to_go_on(stack: Stack, screen: Screen) -> None:
    where = os.path.relpath(_DIRECTORY / "stack.json")
    screen.title("The stack is left running")
    screen.say(f"{where} holds its addresses and credentials; make down stops it.")
    key = f"import json; print(json.load(open('{where}'))['api_key'])"
    screen.say("\nThe web page, which asks for the API key, and a file, to be typed like this:\n")
    screen.command(f"{stack.api_url}/\n")
    screen.command(f'KEY=$(python3 -c "{key}")')
    screen.command(f'curl -L -H "x-api-key: $KEY" {stack.api_url}/exports/{_LATEST}')


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
