"""Polls by WSGI: stored bytes from memory, before Flask.

The plain way, under any WSGI server; ``protocol`` is the faster one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from feedsvc.errors import StorageError
from feedsvc.web.documents import Documents, Held
from feedsvc.web.polls import answer, asked

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]


class Front:
    """The WSGI application that the server calls.

    :param documents: what polls are answered from.
    :param fallback: what answers everything else.
    :param max_age_seconds: how long caches may keep a feed, at most.
    :param clock: gives the current instant.
    """

    def __init__(
        self,
        documents: Documents,
        fallback: WsgiApp,
        *,
        max_age_seconds: int,
        clock: Callable[[], datetime],
    ) -> None:
        self.documents = documents
        self.held = documents.held
        self.fallback = fallback
        self.max_age_seconds = max_age_seconds
        self.clock = clock

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        held = self.held.get(environ["PATH_INFO"]) or self._find(environ["PATH_INFO"])
        if held is None:
            return self.fallback(environ, start_response)
        conditions = asked(
            environ.get("HTTP_IF_NONE_MATCH"),
            environ.get("HTTP_IF_MODIFIED_SINCE"),
            environ.get("HTTP_ACCEPT_ENCODING"),
        )
        instant = self.clock().timestamp()
        method = environ["REQUEST_METHOD"]
        head, body = answer(held, method, conditions, instant, self.max_age_seconds)
        status, fields = _as_wsgi(head)
        start_response(status, list(fields))
        return [body] if body else []

    def _find(self, path_info: str) -> Held | None:
        try:
            return self.documents.find(path_info)
        except StorageError:
            return None  # the page of its address says so


@lru_cache(maxsize=1024)
def _as_wsgi(head: bytes) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The status and the fields of a reply's head."""
    first, *lines = head.decode("latin-1").split("\r\n")[:-1]
    fields = [line.partition(": ") for line in lines]
    return first.partition(" ")[2], tuple((name, value) for name, _, value in fields)
