"""What to type to use a local stack that is left running."""

import os
from pathlib import Path

from local.stack.stack import Stack


def instructions(stack: Stack, directory: Path) -> str:
    """Return the commands that use the stack in ``directory``; they hold no secret."""
    where = os.path.relpath(directory / "stack.json")
    aws = f"aws --endpoint-url {stack.aws.endpoint_url}"
    regions = "\n".join(f"Kaltura {region}: {url}" for region, url in stack.kaltura.urls.items())

    def value(key: str) -> str:
        return f"$(python3 -c \"import json; print(json.load(open('{where}'))['{key}'])\")"

    return f"""\
{where} holds the addresses, names and credentials. With any AWS tool:

  export AWS_ACCESS_KEY_ID={value("aws_access_key_id")}
  export AWS_SECRET_ACCESS_KEY={value("aws_secret_access_key")}
  export AWS_DEFAULT_REGION={value("aws_region")}
  {aws} lambda invoke --function-name {stack.outputs["ExporterFunction"]} \\
      --cli-binary-format raw-in-base64-out --invocation-type Event \\
      --payload file://events/direct.json result.json
  {aws} s3 ls --recursive s3://{stack.bucket}

The web page, which asks for the API key, and the API:

  {stack.api_url}/
  API_KEY={value("api_key")}
  curl -H "x-api-key: $API_KEY" {stack.api_url}/exports
  curl -L -H "x-api-key: $API_KEY" {stack.api_url}/exports/attendees/us/day/latest.csv

{regions}

make down stops the stack and removes everything that it wrote."""
