"""Pictures from the editors' machines: taken in, and served for ever."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from flask import Response, abort, g, jsonify, request
from werkzeug.datastructures import FileStorage

from feedsvc.errors import PictureRefused
from feedsvc.model import Enclosure, whole_second
from feedsvc.phrases import Phrase
from feedsvc.pictures import LARGEST_FILE_BYTES, SMALL_WIDTH, remade_apart
from feedsvc.storage import StoredPicture
from feedsvc.web import wording
from feedsvc.web.enclosures import EnclosureFields, of_stored
from feedsvc.web.languages import say
from feedsvc.web.public import public
from feedsvc.web.services import client_address, services
from feedsvc.web.sign_in import editor, signed_in

log = structlog.get_logger("feedsvc.web")

# The name of the file's control in the form.
FILE = "picture_file"
FOR_EVER = "public, max-age=31536000, immutable"
# Whoever waits for a picture keeps one of the threads that make pages.
LONGEST_WAIT_SECONDS = 5.0
_waiting = threading.BoundedSemaphore(2)
_decoding = threading.Lock()
_NAME = re.compile(rf"([0-9a-f]{{32}})(-{SMALL_WIDTH})?\.[a-z0-9]{{1,5}}")


# Taken in


@editor.post("/pictures")
@signed_in
def upload_picture() -> Any:
    """Store a picture and say its address; asked by a script."""
    file = request.files.get(FILE)
    try:
        if file is None:
            raise PictureRefused(Phrase("choose a file first"))
        found = keep_picture(file)
    except PictureRefused as error:
        return jsonify(fault=say(error.said)), 422
    fields = EnclosureFields("picture", found.url, checked=found)
    return jsonify(address=found.url, checked=fields.packed, said=wording.file(found))


def keep_picture(file: FileStorage) -> Enclosure:
    """The picture in a file that was sent, stored unless it is there already.

    :raises PictureRefused: it is none that is taken.
    :raises StorageError: it could not be stored.
    """
    data = file.stream.read(LARGEST_FILE_BYTES + 1)
    digest = hashlib.sha256(data).hexdigest()[:32]
    storage = services().storage
    with storage.reading() as tx:
        known = tx.pictures.find(digest)
    if known is not None:
        return of_stored(known)
    with _turn():
        made = remade_apart(data)
    now = whole_second(services().clock())
    widest = made.sizes[0]
    stored = of_stored(
        StoredPicture(digest, made.media_type, widest.width, widest.height, len(widest.body))
    )
    with storage.writing() as tx:
        sizes = [(one.width, one.height, one.body) for one in made.sizes]
        if tx.pictures.add(digest, made.media_type, sizes, by=g.editor.name, now=now):
            tx.audit.note(
                now,
                by=g.editor.name,
                action="picture.stored",
                subject=stored.url,
                address=client_address(),
            )
    log.info("picture stored", digest=digest, media_type=made.media_type)
    return stored


@contextmanager
def _turn() -> Iterator[None]:
    """One picture at a time is decoded, and few wait for that.

    :raises PictureRefused: too many do.
    """
    busy = Phrase("others are uploading just now: try again in a few seconds")
    if not _waiting.acquire(timeout=LONGEST_WAIT_SECONDS):
        raise PictureRefused(busy)
    try:
        with _decoding:
            yield
    finally:
        _waiting.release()


# Served


@public.get("/media/<name>")
def media(name: str) -> Response:
    """A stored picture. Whatever the extension, it is what was written."""
    match = _NAME.fullmatch(name)
    if match is None:
        abort(404)
    digest, is_small = match[1], match[2] is not None
    with services().storage.reading() as tx:
        found = tx.pictures.find(digest, width=SMALL_WIDTH if is_small else 0)
        if found is None:
            abort(404)
        etag = f"{digest}-{found.width}"
        is_known = request.if_none_match.contains_weak(etag)
        body = None if is_known else tx.pictures.body(digest, found.width)
    response = Response(b"" if is_known else body, 304 if is_known else 200)
    if not is_known:
        response.content_type = found.media_type
    response.set_etag(etag)
    response.headers["Cache-Control"] = FOR_EVER
    # Opened by itself it is shown, and nothing in it can do anything.
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
