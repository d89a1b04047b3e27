"""``python -m local.stack up`` and ``down``, which ``make up`` and ``make down`` call."""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from local.stack.lifecycle import attach, down, running, up
from local.stack.process import StackError
from local.stack.servers import ROOT, Kaltura
from local.stack.stack import Stack
from local.stack.template import load_template

_USAGE = "usage: python -m local.stack up|down"


def main(arguments: list[str]) -> int:
    """Start or stop the stack in ``STACK_DIR`` (default ``.local``); the exit status."""
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
        print("Interrupted: nothing was left running.", file=sys.stderr)
        return 130


def _up(directory: Path) -> int:
    if running(directory):
        print("The local stack is already up.\n")
        _explain(attach(directory), directory)
        return 0
    parameters, kaltura = parameters_from(os.environ), kaltura_from(os.environ)
    if down(directory):
        print("Removed what was left of a stack that is not running any more")
    begun = time.monotonic()
    stack = up(directory, parameters, kaltura, progress=lambda step: print(step, flush=True))
    print(f"The local stack is up after {time.monotonic() - begun:.0f} s.\n")
    _explain(stack, directory)
    return 0


def _down(directory: Path) -> int:
    print("Stopped and removed." if down(directory) else "No local stack was running.")
    return 0


def parameters_from(environment: Mapping[str, str]) -> dict[str, str]:
    """The template parameters that ``PARAM_<Name>`` variables hold.

    Raises:
        StackError: naming every variable that the template has no parameter for.
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
    """The Kaltura of ``KALTURA_REGIONS`` and ``KALTURA_SECRET``, or None for the simulated one.

    Raises:
        StackError: when only one of them is there or they are not as they should be; never shows
            the secret.
    """
    regions, secret = environment.get("KALTURA_REGIONS"), environment.get("KALTURA_SECRET")
    if not regions and not secret:
        return None
    if not regions or not secret:
        raise StackError("set both KALTURA_REGIONS and KALTURA_SECRET, or neither")
    urls = dict(item.partition("=")[::2] for item in regions.split(","))
    if not all(urls.values()):
        raise StackError("KALTURA_REGIONS should be like us=https://www.kaltura.com")
    try:
        accounts = json.loads(secret)
    except json.JSONDecodeError:
        accounts = None
    if not isinstance(accounts, dict):
        raise StackError('KALTURA_SECRET should be JSON like {"us": {"ks": "..."}}')
    return Kaltura(urls, accounts)


def _explain(stack: Stack, directory: Path) -> None:
    where = os.path.relpath(directory / "stack.json")
    aws = f"aws --endpoint-url {stack.aws.endpoint_url}"
    function = stack.outputs["ExporterFunction"]
    print(f"{where} holds its addresses, names and credentials. With any AWS tool:\n")
    for name, key in (
        ("AWS_ACCESS_KEY_ID", "aws_access_key_id"),
        ("AWS_SECRET_ACCESS_KEY", "aws_secret_access_key"),
        ("AWS_DEFAULT_REGION", "aws_region"),
    ):
        read = f"import json; print(json.load(open('{where}'))['{key}'])"
        print(f'  export {name}=$(python3 -c "{read}")')
    print(
        f"  {aws} lambda invoke --function-name {function} --cli-binary-format raw-in-base64-out \\"
    )
    print("      --payload file://events/direct.json answer.json")
    print(f"  {aws} s3 ls --recursive s3://{stack.bucket}\n")
    print(f"The downloads' page, and their key:\n\n  {stack.api_url}/")
    print(f"  API_KEY=$(python3 -c \"import json; print(json.load(open('{where}'))['api_key'])\")")
    print(f'  curl -H "x-api-key: $API_KEY" {stack.api_url}/exports\n')
    for region, url in stack.kaltura.urls.items():
        print(f"Kaltura {region}: {url}")
    print("\nmake down stops it and leaves nothing behind.")


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
