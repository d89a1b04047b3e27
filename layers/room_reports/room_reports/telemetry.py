"""The logger and the metrics that the functions share."""

from aws_lambda_powertools import Logger, Metrics

NAMESPACE = "KalturaRoomReports"

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)
