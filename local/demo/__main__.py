"""``python -m local.demo``, which ``make demo`` calls: exit status 0 only if every check holds.

``KEEP=1`` leaves the stack running, until ``make down``. ``IMAGE`` is where to write a picture.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import requests

from local.demo.screen import CheckError, Screen
from local.demo.story import PARAMETERS, SIMULATION, tell
from local.kaltura.published import WrongFileError
from local.stack.instructions import instructions
from local.stack.lifecycle import local_stack, replace
from local.stack.process import StackError
from local.stack.servers import ROOT
from local.stack.stack import Stack


def main(then: Callable[[Stack], None] = lambda _: None) -> int:
    """Run the demo, call ``then`` with its stack, and return the exit status."""
    screen, began, directory = Screen(), time.monotonic(), ROOT / ".local"
    keep = os.environ.get("KEEP", "") not in ("", "0")
    how = (PARAMETERS, None, SIMULATION, partial(screen.show, picture=False))
    screen.show("The real template, deployed by the SAM CLI to a local AWS with IAM", "bold")
    try:
        with ExitStack() as held:
            with screen.console.status(""):
                stack = replace(directory, *how) if keep else held.enter_context(local_stack(*how))
            tell(stack, screen)
            then(stack)
            if keep:
                screen.console.print(f"\n{instructions(stack, directory)}", soft_wrap=True)
    except (CheckError, WrongFileError, StackError, requests.RequestException) as error:
        screen.show(f"\nThe demo failed: {error}", "red")
        return 1
    except KeyboardInterrupt:
        screen.show("\nInterrupted. Nothing is left running.")
        return 130
    seconds = time.monotonic() - began
    end = "The stack is left running." if keep else "Everything was stopped and removed."
    screen.show(f"\nAll {screen.checks} checks hold, after {seconds:.0f} s. {end}", "bold")
    if image := os.environ.get("IMAGE"):
        screen.save_picture(Path(image))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
