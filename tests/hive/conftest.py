"""Collects these tests only if PySpark is installed, as it is for ``make test-hive``."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("pyspark") else ["test_*.py"]
