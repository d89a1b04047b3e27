"""The policy in the bucket."""

from room_reports_command.errors import InputError, StackError
from room_reports_command.reference.policy import POLICY_KEY, Policy, parse_policy, policy_line
from room_reports_command.reference.store import ReferenceStore, Stored


def read_policy(store: ReferenceStore) -> tuple[Policy, Stored | None]:
    """Return the policy in force, and the object that it is in; no settings if there is none.

    Raises:
        StackError: If the object is not a policy.
    """
    found = store.read(POLICY_KEY)
    if found is None:
        return {}, None
    try:
        return parse_policy(found.body.decode(errors="replace"), POLICY_KEY), found
    except InputError as error:
        raise StackError(
            error.cause, "Replace it: room-reports reference policy set policy.json"
        ) from error


def replaced_policy(store: ReferenceStore) -> tuple[Policy, Stored | None]:
    """Return the policy that will be replaced as a whole; no settings if it is not a policy."""
    try:
        return read_policy(store)
    except StackError:
        return {}, store.read(POLICY_KEY)


def write_policy(store: ReferenceStore, policy: Policy, seen: Stored | None) -> None:
    """Write the policy as the one line that its table needs.

    Raises:
        StackError: If another program changed it meanwhile.
    """
    store.replace(POLICY_KEY, policy_line(policy).encode(), "application/json", seen)
