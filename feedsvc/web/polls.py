"""How a poll is answered: which bytes, given the document, the conditions and the time.

Nearly every request a publisher gets is a poll that finds nothing new. What decides it
is here, pure, for both ways in which a poll arrives: ``front`` (WSGI) and ``protocol``
(our own HTTP). No query, no lock, no rendering.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from math import floor, inf
from typing import NamedTuple

from feedsvc.rendering import ENCODINGS
from feedsvc.web.documents import Held

# From a feed's change until every worker serves it: rendering, commit, refresh.
SETTLED_SECONDS = 10
# How long a cache may go on giving out what it has while nobody answers it here.
STALE_IF_ERROR_SECONDS = 86_400

# Status line and fields, each line ended, without what belongs to the connection (Date,
# Connection) and without the empty line; and the content.
Reply = tuple[bytes, bytes]


class Asked(NamedTuple):
    """What a poll says of the copy it has and of the codings it takes.

    :param digests: what the tags of If-None-Match begin with; None where it has none.
    :param since: If-Modified-Since in seconds since 1970; None also for one that is no date.
    :param takes_delta: whether only what is new to it will do (RFC 3229, ``A-IM: feed``).
    """

    digests: frozenset[str] | None
    since: int | None
    accept_encoding: str | None
    takes_delta: bool = False


def asked(
    if_none_match: str | None,
    if_modified_since: str | None,
    accept_encoding: str | None,
    a_im: str | None = None,
) -> Asked:
    """The conditions as the header fields of these names have them."""
    digests = None
    if if_none_match is not None:
        is_short = len(if_none_match) <= _LONGEST_KEPT
        digests = _digests(if_none_match) if is_short else _digests_of(if_none_match)
    since = None if if_modified_since is None else _http_instant(if_modified_since)
    takes_delta = a_im is not None and _names_feed(a_im)
    return Asked(digests, since, accept_encoding, takes_delta)


def _names_feed(a_im: str) -> bool:
    """Whether ``feed`` is among the instance manipulations (RFC 3229 section 10.5.3)."""
    for one in a_im[:_LONGEST_READ].split(","):
        name, *parameters = (piece.strip().lower() for piece in one.split(";"))
        if name == "feed":
            return _quality(parameters) > 0
    return False


def answer(
    held: Held,
    method: str,
    asked: Asked,
    instant: float,
    max_age_seconds: int,
    aged_seconds: int = 0,
) -> Reply:
    """What to send.

    :param instant: now, in seconds since 1970.
    :param max_age_seconds: how long caches may keep a feed, at most.
    :param aged_seconds: the longest that they were told earlier, if that was longer.
    """
    if method != "GET" and method != "HEAD":
        return _PREFLIGHT if method == "OPTIONS" else _METHOD_REFUSED
    encoding = negotiate(asked.accept_encoding, held.encodings)
    if encoding is None:
        return _ENCODING_REFUSED if method == "GET" else (_ENCODING_REFUSED[0], b"")
    now = int(instant)
    coded = held.coded[encoding]
    is_unchanged = is_current(held, asked, now, max(max_age_seconds, aged_seconds))
    if asked.takes_delta and asked.digests and not is_unchanged:
        delta = held.delta(asked.digests, encoding)
        if delta is not None:
            head = _dated(held, delta.found, now)
            return head, b"" if method == "HEAD" else delta.body
    head = _dated(held, coded.not_modified if is_unchanged else coded.found, now)
    head += _cache_control(held.next_due, instant, max_age_seconds)
    return head, b"" if is_unchanged or method == "HEAD" else coded.body


def _dated(held: Held, head: bytes, now: int) -> bytes:
    # Never later than Date (RFC 9110 section 8.8.2.1), never earlier than it was:
    # where a clock set back leaves neither, the ETag alone decides.
    return head.replace(held.last_modified_line, b"") if held.updated > now else head


def is_current(held: Held, asked: Asked, now: int, max_age_seconds: int) -> bool:
    """Whether the client's copy is the current one (RFC 9110 section 13.2.2).

    If-None-Match wins over If-Modified-Since.

    :param max_age_seconds: how long a cache may have given out what was there before, and
        once more while it asked for something newer.
    """
    if asked.digests is not None:
        return held.digest in asked.digests or "*" in asked.digests
    since = asked.since
    # A date in the future is invalid and ignored (section 13.1.3).
    if since is None or since > now:
        return False
    # What we gave, unless it is also a date at which this worker still gave out what was
    # there before; or a date of the reader's own, so long after the change that it cannot
    # have been answered with that.
    is_ours = since == held.updated and held.older_until <= held.updated
    return is_ours or since >= held.updated + SETTLED_SECONDS + 2 * max_age_seconds


def _cache_control(next_due: int | None, instant: float, most: int) -> bytes:
    # No cache may still have it when the next article is due, not even as a stale copy:
    # rounded down, and a second less, because caches count whole ones from whenever they
    # got it.
    left = inf if next_due is None else floor(next_due - instant) - 1
    fresh = max(0, min(most, left))
    stale = max(0, left - fresh)
    return _cache_control_line(fresh, min(fresh, stale), min(STALE_IF_ERROR_SECONDS, stale))


@lru_cache(maxsize=1024)
def _cache_control_line(fresh: int, while_asking: int, if_error: int) -> bytes:
    """RFC 9111 section 5.2.2 and RFC 5861: for so many seconds each, one after the other."""
    line = f"cache-control: public, max-age={fresh}"
    if while_asking:
        line += f", stale-while-revalidate={while_asking}, stale-if-error={if_error}"
    return f"{line}\r\n".encode()


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


def _refusal(status: str, fields: Iterable[str], text: str) -> Reply:
    body = text.encode()
    lines = [
        f"HTTP/1.1 {status}",
        *fields,
        "access-control-allow-origin: *",
        "content-type: text/plain; charset=utf-8",
        f"content-length: {len(body)}",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode(), body


_METHOD_REFUSED = _refusal(
    "405 Method Not Allowed", ["allow: GET, HEAD, OPTIONS"], "A feed is read with GET or HEAD.\n"
)
_ENCODING_REFUSED = _refusal(
    "406 Not Acceptable",
    ["vary: Accept-Encoding"],
    f"Accept-Encoding refuses every coding there is: {', '.join(ENCODINGS)}.\n",
)


def too_often(seconds: int) -> Reply:
    """What a client is told that took a feed in full again and again (RFC 6585 section 4)."""
    return _refusal(
        "429 Too Many Requests",
        [f"retry-after: {seconds}", "cache-control: no-store"],
        "Ask with If-None-Match or If-Modified-Since: a poll without news is never refused.\n",
    )


# What a reader that runs in a browser asks before its first conditional poll
# (https://fetch.spec.whatwg.org/#cors-preflight-fetch).
_PREFLIGHT: Reply = (
    b"HTTP/1.1 204 No Content\r\n"
    b"allow: GET, HEAD, OPTIONS\r\n"
    b"access-control-allow-origin: *\r\n"
    b"access-control-allow-methods: GET, HEAD\r\n"
    b"access-control-allow-headers: *\r\n"
    b"access-control-max-age: 86400\r\n",
    b"",
)
