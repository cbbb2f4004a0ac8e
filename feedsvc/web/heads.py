"""Heads of requests; that of a plain poll is read at one glance.

What readers send is nearly always plain: GET or HEAD, a path, HTTP/1.1, no body. Such a
head is a poll when it is matched here in full; whatever is not is nobody's fault yet, and
httptools reads it. What is matched here httptools reads the same way, which is tested.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import httptools

from feedsvc.web.polls import Asked, asked

MOST_FIELDS = 100


class Poll(NamedTuple):
    """A request for a path, as its head says. Nothing of the document is in it.

    :param path: as PEP 3333 has it.
    :param forwarded: X-Forwarded-For.
    :param end: what the connection adds to the reply, with the empty line.
    :param is_last: the connection closes after it.
    """

    path: str
    method: str
    asked: Asked
    forwarded: str
    end: bytes
    is_last: bool


# RFC 9112 sections 3 and 5, without what is rare: octets that are encoded, other forms of
# target. Each part is taken whole or not at all, so that nothing is tried twice.
_PLAIN = re.compile(
    rb"(GET|HEAD) (/[!$&-;=@-Z_a-z~]*+)(?:\?[!$-;=?-Z_a-z~]*+)? HTTP/1\.1"
    rb"(\r\n(?:[!#-'*+.^_`|~0-9A-Za-z-]++:[\t -~\x80-\xff]*+\r\n)++)\r\n"
)
_FIELDS = re.compile(
    rb"(?i)\r\n(host|connection|if-none-match|if-modified-since|accept-encoding|a-im"
    rb"|x-forwarded-for"
    rb"|content-length|transfer-encoding|expect|upgrade):[ \t]*+([^\r\n]*)"
)
# RFC 3986 section 3.2.2 and a port: without commas, which join two of them.
_HOST = re.compile(rb"[!$&-+.0-;=A-Z_a-z~\[\]%-]*")
_ORDINARY = {
    b"host",
    b"connection",
    b"if-none-match",
    b"if-modified-since",
    b"accept-encoding",
    b"a-im",
    b"x-forwarded-for",
}

KEEPS = b"\r\n"
CLOSES = b"connection: close\r\n\r\n"


def plain_poll(head: bytes) -> Poll | None:
    """The poll that exactly these bytes are, or None."""
    found = _PLAIN.fullmatch(head)
    if found is None:
        return None
    method, path, block = found.groups()
    if block.count(b"\n") > MOST_FIELDS + 1:
        return None
    pairs = _FIELDS.findall(block)
    fields = {name.lower(): value for name, value in pairs}
    # Twice the same field, or one that changes how the message is read.
    if len(fields) != len(pairs) or not fields.keys() <= _ORDINARY:
        return None
    connection = fields.get(b"connection", b"keep-alive").rstrip(b" \t").lower()
    if b"host" not in fields or connection not in (b"keep-alive", b"close"):
        return None
    if not is_host(fields[b"host"]):
        return None
    is_last = connection == b"close"
    return Poll(
        path.decode(),
        method.decode(),
        conditions(fields),
        forwarded(fields),
        CLOSES if is_last else KEEPS,
        is_last,
    )


def is_host(value: bytes) -> bool:
    """Whether Host names one (RFC 9112 section 3.2); empty it may be."""
    return _HOST.fullmatch(value.strip(b" \t")) is not None


def conditions(fields: dict[bytes, bytes]) -> Asked:
    """Those fields that decide, of all by their names in small letters."""
    return asked(
        _text(fields.get(b"if-none-match")),
        _text(fields.get(b"if-modified-since")),
        _text(fields.get(b"accept-encoding")),
        _text(fields.get(b"a-im")),
    )


def forwarded(fields: dict[bytes, bytes]) -> str:
    """For whom a proxy asks, as it says."""
    return _text(fields.get(b"x-forwarded-for")) or ""


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1").rstrip(" \t")


def joined(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The fields by name; of those that are there twice the values in a row (RFC 9110 5.3)."""
    fields = dict(headers)
    if len(fields) < len(headers):
        fields.clear()
        for name, value in headers:
            fields[name] = fields[name] + b"," + value if name in fields else value
    return fields


def target(url: bytes) -> tuple[bytes, bytes] | None:
    """Path and query of a request's target (RFC 9112 section 3.2); None: it is none."""
    if url[:1] == b"/":
        if b"?" not in url and b"#" not in url:
            return url, b""
        path, _, query = url.partition(b"#")[0].partition(b"?")
        return path, query
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        return None
    return parsed.path or b"/", parsed.query or b""


def path_info(raw_path: bytes) -> str:
    """As the documents are named: octets decoded, each one a character."""
    return (unquote_to_bytes(raw_path) if b"%" in raw_path else raw_path).decode("latin-1")
