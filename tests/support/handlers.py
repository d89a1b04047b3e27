"""Loads the Lambda functions' handlers from their folders, as the Lambda runtime does."""

import importlib.util
from pathlib import Path
from types import ModuleType

from aws_lambda_powertools.utilities.typing import LambdaContext

_FUNCTIONS = Path(__file__).parents[2] / "functions"


class Context(LambdaContext):
    """The context of one invocation, with the longest possible time left."""

    def __init__(self, function: str, request_id: str = "00000000-0000-4000-8000-000000000000"):
        self._function_name = function
        self._memory_limit_in_mb = 1024
        self._invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function}"
        self._aws_request_id = request_id

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """Return the full 15 minutes."""
        return 900_000


def load_app(function: str, folder: Path | None = None) -> ModuleType:
    """Return a new copy of a function's ``app`` module, as after a cold start.

    Args:
        folder: where the function was built to; by default its sources.
    """
    path = (folder or _FUNCTIONS / function) / "app.py"
    spec = importlib.util.spec_from_file_location(f"{function}_app", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
