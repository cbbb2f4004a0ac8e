"""The workers of one service on one machine tell each other that feeds changed.

Without it they would notice by asking the database, as they do for what other machines,
commands and children change.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One worker's place among them.

    :param hears: the end of its own pipe; read by whoever has the place, so that while a
        worker is renewed, the other one of the two may miss it, and asks.
    :param others: the ends of the others' pipes.
    """

    hears: int
    others: tuple[int, ...]

    def tell(self) -> None:
        """Let the others know."""
        for one in self.others:
            # Full: that one has been told already. Broken: it cannot be, we hold both ends.
            with suppress(BlockingIOError):
                os.write(one, b"1")

    def told(self) -> Iterator[None]:
        """Wait for each time the others say so, several at once being one."""
        while os.read(self.hears, 4096):
            yield


# Nobody to tell, and nobody who tells.
ALONE = Neighbour(-1, ())


def neighbours(count: int) -> list[Neighbour]:
    """One for each worker, to be made before they are forked."""
    pipes = [os.pipe() for _ in range(count)]
    for _, writes in pipes:
        os.set_blocking(writes, False)
    return [
        Neighbour(
            reads, tuple(writes for other, (_, writes) in enumerate(pipes) if other != number)
        )
        for number, (reads, _) in enumerate(pipes)
    ]
