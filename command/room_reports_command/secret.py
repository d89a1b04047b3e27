"""``room-reports secret``: set Kaltura's credentials after trying them, or check those in use."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError

from room_reports.errors import ConfigurationError
from room_reports.kaltura.credentials import Credentials, parse_secret
from room_reports.model.regions import Region
from room_reports_command.context import Context, with_context
from room_reports_command.errors import InputError, KalturaRefusedError
from room_reports_command.kaltura import Failure, Trial, try_credentials
from room_reports_command.output import Output, table
from room_reports_command.prompts import ask
from room_reports_command.stack import DeployedStack

app = typer.Typer(no_args_is_help=True, help="Kaltura's credentials, in AWS Secrets Manager.")

_FORMS = {
    "app-token": ("partner_id", "app_token_id", "app_token"),
    "admin-secret": ("partner_id", "admin_secret", "user_id"),
    "ks": ("ks",),
}
"""The fields of each form of credentials, in the order in which they are asked for."""
_HIDDEN = ("app_token", "admin_secret", "ks")
_OPTIONAL = ("user_id",)
_Regions = Annotated[
    str | None, typer.Option("--regions", help="Regions, separated by commas; default: all.")
]


@dataclass(frozen=True)
class _Result:
    """What was tried, and whether it was saved."""

    saved: bool
    trials: tuple[Trial, ...]

    def to_dict(self) -> dict[str, Any]:
        return {"saved": self.saved, "regions": [asdict(trial) for trial in self.trials]}


@app.command(name="set")
@with_context
def set_secret(
    context: Context,
    regions: _Regions = None,
    file: Annotated[
        str | None,
        typer.Option("--file", help="Read the secret as JSON from a file, or from stdin with -."),
    ] = None,
) -> None:
    """Ask for credentials, try them against Kaltura, and save them only if they work.

    Regions that are not given keep what they have.
    """
    stack = context.stack
    chosen = _chosen(stack, regions)
    if file is not None:
        entries = _from_file(file, chosen)
    elif sys.stdin.isatty():
        entries = {region.name: _ask(region) for region in chosen}
    else:
        raise InputError(
            "There is no terminal to type the credentials on.",
            "Give them as JSON: room-reports secret set --file - < secret.json",
        )
    text = json.dumps({**_current(stack), **entries})
    trials = _try(stack, chosen, _parsed(text, chosen), context.output)
    refused = [trial for trial in trials if not trial.works]
    if not refused:
        # Read again: a key may have been made while the credentials were tried.
        text = json.dumps({**_current(stack), **entries})
        stack.secrets.put_secret_value(SecretId=stack.outputs["SecretArn"], SecretString=text)
    _show(context.output, _Result(not refused, trials))
    if refused:
        raise KalturaRefusedError(f"The secret was not saved: {_causes(refused)}", _cure(refused))


@app.command()
@with_context
def check(context: Context, regions: _Regions = None) -> None:
    """Try the credentials in the secret against Kaltura, for each region."""
    stack = context.stack
    chosen = _chosen(stack, regions)
    trials = _try(stack, chosen, _parsed(read_secret(stack), chosen), context.output)
    _show(context.output, _Result(saved=False, trials=trials))
    if refused := [trial for trial in trials if not trial.works]:
        raise KalturaRefusedError(_causes(refused), _cure(refused))


def read_secret(stack: DeployedStack) -> str:
    """Return the text of the secret.

    Raises:
        InputError: If it has no value yet.
    """
    try:
        found = stack.secrets.get_secret_value(SecretId=stack.outputs["SecretArn"])
    except ClientError as error:
        if error.response["Error"].get("Code") != "ResourceNotFoundException":
            raise
        raise InputError("The secret has no value yet.", "Run room-reports secret set.") from error
    return found["SecretString"]


def _current(stack: DeployedStack) -> Mapping[str, Any]:
    """Return the entries that the secret has now; none if it has no value, or is not JSON."""
    try:
        value = json.loads(read_secret(stack))
    except (InputError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _chosen(stack: DeployedStack, names: str | None) -> tuple[Region, ...]:
    known = {region.name: region for region in stack.settings.regions}
    if names is None:
        return tuple(known.values())
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    if not chosen or (unknown := [name for name in chosen if name not in known]):
        wrong = ", ".join(unknown) if chosen else "no region"
        raise InputError(
            f"--regions names {wrong}, but the stack has {', '.join(known)}.",
            "Correct --regions, or add the region to the parameter KalturaRegions.",
        )
    return tuple(known[name] for name in dict.fromkeys(chosen))


def _from_file(file: str, chosen: tuple[Region, ...]) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        entries = json.loads(text)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        # The error of json quotes nothing of the text.
        raise InputError(
            f"The secret in {file} is not JSON.", "See docs/credentials.md for an example."
        ) from error
    if not isinstance(entries, dict):
        raise InputError("The secret is not a JSON object with an entry for each region.")
    return {region.name: entries[region.name] for region in chosen if region.name in entries}


def _ask(region: Region) -> dict[str, Any]:
    """Ask for one region's credentials on the terminal; secrets are not echoed."""
    typer.echo(f"\nRegion {region.name} ({region.base_url})", err=True)
    while True:
        form = ask(f"  Form ({', '.join(_FORMS)})", default="app-token")
        if form in _FORMS:
            break
        typer.echo(f"  Write one of: {', '.join(_FORMS)}", err=True)
    entry: dict[str, Any] = {}
    for name in _FORMS[form]:
        optional = name in _OPTIONAL
        value = ask(
            f"  {name}{' (not shown)' if name in _HIDDEN else ''}",
            default="" if optional else None,
            hidden=name in _HIDDEN,
        )
        if value or not optional:
            entry[name] = int(value) if name == "partner_id" and value.isdigit() else value
    return entry


