"""The two servers of a local stack: the local AWS with IAM enforced, and the simulated Kaltura."""

import json
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local.stack.aws import Aws
from local.stack.process import Process, StackError, free_port, listens, start, tail, wait_until

ROOT = Path(__file__).parents[2]
ARTIFACTS_BUCKET = "artifacts"
"""Where the SAM CLI uploads to; samconfig.toml names it too."""

Started = Callable[[Process], None]
"""Called with each process when it has started, so that it is stopped if a later step fails."""

_START_SECONDS = 60.0
_TRIES = 5
_ADMINISTRATOR = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


@dataclass(frozen=True)
class Kaltura:
    """Where to reach Kaltura, and the credentials to put into the secret."""

    urls: dict[str, str]
    secret: dict[str, dict[str, object]]

    @property
    def regions(self) -> str:
        """The value of the template's parameter ``KalturaRegions``."""
        return ",".join(f"{region}={url}" for region, url in self.urls.items())


@dataclass(frozen=True)
class Account:
    """The account in the local AWS, with the credentials of two principals."""

    root: Aws
    administrator: Aws


def start_aws(directory: Path, started: Started) -> Account:
    """Start the local AWS on a free port of 127.0.0.1, and make an administrator in it."""
    for _ in range(_TRIES):
        port = free_port()
        root = Aws(f"http://127.0.0.1:{port}", "root", secrets.token_hex(20))
        log = directory / "aws.log"
        process = start(
            [ROOT / ".venvs/ministack/bin/python", "-P", ROOT / "local/stack/ministack_patches.py"],
            _aws_environment(directory, port, root),
            log,
            directory,
        )
        started(process)
        try:
            wait_until(partial(listens, port), process, log, _START_SECONDS)
        except StackError:
            if "already in use" in tail(log):
                continue
            raise
        return Account(root, _administrator(root))
    raise StackError("No free port was found for the local AWS.")


def start_kaltura(directory: Path, started: Started, *options: str) -> Kaltura:
    """Start the simulated Kaltura; ``options`` go to its command line."""
    log, ready = directory / "kaltura.log", directory / "kaltura.json"
    process = start(
        [sys.executable, "-m", "local.kaltura", *options, "--ready-file", ready],
        {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "layers/room_reports"))),
        },
        log,
        ROOT,
    )
    started(process)
    wait_until(lambda: ready.exists() and ready.stat().st_size > 0, process, log, _START_SECONDS)
    accounts = json.loads(ready.read_text(encoding="utf-8"))
    return Kaltura(
        {region: account["url"] for region, account in accounts.items()},
        {
            region: {key: account[key] for key in ("partner_id", "app_token_id", "app_token")}
            for region, account in accounts.items()
        },
    )


def _aws_environment(directory: Path, port: int, root: Aws) -> dict[str, str]:
    """Return an environment with only the caller's PATH, since the functions inherit it."""
    temporary = directory / "tmp"
    temporary.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(temporary),
        "TMPDIR": str(temporary),
        "STATE_DIR": str(temporary),
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": root.access_key_id,
        "AWS_SECRET_ACCESS_KEY": root.secret_access_key,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": root.region,
        "PYTHONDONTWRITEBYTECODE": "1",
        # Tests shorten the pauses of state machines.
        "SFN_WAIT_SCALE": os.environ.get("SFN_WAIT_SCALE", "1"),
    }


def _administrator(root: Aws) -> Aws:
    """Create an IAM user, since root may not do everything that the SAM CLI needs, as in AWS."""
    root.iam.create_user(UserName="administrator")
    root.iam.put_user_policy(
        UserName="administrator",
        PolicyName="everything",
        PolicyDocument=json.dumps(_ADMINISTRATOR),
    )
    key = root.iam.create_access_key(UserName="administrator")["AccessKey"]
    administrator = Aws(root.endpoint_url, key["AccessKeyId"], key["SecretAccessKey"])
    administrator.s3.create_bucket(Bucket=ARTIFACTS_BUCKET)
    return administrator
