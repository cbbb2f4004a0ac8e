"""The system's clock, watched: it may be set back, and readers have its dates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

Clock = Callable[[], datetime]

# More than a clock is ever moved by who keeps it right all the time, and longer than
# between two looks at it.
NOTABLE = timedelta(seconds=1)
# Readers that were given dates further ahead than this send them in vain for as long:
# a date in the future is ignored. Until then their next polls have brought others.
FURTHEST = timedelta(days=1)


class WatchedClock:
    """A clock that remembers the latest instant it has shown.

    :param clock: gives the current instant (aware, UTC).
    :param latest: what it has shown before this process, if that is known.
    """

    def __init__(self, clock: Clock, latest: datetime | None = None) -> None:
        self._clock = clock
        self.latest = latest or clock()

    def __call__(self) -> datetime:
        """The current instant."""
        now = self._clock()
        if now > self.latest or now < self.latest - FURTHEST:
            self.latest = now
        return now

    def stamp(self) -> datetime:
        """The instant of what changes now: now, or where that has been before, later.

        A reader may send as If-Modified-Since the date at which it last asked. While
        the clock shows an hour for the second time, what changes in it must not be
        stamped with a date at which readers were given what was there before.
        """
        now = self()
        return now if now >= self.latest else self.latest + NOTABLE

    def is_set_back(self) -> bool:
        """Whether it shows what it has shown before."""
        return self() < self.latest - NOTABLE
