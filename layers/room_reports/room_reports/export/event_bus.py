"""EventBridge: sending notifications, which must never hold up or fail an export."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from room_reports.aws.clients import aws_client
from room_reports.export.notifications import BATCH, SOURCE, Notification, Send
from room_reports.telemetry import logger

if TYPE_CHECKING:
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=2, read_timeout=5
)


def open_event_bus(name: str) -> Send:
    """Return what sends to the event bus of this name, with the credentials of the environment.

    The client is made when there is something to send, because that takes longer than a run in
    which nothing is due.
    """
    made: list[EventBridgeClient] = []

    def client() -> "EventBridgeClient":
        if not made:
            made.append(aws_client("events", CONFIG))
        return made[0]

    return lambda notifications: send(client, name, notifications)


def send(
    client: "Callable[[], EventBridgeClient]", bus: str, notifications: Sequence[Notification]
) -> list[Notification]:
    """Send notifications in batches, and return those that were not accepted.

    Nothing is raised. After a call that failed as a whole, nothing more is tried.
    """
    unsent: list[Notification] = []
    for place in range(0, len(notifications), BATCH):
        batch = notifications[place : place + BATCH]
        try:
            results = client().put_events(Entries=[_entry(bus, each) for each in batch])["Entries"]
        except (ClientError, BotoCoreError) as error:
            logger.error("Could not send notifications", event_bus=bus, error=str(error))
            return [*unsent, *notifications[place:]]
        refused = [
            (notification, result)
            for notification, result in zip(batch, results, strict=True)
            if "ErrorCode" in result
        ]
        for notification, result in refused:
            logger.error(
                "A notification was refused",
                notification=notification.detail_type,
                code=result["ErrorCode"],
                reason=result.get("ErrorMessage"),
            )
            unsent.append(notification)
    return unsent


def _entry(bus: str, notification: Notification) -> "PutEventsRequestEntryTypeDef":
    return {
        "EventBusName": bus,
        "Source": SOURCE,
        "DetailType": notification.detail_type,
        "Detail": json.dumps(notification.detail, ensure_ascii=False, separators=(",", ":")),
    }
