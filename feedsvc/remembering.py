"""What was made once and may be asked for again, bounded by bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Generic, TypeVar

V = TypeVar("V")

# What a value and its key take beside what they hold.
OVERHEAD_BYTES = 500


class Remembered(Generic[V]):
    """Values by key; those asked for longest ago are forgotten first.

    For what a pure function makes: made twice at once, either is right. Safe to share
    between threads.

    :param most_bytes: what all values take together, at most.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._values: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], V], size: Callable[[V], int]) -> V:
        """The value of ``key``, made if it is not remembered.

        :param size: how many bytes a value takes. One that takes more than a tenth of
            all is not kept.
        """
        found = self._values.get(key)
        if found is not None:
            with suppress(KeyError):  # forgotten in this very moment
                self._values.move_to_end(key)
            return found[0]
        value = make()
        taken = size(value) + OVERHEAD_BYTES
        if taken <= self._most_bytes // 10:
            with self._lock:
                if key not in self._values:
                    self._values[key] = value, taken
                    self._bytes += taken
                while self._bytes > self._most_bytes:
                    _, (_, freed) = self._values.popitem(last=False)
                    self._bytes -= freed
        return value
