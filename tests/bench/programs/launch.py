"""Run a command and print what it used, as JSON: seconds, CPU seconds, and peak memory in MiB.

It imports next to nothing, because Linux counts the memory of the process that starts another one
as memory of the other. The peak is that of the largest process of the command.
"""

import json
import os
import sys
import time


def main() -> None:
    """Run the command that the arguments are."""
    begun = time.perf_counter()
    child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
    _, status, used = os.wait4(child, 0)
    seconds = time.perf_counter() - begun
    figures = {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": seconds,
        "cpu": used.ru_utime + used.ru_stime,
        "mib": used.ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(figures))


if __name__ == "__main__":
    main()
