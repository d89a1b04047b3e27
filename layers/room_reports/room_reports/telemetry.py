"""The logger and the metrics that everything shares."""

from aws_lambda_powertools import Logger, Metrics

logger = Logger()
metrics = Metrics(namespace="KalturaRoomReports")
