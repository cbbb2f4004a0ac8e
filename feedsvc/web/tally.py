"""What polls were answered: counted for almost nothing, told where metrics are read."""

from __future__ import annotations


class Tally:
    """Counts since they were last taken away.

    Noted by whoever answers, taken away by another thread once a second. No lock: what
    is noted in the very moment of taking may be lost, once in a long while.
    """

    def __init__(self) -> None:
        self._polls: dict[tuple[str, bytes], int] = {}
        self._bytes: dict[str, int] = {}

    def note(self, path: str, head: bytes, body: bytes) -> None:
        """Count one answer.

        :param path: a feed's address, as PEP 3333 has it.
        :param head: begins with its status line.
        """
        polls, key = self._polls, (path, head[9:12])
        polls[key] = polls.get(key, 0) + 1
        if body:
            sizes = self._bytes
            sizes[path] = sizes.get(path, 0) + len(body)

    def take(self) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
        """(path, status) -> polls, and path -> bytes of bodies, since the last time."""
        polls, self._polls = self._polls, {}
        sizes, self._bytes = self._bytes, {}
        return {(path, status.decode()): n for (path, status), n in dict(polls).items()}, dict(
            sizes
        )
