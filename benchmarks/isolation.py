"""How long polls wait while something else is being worked on in the same process."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import quantiles

from benchmarks.articles import CATEGORY, body
from benchmarks.publishing import ACCOUNT, Browser
from benchmarks.servers import HOST, RunningServer

POLLS = 2_000
PAUSE_SECONDS = 0.001
TRICKLING = 12


@dataclass(frozen=True, slots=True)
class Waiting:
    """Milliseconds from sending a poll to its 304."""

    beside: str
    median: float
    most: float
    worst: float


def measure(server: RunningServer, path: str, browser: Browser) -> list[Waiting]:
    """Polls, one after another on one connection, beside each kind of work."""
    return [
        poll(server, path, "nothing else", lambda: None),
        poll(server, path, "a sign-in, password hashed", lambda: sign_in(server)),
        poll(server, path, "pages", lambda: fetch(server, "/")),
        poll(server, path, "an article published", lambda: publish(browser)),
        *trickle(server, path),
    ]


def poll(server: RunningServer, path: str, beside: str, work: Callable[[], None]) -> Waiting:
    """Poll while ``work`` is done again and again by another client."""
    with _repeated(work):
        return _waiting(beside, _poll(server, path))


def trickle(server: RunningServer, path: str) -> list[Waiting]:
    """Poll while forms are begun and not ended."""
    head = (
        f"POST /editor/sign-in HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5000\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\na"
    )
    with ExitStack() as stack:
        for _ in range(TRICKLING):
            one = stack.enter_context(socket.create_connection((HOST, server.port)))
            one.sendall(head.encode())
        return [_waiting(f"{TRICKLING} forms that trickle", _poll(server, path))]


@contextmanager
def _repeated(work: Callable[[], None]) -> Iterator[None]:
    ended = threading.Event()

    def run() -> None:
        while not ended.is_set():
            work()
            time.sleep(PAUSE_SECONDS)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _poll(server: RunningServer, path: str) -> list[float]:
    sent = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nIf-None-Match: *\r\n\r\n".encode()
    taken = []
    with socket.create_connection((HOST, server.port), timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(POLLS):
            begun = time.perf_counter()
            connection.sendall(sent)
            connection.recv(65_536)
            taken.append((time.perf_counter() - begun) * 1000)
            time.sleep(PAUSE_SECONDS)
    return taken


def _waiting(beside: str, taken: Sequence[float]) -> Waiting:
    parts = quantiles(taken, n=100)
    return Waiting(beside, parts[49], parts[98], max(taken))


def fetch(server: RunningServer, path: str) -> None:
    """One page."""
    server.get(path, {})


def sign_in(server: RunningServer) -> None:
    """The editor's, once more; the password is hashed each time."""
    browser = Browser(server)
    try:
        path, fields = browser.form("/editor/sign-in")
        browser.send(path, fields | ACCOUNT)
    finally:
        browser.connection.close()


def publish(browser: Browser) -> None:
    """One article into the feed that is polled."""
    path, fields = browser.form("/editor/new")
    text = body(random.Random(3))  # noqa: S311 - nothing secret about it
    browser.send(
        path,
        fields | {"title": "Beside polls", "category": CATEGORY, "body": text, "action": "publish"},
    )
