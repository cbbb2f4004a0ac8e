"""Polls: stored bytes from memory, before Flask.

Nearly every request a publisher gets is a poll that finds nothing new. It is
answered here: look a document up, compare validators, send 304 or the stored
bytes. No query, no lock, no rendering. Everything else falls through.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from feedsvc.errors import StorageError
from feedsvc.rendering import ENCODINGS
from feedsvc.web.documents import Documents, Held

# From a feed's change until every worker serves it: rendering, commit, refresh.
SETTLED_SECONDS = 10

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
        self._documents = documents
        self._held = documents.held
        self._fallback = fallback
        self._max_age_seconds = max_age_seconds
        self._clock = clock

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        held = self._held.get(environ["PATH_INFO"]) or self._find(environ["PATH_INFO"])
        if held is None:
            return self._fallback(environ, start_response)
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD"):
            return _refuse_method(start_response)
        encoding = negotiate(environ.get("HTTP_ACCEPT_ENCODING"), tuple(held.bodies))
        if encoding is None:
            return _refuse_encoding(method, start_response)
        instant = self._clock().timestamp()
        now = int(instant)
        headers = [
            ("ETag", held.etag(encoding)),
            ("Cache-Control", f"public, max-age={self._max_age(held, instant)}"),
            ("Vary", "Accept-Encoding"),
            ("Access-Control-Allow-Origin", "*"),
        ]
        # Never later than Date (RFC 9110 section 8.8.2.1), never earlier than it
        # was: where a clock set back leaves neither, the ETag alone decides.
        if held.updated <= now:
            headers.append(("Last-Modified", held.last_modified))
        if is_current(held, environ, now):
            start_response("304 Not Modified", headers)
            return []
        body = held.bodies[encoding]
        headers += [
            ("Content-Type", held.content_type),
            ("Content-Length", str(len(body))),
            ("X-Content-Type-Options", "nosniff"),
        ]
        if encoding != "identity":
            headers.append(("Content-Encoding", encoding))
        start_response("200 OK", headers)
        return [] if method == "HEAD" else [body]

    def _find(self, path_info: str) -> Held | None:
        try:
            return self._documents.find(path_info)
        except StorageError:
            return None  # the page of its address says so

    def _max_age(self, held: Held, instant: float) -> int:
        if held.next_due is None:
            return self._max_age_seconds
        # Rounded down: no cache may still have it when the next article is due.
        return max(0, min(self._max_age_seconds, math.floor(held.next_due - instant)))


def is_current(held: Held, environ: Environ, now: int) -> bool:
    """Whether the client's copy is the current one (RFC 9110 section 13.2.2).

    If-None-Match wins over If-Modified-Since.
    """
    etags = environ.get("HTTP_IF_NONE_MATCH")
    if etags is not None:
        digests = _digests(etags) if len(etags) <= _LONGEST_KEPT else _digests_of(etags)
        return held.digest in digests or "*" in digests
    since = environ.get("HTTP_IF_MODIFIED_SINCE")
    if since is None:
        return False
    instant = _http_instant(since)
    # A date in the future is invalid and ignored (section 13.1.3).
    if instant is None or instant > now:
        return False
    # What we gave; or a date of the reader's own, so long after the change that it
    # cannot have been answered with what was there before.
    return instant == held.updated or instant >= held.updated + SETTLED_SECONDS


# Strangers choose these headers, so only short ones are remembered, and of longer
# ones no more is read than an honest client would send.
_LONGEST_KEPT = 300
_LONGEST_READ = 8_000

_TAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s,"]+)')
# Proxies that compress on the way mark the tag: Apache and others.
_PROXY_SUFFIX = re.compile(r"(?:(?:--?|;)(?:gzip|br|zstd|deflate))+$")
_LONGEST_TAG = 200


def _digests_of(header: str) -> frozenset[str]:
    """What the tags of If-None-Match begin with.

    Weak comparison (RFC 9110 section 8.8.3.2): ``W/`` is put on by proxies too.
    Tags without quotes, seen in the field, count.
    """
    found = set()
    for quoted, bare in _TAG.findall(header[:_LONGEST_READ]):
        tag = quoted or bare.removeprefix("W/")
        if len(tag) > _LONGEST_TAG:
            continue  # none of ours, and the pattern below would take its time
        tag = _PROXY_SUFFIX.sub("", tag)
        if quoted and tag == "*":
            continue
        found.add(tag)
    return frozenset(found)


_digests = lru_cache(maxsize=4096)(_digests_of)


def _http_instant(text: str) -> int | None:
    # The longest of the three forms (RFC 9110 section 5.6.7) has 33 characters.
    return _parsed_http_date(text) if len(text) <= 64 else None


@lru_cache(maxsize=4096)
def _parsed_http_date(text: str) -> int | None:
    try:
        instant = parsedate_to_datetime(text)
        if instant.tzinfo is None:  # "-0000", or the asctime form: both mean UTC
            instant = instant.replace(tzinfo=UTC)
        return int(instant.timestamp())
    except (TypeError, ValueError, OverflowError):
        return None


def negotiate(accept: str | None, available: tuple[str, ...]) -> str | None:
    """The content coding to send (RFC 9110 section 12.5.3), or None.

    Of those equally welcome a compressed one is taken. None where the client
    refuses even identity.
    """
    if accept is None:
        return "identity"
    if len(accept) > _LONGEST_KEPT:
        return _negotiated(accept[:_LONGEST_READ], available)
    return _remembered(accept, available)


def _negotiated(accept: str, available: tuple[str, ...]) -> str | None:
    quality: dict[str, float] = {}
    for part in accept.split(","):
        coding, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if coding:
            quality["gzip" if coding == "x-gzip" else coding] = _quality(parameters)
    best, best_quality = None, 0.0
    for encoding in (*(one for one in available if one != "identity"), "identity"):
        if encoding == "identity":
            # Welcome unless refused, but behind any coding that was asked for.
            fallback = quality.get("*", 1.0) if quality.get("*") == 0 else 0.001
            weight = quality.get("identity", fallback)
        else:
            weight = quality.get(encoding, quality.get("*", 0.0))
        if weight > best_quality:
            best, best_quality = encoding, weight
    return best


_remembered = lru_cache(maxsize=1024)(_negotiated)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def _refuse_method(start_response: StartResponse) -> list[bytes]:
    body = b"A feed is read with GET or HEAD.\n"
    start_response(
        "405 Method Not Allowed",
        [
            ("Allow", "GET, HEAD"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
        ],
    )
    return [body]


def _refuse_encoding(method: str, start_response: StartResponse) -> list[bytes]:
    body = f"Accept-Encoding refuses every coding there is: {', '.join(ENCODINGS)}.\n".encode()
    start_response(
        "406 Not Acceptable",
        [
            ("Vary", "Accept-Encoding"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
        ],
    )
    return [] if method == "HEAD" else [body]
