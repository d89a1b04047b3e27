"""A handler that imports what the functions depend on, and does nothing."""

from typing import Any

import aws_lambda_powertools
import boto3
import requests

USED = (aws_lambda_powertools, boto3, requests)


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Do nothing."""
    return {}
