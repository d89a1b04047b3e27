"""Collects these tests only where PySpark is, which is the environment of ``make test-hive``."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("pyspark") else ["test_*.py"]
