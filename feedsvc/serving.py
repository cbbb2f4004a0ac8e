"""``feedsvc serve``: where it listens, and what each of its processes runs."""

from __future__ import annotations

import asyncio
import errno
import gc
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module

import uvicorn
from granian.constants import Interfaces
from granian.server import Server

from feedsvc.config import Config, ServerConfig
from feedsvc.errors import CannotListen, ConfigError
from feedsvc.neighbours import Neighbour, neighbours
from feedsvc.supervisor import Place, Supervisor
from feedsvc.web import Front
from feedsvc.web.application import LARGEST_FORM_BYTES, LARGEST_UPLOAD_BYTES
from feedsvc.web.connections import connections
from feedsvc.web.metrics import forget_process
from feedsvc.web.pages import Pages
from feedsvc.web.protocol import sweep

# Of the plain way: threads of each worker; polls take one for some microseconds.
BLOCKING_THREADS = 4
DRAIN_SECONDS = 5
# How long a thread that renders keeps Python's lock from the event loop, at most.
SWITCH_SECONDS = 0.0005
BACKLOG = 2048
# A port that is taken for longer is somebody else's.
TAKEN_SECONDS = 2

MakeReady = Callable[[Config], None]


def listening_address(host: str, port: int) -> tuple[socket.AddressFamily, str]:
    """The IP address to listen on, which nobody else listens on.

    Workers share the port, so two services on one port would both start, and each get a
    part of the requests.

    :raises CannotListen: names the setting and the mend.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise CannotListen(f"server.host: {host!r} is no address: {error}") from error
    family, _, _, _, place = sorted(found, key=lambda one: one[0] is not socket.AF_INET)[0]
    try:
        _probe(family, place)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotListen(
                f"port {port} of {host} is taken by another program. Stop it, or choose"
                f" another port: feedsvc serve --port {port % 65535 + 1}, or"
                f" FEEDSVC_SERVER_PORT={port % 65535 + 1} make serve"
            ) from error
        raise CannotListen(f"cannot listen on port {port} of {host!r}: {error.strerror}") from error
    return family, str(place[0])


def _probe(family: socket.AddressFamily, place: object) -> None:
    """Listen there for a moment.

    A service that was killed is gone when its last process is, which may take a moment.
    """
    deadline = time.monotonic() + TAKEN_SECONDS
    while True:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(place)  # type: ignore[arg-type]
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                    raise
            else:
                return
        time.sleep(0.1)


# The plain way


def serve_wsgi(config: Config, worker: str) -> int:
    """Serve by granian until SIGTERM or SIGINT.

    :param worker: ``module:name`` of what makes the application in each process.
    """
    _, address = listening_address(config.server.host, config.server.port)
    server = Server(
        worker,
        factory=True,
        interface=Interfaces.WSGI,
        address=address,
        port=config.server.port,
        workers=config.server.workers,
        blocking_threads=BLOCKING_THREADS,
        respawn_failed_workers=True,
        workers_kill_timeout=DRAIN_SECONDS,
        websockets=False,
        log_level="warning",  # type: ignore[arg-type]
        process_name=None,
    )
    server.serve()
    return 0


# Our own


def serve_protocol(
    config: Config, worker: str, *, read_config: Callable[[], Config], make_ready: MakeReady
) -> int:
    """Serve by our own protocol until SIGTERM or SIGINT.

    :param read_config: asked again for SIGHUP.
    :param make_ready: brings the database to what a new configuration says.
    """
    sockets = _listen(config.server)
    places = neighbours(config.server.workers)

    def renew() -> Callable[[Place], None]:
        new = read_config()
        _check_listening(config.server, new.server)
        return partial(_work, new, worker, sockets, places, make_ready)

    def let_go() -> None:
        for one in sockets:
            one.close()

    work = partial(_work, config, worker, sockets, places, make_ready)
    return Supervisor(
        work, config.server.workers, renew=renew, let_go=let_go, on_gone=forget_process
    ).run()


def _listen(server: ServerConfig) -> list[socket.socket]:
    """One socket for each worker: the system shares connections out among them.

    They stay open here, so that while a worker is replaced its connections wait for the
    next one.
    """
    family, address = listening_address(server.host, server.port)
    sockets = []
    for _ in range(server.workers):
        one = socket.socket(family, socket.SOCK_STREAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind((address, server.port))
        one.listen(BACKLOG)
        sockets.append(one)
    return sockets


def _check_listening(ours: ServerConfig, new: ServerConfig) -> None:
    faults = [
        f"server.{name}: {getattr(new, name)!r} instead of {getattr(ours, name)!r} needs a restart"
        for name in ("host", "port", "workers", "front")
        if getattr(new, name) != getattr(ours, name)
    ]
    if faults:
        raise ConfigError(faults)


def _work(
    config: Config,
    worker: str,
    sockets: list[socket.socket],
    places: list[Neighbour],
    make_ready: MakeReady,
    place: Place,
) -> None:
    """One worker, from its fork to SIGTERM."""
    for number, one in enumerate(sockets):
        if number != place.number:
            one.close()
    if place.step != "serve":
        make_ready(config)
    if place.step == "settle":
        return
    module, _, name = worker.partition(":")
    serve_worker = getattr(import_module(module), name)
    front: Front = serve_worker(config=config, neighbour=places[place.number])
    sys.setswitchinterval(SWITCH_SECONDS)
    # A connection is a file: as many as the system allows, not as few as a shell is given.
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    # What lives as long as the process is not looked through for garbage again and again.
    gc.collect()
    gc.freeze()
    _PollServer(front, place).run(sockets=[sockets[place.number]])
    if front.access is not None:
        front.access.write()


class _PollServer(uvicorn.Server):
    """uvicorn's, with our protocol, our signals, and an end when the supervisor is gone."""

    def __init__(self, front: Front, place: Place) -> None:
        pages = Pages(front, largest_body=LARGEST_FORM_BYTES, largest_upload=LARGEST_UPLOAD_BYTES)
        super().__init__(
            uvicorn.Config(
                pages,
                http=connections(front),  # type: ignore[arg-type]
                ws="none",
                loop="uvloop",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                # Who is behind a proxy ``services.client_address`` says.
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=DRAIN_SECONDS - 1,
            )
        )
        self._place = place

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn, in the loop."""
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._place.lifeline, self._on_alone)
        loop.call_later(1, self._sweep)
        self._place.is_up()

    def _on_alone(self) -> None:
        asyncio.get_running_loop().remove_reader(self._place.lifeline)
        self.should_exit = True

    def _sweep(self) -> None:
        asyncio.get_running_loop().call_later(1, self._sweep)
        sweep(self.server_state.connections)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Called by uvicorn, which would also answer to SIGINT and raise both again."""
        signal.signal(signal.SIGTERM, self.handle_exit)
        yield
