"""How often one client may have one feed in full.

A reader that asks with what it has gets 304 and costs nothing; it is never counted. One
that takes the whole document again and again, far more often than there is news, is told
when to come back (RFC 6585 section 4).
"""

from __future__ import annotations

from math import ceil

from feedsvc.web.clients import subscriber

# Whole documents that a client may take at once before it has to wait: a reader's first
# look, its several formats, the people behind one address.
BURST = 60
# So many clients and feeds are remembered, twice: strangers choose how many there are.
MOST_REMEMBERED = 50_000


class Allowance:
    """What each client has taken of each feed lately. Used by one thread at a time, or by
    several: two that count at the same moment may let one document too many through.

    A client's debt is one number, the instant at which it will be paid off (the generic
    cell rate algorithm, ITU-T I.371 annex A). Debts that are paid are forgotten.

    :param an_hour: how many documents are paid off in an hour; 0 counts nobody.
    """

    def __init__(self, an_hour: int) -> None:
        self._seconds_each = 3600 / an_hour if an_hour else 0.0
        self._most_owed = BURST * self._seconds_each
        self._owed: dict[tuple[str, str], float] = {}
        # The debts before the last turn, until they are paid: nothing is walked through.
        self._earlier: dict[tuple[str, str], float] = {}
        self._turn_at = 0.0

    def take(self, client: str, path: str, now: float, weight: float = 1.0) -> int:
        """Count one whole document; 0, or the seconds after which to come back.

        :param now: seconds of a clock that is never set back.
        :param weight: what part of one it counts.
        """
        if not self._seconds_each:
            return 0
        if now >= self._turn_at or len(self._owed) >= MOST_REMEMBERED:
            self._earlier, self._owed = self._owed, {}
            self._turn_at = now + self._most_owed
        key = (subscriber(client), path)
        paid_at = max(self._owed.get(key) or self._earlier.get(key, 0.0), now)
        paid_at += self._seconds_each * weight
        if paid_at - now > self._most_owed:
            # Refused, so not counted: who goes on asking need not wait longer for it.
            return ceil(paid_at - now - self._most_owed)
        self._owed[key] = paid_at
        return 0
