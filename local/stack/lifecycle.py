"""Start a local stack in its own directory, and stop it and remove everything it wrote."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local.stack.aws import Aws
from local.stack.deployment import STACK_NAME, build, deploy
from local.stack.ministack_patches import (
    allow_local_page,
    allow_plain_http,
    set_api_responses,
)
from local.stack.process import Process, StackError
from local.stack.servers import Kaltura, start_aws, start_kaltura
from local.stack.stack import Stack
from local.stack.template import load_template

Progress = Callable[[str], None]
_SIMULATION = ("--regions", "us,eu", "--seed", "7", "--rooms", "12")


def up(
    directory: Path,
    parameters: Mapping[str, str],
    kaltura: Kaltura | None = None,
    simulation: tuple[str, ...] = _SIMULATION,
    progress: Progress = lambda _: None,
) -> Stack:
    """Start a stack in ``directory``, which must not exist.

    Without ``kaltura``, start the simulated one with the options ``simulation``. If anything
    fails, nothing is left running and nothing is left on disk.

    Raises:
        StackError: If a step fails; says which.
    """
    directory.mkdir(mode=0o700, parents=True)
    try:
        return _up(directory, parameters, kaltura, simulation, progress)
    except BaseException:
        down(directory)
        raise


def _up(
    directory: Path,
    parameters: Mapping[str, str],
    kaltura: Kaltura | None,
    simulation: tuple[str, ...],
    progress: Progress,
) -> Stack:
    processes: list[Process] = []

    def started(process: Process) -> None:
        processes.append(process)
        _write(directory / "processes.json", [each.to_dict() for each in processes])

    _write(directory / "processes.json", [])
    progress("Starting the local AWS")
    account = start_aws(directory, started)
    if kaltura is None:
        progress("Starting the simulated Kaltura")
        kaltura = start_kaltura(directory, started, *simulation)
    progress("Building the template with sam build, unless nothing changed")
    build()
    progress("Deploying it with sam deploy")
    outputs = deploy(
        account.administrator, {"KalturaRegions": kaltura.regions, **parameters}, directory
    )
    allow_plain_http(account.root)
    allow_local_page(account.administrator, outputs["BucketName"])
    api = load_template()["Resources"]["Api"]["Properties"]
    set_api_responses(account.administrator, api["DefinitionBody"])
    stack = Stack(STACK_NAME, account.administrator, outputs, kaltura)
    progress("Putting the secret in place")
    stack.put_secret(kaltura.secret)
    _write(directory / "stack.json", stack.to_dict())
    return stack


def replace(
    directory: Path,
    parameters: Mapping[str, str],
    kaltura: Kaltura | None = None,
    simulation: tuple[str, ...] = _SIMULATION,
    progress: Progress = lambda _: None,
) -> Stack:
    """Start a stack in ``directory``, after removing what a stack that has stopped left there.

    Raises:
        StackError: If a stack is running there, or if the new one cannot be started.
    """
    if running(directory):
        raise StackError("A local stack is already running. Stop it with make down.")
    if down(directory):
        progress("Removed what a stack that is not running any more had left")
    return up(directory, parameters, kaltura, simulation, progress)


def running(directory: Path) -> bool:
    """Return whether the stack in ``directory`` was started and all its servers still run."""
    processes = _processes(directory)
    return (
        (directory / "stack.json").exists()
        and bool(processes)
        and all(process.alive() for process in processes)
    )


def down(directory: Path) -> bool:
    """Stop the stack in ``directory`` and remove the directory; return whether there was one.

    Raises:
        StackError: If the local stack did not make the directory.
    """
    if not directory.exists():
        return False
    if any(directory.iterdir()) and not (directory / "processes.json").exists():
        raise StackError(f"{directory} was not made by the local stack, so it is not removed")
    for process in reversed(_processes(directory)):
        process.stop()
    shutil.rmtree(directory)
    return True


@contextmanager
def local_stack(
    parameters: Mapping[str, str] | None = None,
    kaltura: Kaltura | None = None,
    simulation: tuple[str, ...] = _SIMULATION,
    progress: Progress = lambda _: None,
) -> Iterator[Stack]:
    """Run a stack for the duration of a ``with`` block; it is independent of any other."""
    with tempfile.TemporaryDirectory(prefix="room-reports-") as parent:
        directory = Path(parent) / "stack"
        stack = up(directory, parameters or {}, kaltura, simulation, progress)
        try:
            yield stack
        finally:
            down(directory)


def attach(directory: Path) -> Stack:
    """Return the stack that runs in ``directory``, without Kaltura's credentials."""
    known = json.loads((directory / "stack.json").read_text(encoding="utf-8"))
    aws = Aws(
        known.pop("aws_endpoint_url"),
        known.pop("aws_access_key_id"),
        known.pop("aws_secret_access_key"),
        region=known.pop("aws_region"),
    )
    name, urls = known.pop("stack_name"), known.pop("kaltura")
    del known["api_url"], known["api_key"]
    return Stack(name, aws, known, Kaltura(urls, {}))


def _processes(directory: Path) -> list[Process]:
    path = directory / "processes.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return [Process(**process) for process in known]


def _write(path: Path, value: object) -> None:
    """Write JSON atomically, so that only the owner can read it."""
    partial = path.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
