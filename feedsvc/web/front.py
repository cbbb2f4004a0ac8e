"""Polls by WSGI: stored bytes from memory, before Flask.

The plain way, under any WSGI server; ``protocol`` is the faster one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

import structlog

from feedsvc.errors import StorageError
from feedsvc.web.access import Access, AccessLog
from feedsvc.web.allowance import Allowance
from feedsvc.web.clients import IPNetwork, is_in, nearest_client
from feedsvc.web.documents import Documents, Held
from feedsvc.web.polls import Asked, Reply, answer, asked, too_often
from feedsvc.web.tally import Tally

log = structlog.get_logger("feedsvc.web")

# What brings a feed's content, all of it or what is new.
_WITH_CONTENT = (b"200", b"226")
# Behind one address that says that it asks for others.
READERS_OF_A_PROXY = 20
# Strangers may pretend to ask for others.
MOST_REPORTED = 5

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]


class Front:
    """The WSGI application that the server calls.

    :param documents: what polls are answered from.
    :param fallback: what answers everything else.
    :param max_age_seconds: how long caches may keep a feed, at most.
    :param clock: gives the current instant.
    :param allowance: how often a client may have a feed in full.
    :param trusted_proxies: who may say for whom it asks.
    :param access: where answers are noted, if anywhere.
    """

    def __init__(
        self,
        documents: Documents,
        fallback: WsgiApp,
        *,
        max_age_seconds: int,
        clock: Callable[[], datetime],
        allowance: Allowance | None = None,
        trusted_proxies: tuple[IPNetwork, ...] = (),
        access: AccessLog | None = None,
    ) -> None:
        self.documents = documents
        self.held = documents.held
        self.fallback = fallback
        self.max_age_seconds = max_age_seconds
        self._aged_seconds = 0
        self.clock = clock
        self.tally = Tally()
        self.access = access
        self._allowance = allowance or Allowance(0)
        self._trusted = trusted_proxies
        self._unnamed: set[str] = set()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        path = environ["PATH_INFO"]
        held = self.held.get(path) or self._find(path)
        if held is None:
            return self.fallback(environ, start_response)
        conditions = asked(
            environ.get("HTTP_IF_NONE_MATCH"),
            environ.get("HTTP_IF_MODIFIED_SINCE"),
            environ.get("HTTP_ACCEPT_ENCODING"),
            environ.get("HTTP_A_IM"),
        )
        head, body = self.reply(
            held,
            path,
            environ["REQUEST_METHOD"],
            conditions,
            self.clock().timestamp(),
            environ.get("HTTP_X_FORWARDED_FOR", ""),
            _remote_address,
            environ,
        )
        status, fields = as_wsgi(head)
        start_response(status, list(fields))
        return [body] if body else []

    def go_by(self, max_age_seconds: int, longest_seconds: int) -> None:
        """Let caches keep feeds for so long from now on.

        :param longest_seconds: what they were told before by whomever, if that was longer.
        """
        # What they were given before they may have for as long as it said then.
        self._aged_seconds = max(self._aged_seconds, self.max_age_seconds, longest_seconds)
        self.max_age_seconds = max_age_seconds

    def reply(
        self,
        held: Held,
        path: str,
        method: str,
        asked: Asked,
        instant: float,
        forwarded: str,
        address_of: Callable[[Any], str],
        source: Any,
    ) -> Reply:
        """What to send for a poll, however it arrived; counted and noted.

        :param instant: now, in seconds since 1970.
        :param forwarded: for whom the client says that it asks.
        :param address_of: whom the connection is with, of ``source``. Asked only where it
            matters: most polls need not know.
        """
        head, body = answer(held, method, asked, instant, self.max_age_seconds, self._aged_seconds)
        if method == "GET" and head[9:12] in _WITH_CONTENT:
            refused = self._refused(path, address_of(source), forwarded)
            head, body = refused or (head, body)
        self.tally.note(path, head, body)
        if self.access is not None:
            client = nearest_client(address_of(source), forwarded, self._trusted)
            status = int(head[9:12])
            self.access.note(Access(instant, client, method, path, status, len(body)))
        return head, body

    def _refused(self, path: str, address: str, forwarded: str) -> Reply | None:
        """What a client is told instead that took this feed too often; else None."""
        client = nearest_client(address, forwarded, self._trusted)
        weight = 1.0
        if forwarded and not is_in(address, self._trusted):
            # A proxy that was not named, or somebody who wants to be taken for one.
            self._report_unnamed(address)
            weight = 1 / READERS_OF_A_PROXY
        seconds = self._allowance.take(client, path, time.monotonic(), weight)
        return too_often(seconds) if seconds else None

    def _report_unnamed(self, address: str) -> None:
        if len(self._unnamed) < MOST_REPORTED and address not in self._unnamed:
            self._unnamed.add(address)
            log.warning("asks for others, but is not named in trusted_proxies", address=address)

    def _find(self, path_info: str) -> Held | None:
        try:
            return self.documents.find(path_info)
        except StorageError:
            return None  # the page of its address says so


def _remote_address(environ: Environ) -> str:
    return str(environ.get("REMOTE_ADDR", ""))


@lru_cache(maxsize=1024)
def as_wsgi(head: bytes) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The status and the fields of a reply's head, as PEP 3333 has them."""
    first, *lines = head.decode("latin-1").split("\r\n")[:-1]
    fields = [line.partition(": ") for line in lines]
    return first.partition(" ")[2], tuple((name, value) for name, _, value in fields)
