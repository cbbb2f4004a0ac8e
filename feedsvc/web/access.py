"""The access log: noted where it is answered, written by a tick, off the polls' path."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

# Of more than these within a second the first are dropped: a reader never waits for a log.
MOST_WAITING = 200_000
STANDARD_OUTPUT = "-"


class Access(NamedTuple):
    """One request, as it was answered.

    :param instant: in seconds since 1970.
    """

    instant: float
    client: str
    method: str
    path: str
    status: int
    size: int


class AccessLog:
    """Requests that wait to be written, in the Common Log Format.

    :param target: a file, or ``-`` for standard output. Opened for each writing, so that
        it can be moved away by whoever rotates logs.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._waiting: deque[Access] = deque(maxlen=MOST_WAITING)
        self.note: Callable[[Access], None] = self._waiting.append

    def check(self) -> None:
        """Make sure that it can be written.

        :raises OSError: it cannot.
        """
        if self._target != STANDARD_OUTPUT:
            with Path(self._target).open("a", encoding="utf-8"):
                pass

    def write(self) -> None:
        """Write what was noted since the last time."""
        lines = []
        while self._waiting:
            lines.append(_line(self._waiting.popleft()))
        if not lines:
            return
        if self._target == STANDARD_OUTPUT:
            sys.stdout.write("".join(lines))
            sys.stdout.flush()
        else:
            with Path(self._target).open("a", encoding="utf-8") as file:
                file.write("".join(lines))


def _line(one: Access) -> str:
    when = datetime.fromtimestamp(one.instant, UTC)
    # Octets as PEP 3333 has them; what would end a line or a field is escaped.
    path = one.path.encode("latin-1", "replace").decode("utf-8", "backslashreplace")
    path = path.encode("unicode_escape").decode().replace('"', "%22")
    day = f"{when.day:02d}/{_MONTHS[when.month - 1]}/{when:%Y:%H:%M:%S} +0000"
    return (
        f'{one.client or "-"} - - [{day}] "{one.method} {path} HTTP/1.1" {one.status} {one.size}\n'
    )


# Not strftime's, which go by the locale.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
