"""Documents for programs that are made when asked for: validators, 304, gzip."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass

from flask import Response, request

from feedsvc.rendering import CODINGS, IDENTITY
from feedsvc.web.polls import negotiate

_GZIP = "gzip"
# What a cache may give out without asking: for so long a change may go unseen.
FRESH_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Made:
    """A document as it is kept and sent.

    :param digest: what its ETags begin with.
    :param packed: in gzip.
    """

    digest: str
    packed: bytes


def made(body: bytes) -> Made:
    """A document of these bytes."""
    return Made(hashlib.sha256(body).hexdigest()[:32], CODINGS[_GZIP](body))


def answered(document: Made, content_type: str, *, fresh_seconds: int = FRESH_SECONDS) -> Response:
    """The document, or 304 where the client has it (RFC 9110 section 13.1.2)."""
    accepted = request.headers.get("Accept-Encoding")
    coding = negotiate(accepted, (_GZIP, IDENTITY)) or IDENTITY
    etag = document.digest if coding == IDENTITY else f"{document.digest}-{coding}"
    if request.if_none_match.contains_weak(etag):
        response = Response(status=304)
    elif coding == IDENTITY:
        response = Response(gzip.decompress(document.packed), content_type=content_type)
    else:
        response = Response(document.packed, content_type=content_type)
        response.content_encoding = coding
    response.set_etag(etag)
    response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = f"public, max-age={fresh_seconds}"
    return response


def page(html: str) -> Response:
    """A page for people with a validator: kept by its reader, and asked about each time."""
    response = Response(html, mimetype="text/html")
    response.add_etag()
    response.make_conditional(request)
    return response
