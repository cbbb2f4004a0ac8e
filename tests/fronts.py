"""Both ways in which a poll arrives, to ask the same of each.

``by_wsgi`` calls the front as a WSGI server does. ``ProtocolServer`` is our own protocol on
a real socket, in a thread of this process, with seconds that pass when they are told to.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import uvicorn
import uvloop
from uvicorn.server import ServerState

from feedsvc.web.connections import PollConnection, connections
from feedsvc.web.front import Front
from feedsvc.web.pages import Pages
from feedsvc.web.protocol import PollProtocol, sweep

# What the server adds, and not the front.
OF_THE_SERVER = {"date", "connection", "server"}


@dataclass
class Answer:
    """A response; its headers' names in small letters."""

    status: str
    headers: dict[str, str]
    body: bytes
    names: list[str] = field(default_factory=list)


def by_wsgi(front: Any, method: str, path: str, query: str, headers: Mapping[str, str]) -> Answer:
    """One request, called; the validator checks both sides against PEP 3333."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }
    setup_testing_defaults(environ)
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, given: list[tuple[str, str]], *_: object) -> Any:
        started.append((status, given))
        return lambda data: None

    parts = validator(front)(environ, start_response)
    try:
        body = b"".join(parts)
    finally:
        parts.close()  # type: ignore[attr-defined]
    ((status, given),) = started
    return _answer(status, given, body)


def by_protocol(
    server: ProtocolServer,
    front: Front,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
) -> Answer:
    """The same over a connection of its own."""
    server.front = front
    target = f"{path}?{query}" if query else path
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    sent = "".join(f"{line}\r\n" for line in lines) + "\r\n"
    return parse(server.exchange(sent.encode("latin-1")))


def parse(received: bytes) -> Answer:
    """One response, its body to the end of the connection."""
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(": ") for line in lines]
    return _answer(first.partition(" ")[2], [(name, value) for name, _, value in pairs], body)


def _answer(status: str, pairs: Iterable[tuple[str, str]], body: bytes) -> Answer:
    ours = [(name, value) for name, value in pairs if name not in OF_THE_SERVER]
    return Answer(status, dict(ours), body, [name for name, _ in ours])


class ProtocolServer:
    """Our protocol on a port of its own, in a thread, in front of any front.

    :param front: may be put in another's place between connections.
    """

    def __init__(self, front: Front | None = None, *, largest_body: int = 100_000) -> None:
        self.front = front
        self._largest_body = largest_body
        self._pages: Pages | None = None
        self._loop = uvloop.new_event_loop()
        self.state = ServerState()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> ProtocolServer:
        self._thread.start()
        self.port: int = self.run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        async def close() -> None:
            self._server.close()
            for one in list(self.state.connections):
                one.transport.abort()
            await asyncio.sleep(0.01)

        self.run(close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, coroutine: Any) -> Any:
        """Its result, from the server's thread."""
        found: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return found.result(30)

    async def _listen(self) -> int:
        listening = socket.create_server(("127.0.0.1", 0))
        self._server = await self._loop.create_server(self._connection, sock=listening)
        return int(listening.getsockname()[1])

    @property
    def connections(self) -> list[PollProtocol]:
        """Those that are open and more than polls."""
        return [one for one in self.state.connections if isinstance(one, PollProtocol)]

    def _connection(self) -> PollConnection:
        assert self.front is not None
        # One for all connections, as in a worker.
        if self._pages is None or self._pages._app is not self.front:
            self._pages = Pages(self.front, largest_body=self._largest_body)
        pages = self._pages
        config = uvicorn.Config(
            pages,
            http=connections(self.front),  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
        )
        config.load()
        made: PollConnection = config.http_protocol_class(  # type: ignore[call-arg, assignment]
            config=config, server_state=self.state, app_state={}, _loop=self._loop
        )
        return made

    def pass_seconds(self, seconds: int) -> None:
        """Sweep as often as it would have been done meanwhile."""

        async def passing() -> None:
            for _ in range(seconds):
                sweep(self.state.connections)

        self.run(passing())

    def connect(self) -> socket.socket:
        """A connection, with a time limit for whatever is waited for on it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def exchange(self, *pieces: bytes) -> bytes:
        """What comes back for these bytes until the server closes."""
        with self.connect() as connection:
            for piece in pieces:
                connection.sendall(piece)
            return read_to_end(connection)


def read_to_end(connection: socket.socket) -> bytes:
    """Everything until the other side closes."""
    received = b""
    while piece := connection.recv(65_536):
        received += piece
    return received
