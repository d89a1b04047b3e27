"""Print the seconds and CPU seconds that importing the handler takes in a new interpreter."""

import importlib
import sys
import time


def main() -> None:
    """Import ``app`` from the current folder."""
    sys.path.insert(0, "")
    begun, cpu = time.perf_counter(), time.process_time()
    importlib.import_module("app")
    sys.stdout.write(f"{time.perf_counter() - begun} {time.process_time() - cpu}")


if __name__ == "__main__":
    main()
