"""What was measured, as ``make cost`` wrote it."""

import json
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).with_name("measured.json")


def measured() -> dict[str, Any]:
    """Return the measurements by the name of the profile; see tests/bench/cost.py."""
    found: dict[str, Any] = json.loads(MEASURED.read_text(encoding="utf-8"))
    return found
