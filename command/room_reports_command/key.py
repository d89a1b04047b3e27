"""``room-reports key``: API keys for readers, so that each has one of their own."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time
from typing import Annotated

import typer

from room_reports.model.errors import WindowError
from room_reports.model.readers import Reader, Readers
from room_reports.model.windows import iso, parse_date
from room_reports_command.context import Context, with_context
from room_reports_command.errors import InputError
from room_reports_command.output import table
from room_reports_command.readers import add_readers, mark_revoked, read_readers
from room_reports_command.stack import DeployedStack

app = typer.Typer(no_args_is_help=True, help="API keys for readers: one for each.")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._ -]{0,99}")
_Name = Annotated[str, typer.Argument(help="Who the key is for, such as an email address.")]


@dataclass(frozen=True)
class ReaderKey:
    """An API key of the stack's usage plan, without its value."""

    name: str
    id: str
    created_at: str
    enabled: bool
    of_the_stack: bool
    """Whether the stack made it; such a key cannot be revoked here."""
    expires_at: str = ""
    """ISO 8601 in UTC; empty for a key without an expiry."""
    expired: bool = False

    @property
    def state(self) -> str:
        """What ``key list`` shows."""
        state = "enabled" if self.enabled else "disabled"
        if self.enabled and self.expired:
            state = "expired"
        return f"{state}, of the stack" if self.of_the_stack else state

    @property
    def reader(self) -> Reader:
        """The entry of the list of readers for a key that the list does not have."""
        return Reader(self.id, self.name, self.created_at)


@app.command()
@with_context
def create(
    context: Context,
    name: _Name,
    *,
    expires: Annotated[
        str,
        typer.Option(
            metavar="DATE", help="The key is refused from 00:00 UTC of this date on: YYYY-MM-DD."
        ),
    ] = "",
) -> None:
    """Make a key for a reader, and print it. It is not shown again by this command."""
    now = datetime.now(UTC)
    expires_at = _expiry(expires, now)
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is not a name for a key.",
            "Use up to 100 letters, digits, spaces and @._- and begin with a letter or digit.",
        )
    stack = context.stack
    present = keys(stack)
    if any(each.name == name for each in present):
        raise InputError(
            f"There is a key with the name {name!r} already.",
            f"Choose another name, or revoke it first: room-reports key revoke {name!r}",
        )
    made = stack.api_gateway.create_api_key(
        name=name, description=f"Reader of {stack.name}", enabled=True
    )
    reader = Reader(made["id"], name, iso(now), expires_at)
    try:
        # The list first: with the usage plan, the key is accepted.
        add_readers(stack, [*(each.reader for each in present), reader])
        stack.api_gateway.create_usage_plan_key(
            usagePlanId=_plan(stack), keyId=made["id"], keyType="API_KEY"
        )
    except BaseException:
        stack.api_gateway.delete_api_key(apiKey=made["id"])
        raise
    value = made.get("value") or stack.api_gateway.get_api_key(
        apiKey=made["id"], includeValue=True
    ).get("value", "")
    document = {
        "name": name,
        "id": made["id"],
        "value": value,
        "expires_at": expires_at,
        "api_url": stack.api_url,
    }

    def lines() -> Iterator[str]:
        yield value

    context.output.result(document, lines)
    context.output.note(
        f"This is the key of {name}. Send it over a safe channel: it is not shown again. "
        f"Readers open {stack.api_url}/ and paste it there."
        + (f" It is refused from {expires_at} on." if expires_at else "")
    )


@app.command(name="list")
@with_context
def list_keys(context: Context) -> None:
    """List the keys, without their values."""
    found = keys(context.stack, read_readers(context.stack), datetime.now(UTC))
    context.output.result(
        [asdict(each) for each in found],
        lambda: [
            table(
                ("name", "id", "created", "expires", "state"),
                [
                    (each.name, each.id, each.created_at, each.expires_at[:10] or "-", each.state)
                    for each in found
                ],
            )
        ],
    )


@app.command()
@with_context
def revoke(
    context: Context, name: Annotated[str, typer.Argument(help="Name or id of the key.")]
) -> None:
    """Delete a key. Links that were handed out with it expire on their own.

    Its name stays in the list of readers, for what the log says of the key.
    """
    stack = context.stack
    matching = [each for each in keys(stack) if name in (each.name, each.id)]
    if not matching:
        raise InputError(f"There is no key {name!r}.", "List the keys: room-reports key list")
    if len(matching) > 1:
        ids = ", ".join(each.id for each in matching)
        raise InputError(f"Several keys have the name {name!r}.", f"Give one of the ids: {ids}")
    (found,) = matching
    if found.of_the_stack:
        raise InputError(
            "This is the key that the stack made. If it were deleted here, the stack could not be "
            "updated.",
            "Make a key for each reader instead: room-reports key create NAME",
        )
    try:
        mark_revoked(stack, found.reader, datetime.now(UTC))
    finally:
        # Whatever happens to the list, the key ends.
        stack.api_gateway.delete_usage_plan_key(usagePlanId=_plan(stack), keyId=found.id)
        stack.api_gateway.delete_api_key(apiKey=found.id)
    context.output.result({"revoked": asdict(found)}, lambda: [f"Revoked the key of {found.name}."])


def keys(
    stack: DeployedStack, readers: Readers | None = None, now: datetime | None = None
) -> list[ReaderKey]:
    """Return the keys of the stack's usage plan by name; their values are not requested.

    Args:
        readers: The list of readers, which has the expiry of each key.
        now: When it is decided which keys have expired; with ``readers``.
    """
    pages = stack.api_gateway.get_paginator("get_usage_plan_keys").paginate(
        usagePlanId=_plan(stack)
    )
    found = []
    for page in pages:
        for each in page["items"]:
            try:
                details = stack.api_gateway.get_api_key(apiKey=each["id"], includeValue=False)
            except stack.api_gateway.exceptions.NotFoundException:
                continue  # deleted meanwhile
            created = details.get("createdDate")
            reader = (readers or {}).get(each["id"])
            found.append(
                ReaderKey(
                    name=details.get("name", ""),
                    id=each["id"],
                    created_at=f"{created:%Y-%m-%d}" if created else "",
                    enabled=details.get("enabled", True),
                    of_the_stack=each["id"] == stack.outputs["ApiKeyId"],
                    expires_at=reader.expires_at if reader else "",
                    expired=bool(reader and now and reader.refused(now)),
                )
            )
    return sorted(found, key=lambda each: (each.name, each.id))


def _expiry(text: str, now: datetime) -> str:
    """Return the moment from which a key is refused; empty for none.

    Raises:
        InputError: If the text is no date, or the date is not in the future.
    """
    if not text:
        return ""
    try:
        moment = datetime.combine(parse_date(text), time(), UTC)
    except WindowError as error:
        raise InputError(f"--expires: {error}", "Give a date such as 2027-07-31.") from error
    if moment <= now:
        raise InputError(
            f"A key that expires on {text} at 00:00 UTC would never be accepted.",
            "Give a date in the future.",
        )
    return iso(moment)


def _plan(stack: DeployedStack) -> str:
    return stack.resources["UsagePlan"]
