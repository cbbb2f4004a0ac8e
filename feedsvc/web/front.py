"""Polls: stored bytes from memory, before Flask.

Nearly every request a publisher gets is a poll that finds nothing new. It is
answered here: look a document up, compare validators, send 304 or the stored
bytes. No query, no lock, no rendering. Everything else falls through.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from feedsvc.model import FeedDocument
from feedsvc.rendering import ENCODINGS
from feedsvc.storage import Storage

# From a feed's change until every worker serves it: rendering, commit, refresh.
SETTLED_SECONDS = 10

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Held:
    """One feed document as it is served.

    :param digest: what all its ETags begin with.
    :param updated: Last-Modified in seconds since 1970.
    :param next_due: when it will change by itself, in the same unit, or None.
    :param bodies: content coding -> bytes, the preferred first; always has ``identity``.
    """

    digest: str
    updated: int
    last_modified: str
    next_due: int | None
    content_type: str
    bodies: dict[str, bytes]

    def etag(self, encoding: str) -> str:
        """The strong ETag of one encoding, quoted."""
        return f'"{self.digest}"' if encoding == "identity" else f'"{self.digest}-{encoding}"'


class Documents:
    """Every feed document, in memory, as of some version of the database.

    Readers take ``held`` as it is; ``refresh`` replaces entries of it one by one,
    each whole, so a poll never waits and never sees half a document.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._version = -1
        self._refreshing = threading.Lock()
        self.held: dict[str, Held] = {}
        self._next_due: int | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether the moment has come at which a feed changes by itself."""
        return self._next_due is not None and self._next_due <= now.timestamp()

    def refresh(self) -> bool:
        """Take over what changed since the last time. Whether anything did."""
        with self._refreshing, self._storage.reading() as tx:
            version = tx.feeds.version()
            if version == self._version:
                return False
            changed = tx.feeds.documents_since(self._version)
            of_path: dict[str, list[FeedDocument]] = {}
            for document in changed:
                of_path.setdefault(document.path, []).append(document)
            for path, documents in of_path.items():
                held = _hold(documents)
                for address in (path, *documents[0].former_paths):
                    self.held[_as_path_info(address)] = held
            due = (held.next_due for held in self.held.values() if held.next_due is not None)
            self._next_due = min(due, default=None)
            self._version = version
            return True


def _as_path_info(path: str) -> str:
    """A path as PEP 3333 has it in PATH_INFO: octets decoded, each one a character."""
    return unquote_to_bytes(path).decode("latin-1")


def _hold(documents: list[FeedDocument]) -> Held:
    by_encoding = {document.encoding: document for document in documents}
    identity = by_encoding["identity"]
    return Held(
        digest=identity.etag,
        updated=int(identity.updated.timestamp()),
        last_modified=http_date(identity.updated),
        next_due=int(identity.next_due_at.timestamp()) if identity.next_due_at else None,
        content_type=f"{identity.format.media_type}; charset=utf-8",
        bodies={one: by_encoding[one].body for one in ENCODINGS if one in by_encoding},
    )


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
        self._held = documents.held
        self._fallback = fallback
        self._max_age_seconds = max_age_seconds
        self._clock = clock

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        held = self._held.get(environ["PATH_INFO"])
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


def http_date(instant: datetime) -> str:
    """IMF-fixdate (RFC 9110 section 5.6.7)."""
    return format_datetime(instant.astimezone(UTC), usegmt=True)


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
