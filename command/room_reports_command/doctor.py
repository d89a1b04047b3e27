"""Doctor."""

from room_reports_command.context import Context, with_context


@with_context
def doctor(context: Context) -> None:
    """Check."""
