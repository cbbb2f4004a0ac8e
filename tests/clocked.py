"""``feedsvc`` with the clock of a file: the same service, at another hour.

Everything else is the product's own: command line, server, workers, ticks. The
file that CLOCK_FILE names holds an ISO instant; where there is none the system's
clock counts. REFRESH_SECONDS is how often it asks what others changed. Passwords are hashed
in a thousandth of the time.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from feedsvc import __main__ as command_line
from feedsvc import app
from feedsvc.config import Config
from feedsvc.neighbours import ALONE, Neighbour
from feedsvc.timestamps import utc_now
from tests import hashing as hashing


def file_clock() -> datetime:
    """The instant that the file holds."""
    try:
        text = Path(os.environ["CLOCK_FILE"]).read_text()
    except (KeyError, FileNotFoundError):
        return utc_now()
    return datetime.fromisoformat(text).astimezone(UTC)


def serve_worker(config: Config | None = None, neighbour: Neighbour = ALONE) -> app.Front:
    """What the server calls in each worker."""
    app.MODULE = "tests.clocked"
    app.REFRESH_SECONDS = float(os.environ.get("REFRESH_SECONDS", app.REFRESH_SECONDS))
    return app.serve_worker(file_clock, config, neighbour)


if __name__ == "__main__":
    command_line.utc_now = file_clock
    command_line.WORKER = "tests.clocked:serve_worker"
    sys.exit(command_line.main())
