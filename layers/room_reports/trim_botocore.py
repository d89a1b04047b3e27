"""Trim botocore's data to what the functions need: the services they call, without documentation.

The layer's Makefile runs this file at each build, so it needs only Python's standard library.
botocore reads this data when the first client is made. Most of it is documentation, and the
endpoints of 400 other services.
"""

import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any

_DOCUMENTATION = ("documentation", "documentationUrl")
_NOT_READ = ("examples-1.json",)
"""Files that botocore reads only to write documentation."""


def trim(data: Path, services: frozenset[str]) -> None:
    """Remove the data of other services, and the documentation of these.

    Args:
        data: botocore's directory ``data``.

    Raises:
        ValueError: If botocore has no data of one of ``services``.
    """
    if missing := services - {path.name for path in data.iterdir()}:
        raise ValueError(f"botocore has no data of {', '.join(sorted(missing))}")
    for path in sorted(data.iterdir()):
        if path.is_dir() and path.name not in services:
            shutil.rmtree(path)
    for path in sorted(data.glob("*/*/*")):
        if path.name in _NOT_READ:
            path.unlink()
        elif path.name.startswith("service-2.json"):
            _write(path, without_documentation(_read(path)))
        elif path.suffix == ".gz":
            _write(path, _read(path))
    endpoints = data / "endpoints.json"
    _write(endpoints, with_services(_read(endpoints), services))


def without_documentation(model: Any) -> Any:
    """Return a service's model with empty texts in the place of those that describe it.

    botocore requires some of them. A shape or a member that is named like a text is not one.
    """
    if isinstance(model, dict):
        return {
            name: ""
            if name in _DOCUMENTATION and isinstance(value, str)
            else without_documentation(value)
            for name, value in model.items()
        }
    return [without_documentation(each) for each in model] if isinstance(model, list) else model


def with_services(endpoints: dict[str, Any], services: frozenset[str]) -> dict[str, Any]:
    """Return botocore's endpoints, with those of ``services`` alone."""
    partitions = [
        {
            **partition,
            "services": {
                name: service for name, service in partition["services"].items() if name in services
            },
        }
        for partition in endpoints["partitions"]
    ]
    return {**endpoints, "partitions": partitions}


def _read(path: Path) -> Any:
    content = path.read_bytes()
    return json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)


def _write(path: Path, value: Any) -> None:
    """Write ``value`` in the place of ``path``, not compressed, because the whole layer is."""
    path.unlink()
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    path.with_name(path.name.removesuffix(".gz")).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: trim_botocore.py DIRECTORY SERVICE...")
    trim(Path(sys.argv[1]), frozenset(sys.argv[2:]))
