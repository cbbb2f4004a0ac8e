"""Archive documents of feeds (RFC 5005 section 4)."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Blueprint, Response, abort, redirect, request

from feedsvc.errors import NotFound
from feedsvc.model import Content, Feed, Format
from feedsvc.rendering import CODINGS, ENCODINGS, IDENTITY
from feedsvc.web.documents import Held, http_date
from feedsvc.web.front import as_wsgi
from feedsvc.web.polls import Asked, answer, asked, negotiate
from feedsvc.web.services import services

archives = Blueprint("archives", __name__)

# How long readers may keep an archive document, which nothing is put into any more. Not for
# ever, and shared caches (the proxy before this, a CDN) no longer than a feed: what is
# withdrawn or corrected has to leave them. To ask again costs them a 304.
DAY_SECONDS = 86_400

_FORMATS = f"<any({','.join(Format)}):format>"
_CONTENTS = f"<any({','.join(Content)}):content>"


@archives.get(f"/feeds/<slug>/archive/<int:number>.{_FORMATS}")
@archives.get(f"/feeds/<any(authors):of>/<slug>/archive/<int:number>.{_FORMATS}")
@archives.get(f"/feeds/<slug>/{_CONTENTS}/archive/<int:number>.{_FORMATS}")
@archives.get(f"/feeds/<any(authors):of>/<slug>/{_CONTENTS}/archive/<int:number>.{_FORMATS}")
def archive(slug: str, number: int, format: str, content: str = "", of: str = "") -> Any:
    """One archive document; ``content`` is a second feed's."""
    slug = f"{of}/{slug}" if of else slug
    second = Content(content) if content else None
    try:
        feed, body = services().publisher.archived(slug, number, Format(format), second)
    except NotFound:
        abort(404)
    if second and second not in feed.contents(services().publisher.window)[1:]:
        return redirect(feed.archive_path(number, Format(format)), 302)
    if feed.slug != slug:  # an address that it had before
        return redirect(feed.archive_path(number, Format(format), second), 301)
    return _sent(body, Format(format), feed)


def _sent(body: bytes, format: Format, feed: Feed) -> Response:
    given = services()
    conditions = asked(
        request.headers.get("If-None-Match"), None, request.headers.get("Accept-Encoding")
    )
    held = _held(body, format, feed, conditions)
    # Of HEAD, too: what is not sent is left out behind us.
    head, content = answer(held, "GET", conditions, given.clock().timestamp(), 0)
    # What is corrected in an archive leaves no date that all readers could be told by.
    status, fields = as_wsgi(head.replace(held.last_modified_line, b""))
    response = Response(content, status, headers=fields)
    if response.status_code in (200, 304):
        shared = given.publisher.window.max_age_seconds
        longest = max(DAY_SECONDS, shared)
        response.headers["Cache-Control"] = f"public, max-age={longest}, s-maxage={shared}"
    return response


def _held(body: bytes, format: Format, feed: Feed, conditions: Asked) -> Held:
    """It in the coding that will be asked for, and plain."""
    coding = negotiate(conditions.accept_encoding, ENCODINGS) or IDENTITY
    bodies = {} if coding == IDENTITY else {coding: CODINGS[coding](body)}
    return Held(
        digest=hashlib.sha256(body).hexdigest()[:32],
        updated=int(feed.updated.timestamp()) if feed.updated else 0,
        last_modified=http_date(feed.updated) if feed.updated else "",
        next_due=None,
        content_type=f"{format.media_type}; charset=utf-8",
        bodies={**bodies, IDENTITY: body},
    )