def _parsed(text: str, chosen: tuple[Region, ...]) -> Mapping[str, Credentials]:
    try:
        return parse_secret(text, chosen)
    except ConfigurationError as error:
        raise InputError(
            ". ".join(f"{problem[0].upper()}{problem[1:]}" for problem in error.problems),
            "See docs/credentials.md, and run room-reports secret set.",
        ) from error


def _try(
    stack: DeployedStack,
    regions: Iterable[Region],
    credentials: Mapping[str, Credentials],
    output: Output,
) -> tuple[Trial, ...]:
    trials = []
    for region in regions:
        if output.interactive:
            output.note(f"Trying {region.name} …")
        trials.append(try_credentials(stack.settings, region, credentials[region.name]))
    return tuple(trials)


def _show(output: Output, result: _Result) -> None:
    output.result(
        result.to_dict(),
        lambda: [
            table(
                ("region", "partner", "credentials", "result"),
                [(each.region, each.partner_id, each.form, each.found) for each in result.trials],
            ),
            *(["The secret was saved. The next run uses it."] if result.saved else []),
        ],
    )


_CAUSES = {
    Failure.CREDENTIALS: "did not accept the credentials",
    Failure.NO_RESPONSE: "could not be asked whether it accepts the credentials",
    Failure.REFUSED: "refused a request",
}


def _causes(refused: Sequence[Trial]) -> str:
    """Return why trials failed, as a sentence."""
    causes = []
    for failure, cause in _CAUSES.items():
        if regions := [trial.region for trial in refused if trial.failure is failure]:
            causes.append(f"Kaltura in {' and '.join(regions)} {cause}")
    return f"{'; '.join(causes)}."


def _cure(refused: Sequence[Trial]) -> str:
    """Return what to do about the first trial that needs more than another attempt."""
    for trial in refused:
        if trial.failure is Failure.CREDENTIALS:
            return f"Correct them, then run {trial.cure}. See docs/credentials.md."
    for trial in refused:
        if trial.failure is Failure.REFUSED:
            return f"See {trial.cure}."
    return "Run the command again later. See what is wrong: room-reports doctor"
