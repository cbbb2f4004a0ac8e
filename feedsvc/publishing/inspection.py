"""``feedsvc check``: is what is stored what it should be?"""

from __future__ import annotations

import hashlib

from lxml import etree

from feedsvc.model import FeedDocument, Format
from feedsvc.rendering import ENCODINGS, IDENTITY, Unpackable, unpack
from feedsvc.storage import Storage


def inspect(storage: Storage) -> list[str]:
    """One line for each fault of the database and its stored feeds."""
    faults = [f"storage: {fault}" for fault in storage.find_damage()]
    with storage.reading() as tx:
        feeds = tx.feeds.all()
        owed = set(tx.feeds.changed(limit=len(feeds) + 1))
        documents = tx.feeds.documents_since(-1)
    of_path: dict[str, dict[str, FeedDocument]] = {}
    for document in documents:
        of_path.setdefault(document.path, {})[document.encoding] = document
    for feed in feeds:
        if feed.id in owed:
            faults.append(f"{feed.slug}: a change waits to be rendered; run: feedsvc regenerate")
        for format in Format:
            path = feed.path(format)
            if path not in of_path:
                faults.append(f"{path}: has no document; run: feedsvc regenerate")
            else:
                faults += [f"{path}: {fault}" for fault in _faults_of(of_path[path])]
    return faults


def _faults_of(encodings: dict[str, FeedDocument]) -> list[str]:
    mend = "run: feedsvc regenerate --force"
    identity = encodings.get(IDENTITY)
    if identity is None:
        return [f"the plain document is missing; {mend}"]
    faults = []
    if hashlib.sha256(identity.body).hexdigest()[:32] != identity.etag:
        faults.append(f"its ETag is not that of its bytes; {mend}")
    try:
        etree.fromstring(identity.body)
    except etree.XMLSyntaxError as error:
        faults.append(f"is not XML: {error}; {mend}")
    for encoding in ENCODINGS:
        packed = encodings.get(encoding)
        try:
            plain = packed.body if packed and encoding == IDENTITY else None
            if packed and encoding != IDENTITY:
                plain = unpack(encoding, packed.body)
            if plain != identity.body:
                faults.append(f"the {encoding} document is not the plain one; {mend}")
        except Unpackable:
            faults.append(f"the {encoding} document cannot be unpacked; {mend}")
    return faults
