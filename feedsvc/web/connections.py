"""A connection that only polls, which is what nearly all do: as little of it as will do.

Most readers open one for each poll. Whatever is not a plain poll that has arrived whole,
and whoever does not read what it is sent, gets the full protocol from there on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from feedsvc.web.front import Front
from feedsvc.web.protocol import (
    HEAD_SECONDS,
    IDLE_SECONDS,
    PollProtocol,
    Polls,
)


class PollConnection(asyncio.Protocol):
    """One connection.

    :param connections: all that there are, for the sweep and the end.
    :param in_full: makes the protocol that takes over.
    """

    __slots__ = ("_connections", "_in_full", "_limit", "_polls", "_seconds", "transport")

    def __init__(
        self, polls: Polls, connections: set[Any], in_full: Callable[[], PollProtocol]
    ) -> None:
        self._polls = polls
        self._connections = connections
        self._in_full = in_full
        self.transport: Any = None
        self._seconds = 0
        self._limit = HEAD_SECONDS

    def connection_made(self, transport: Any) -> None:
        """Called by the transport."""
        self.transport = transport
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Called by the transport."""
        polls = self._polls
        poll = polls.read(data)
        held = None if poll is None else polls.held.get(poll.path)
        if poll is None or held is None:
            self._hand_over().data_received(data)
            return
        polls.send(held, poll, self.transport)
        if poll.is_last:
            self.transport.close()
        self._seconds = 0
        self._limit = IDLE_SECONDS

    def pause_writing(self) -> None:
        """Called by the transport: the client does not read as fast as it asks."""
        self._hand_over().pause_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the transport."""
        self._connections.discard(self)

    def shutdown(self) -> None:
        """Called by uvicorn when the server ends."""
        self._hand_over().shutdown()

    def sweep(self, idle_seconds: int) -> None:
        """Called once a second: end it when it is idle for too long."""
        if self.transport.get_write_buffer_size():
            self._hand_over().sweep(idle_seconds)
            return
        self._seconds += 1
        if self._seconds > min(self._limit, idle_seconds):
            self.transport.close()

    def _hand_over(self) -> PollProtocol:
        """Let the full protocol go on with this connection."""
        whole = self._in_full()
        self._connections.discard(self)
        self.transport.set_protocol(whole)
        whole.connection_made(self.transport)
        return whole


def connections(front: Front) -> Callable[..., PollConnection]:
    """What makes one, for uvicorn to call with what its protocols are made of."""
    polls = Polls(front)

    def connection(**given: Any) -> PollConnection:
        in_full = partial(PollProtocol, polls, **given)
        return PollConnection(polls, given["server_state"].connections, in_full)

    return connection
