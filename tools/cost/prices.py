"""The list prices and quotas of AWS that everything here is computed with."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DATA: dict[str, Any] = json.loads(Path(__file__).with_name("prices.json").read_text("utf-8"))
REGION: str = _DATA["region"]
DATE: str = _DATA["date"]
"""When the list was looked up."""


@dataclass(frozen=True)
class Price:
    """A price in US dollars for ``per`` units."""

    price: float
    per: int
    unit: str
    source: str
    """The page of AWS that has the current price."""

    def of(self, quantity: float) -> float:
        """Return the price of ``quantity`` units, in US dollars."""
        return quantity / self.per * self.price


@dataclass(frozen=True)
class Quota:
    """How many resources of a type one AWS account may have, in one AWS region."""

    name: str
    default: int
    adjustable: bool
    source: str


PRICES = {name: Price(**price) for name, price in _DATA["prices"].items()}
QUOTAS = {kind: Quota(**quota) for kind, quota in _DATA["quotas"].items()}
"""By the type of resource."""
