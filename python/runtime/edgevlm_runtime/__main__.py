"""`python -m edgevlm_runtime versions | serve`."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version

from .connection import Connection, Requests
from .failure import as_failure
from .protocol import Error

PACKAGES = ("torch", "transformers", "pillow", "accelerate", "bitsandbytes")


def versions() -> dict[str, str | None]:
    """Of what the runtime uses; None where it is missing. Imports nothing, so it takes no time."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def main() -> None:
    if sys.argv[1:] == ["versions"]:
        print(json.dumps(versions()))
    elif sys.argv[1:] == ["serve"]:
        connection = Connection()
        requests = Requests(sys.stdin.buffer, connection)
        requests.start()
        start = time.perf_counter()
        try:
            from .serve import serve
        # Packages that do not fit together raise all sorts of things.
        except Exception as error:  # noqa: BLE001
            connection.send(Error(None, "LOAD_ERROR", str(as_failure(error))))
        else:
            serve(connection, requests, (time.perf_counter() - start) * 1000)
        # The reading thread waits for a line, and Python would wait for it.
        os._exit(0)
    else:
        sys.exit(__doc__)


main()
