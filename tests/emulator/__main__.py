"""Run the emulator until SIGTERM.

The first line on standard output, a JSON object, says where it is; its log goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

from moto import settings as moto_settings

from tests.emulator import server
from tests.emulator.authority import Authority
from tests.emulator.settings import Settings


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0, the default: any that is free")
    parser.add_argument("--enforce-iam", action="store_true", help="from the start")
    parser.add_argument(
        "--retry-seconds", type=int, default=1, help="after which a failed message comes back"
    )
    parser.add_argument(
        "--without-shims", action="store_true", help="moto as it is: to show what it lacks"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    folder = Path(tempfile.mkdtemp(prefix="facepipe-emulator-"))
    settings = Settings(folder, Authority.make(), retry_seconds=arguments.retry_seconds)
    try:
        listening = server.make(settings, arguments.port, with_shims=not arguments.without_shims)
        if arguments.enforce_iam:
            moto_settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            # shutdown() waits for serve_forever(), which this very thread runs.
            signal.signal(number, lambda *_: threading.Thread(target=listening.shutdown).start())
        where = {
            "url": settings.url,
            "device_url": f"https://{settings.device_address}",
            "ca_file": str(folder / "ca.pem"),
        }
        print(json.dumps(where), flush=True)
        listening.serve_forever()
    except RuntimeError as error:
        sys.exit(f"emulator: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
