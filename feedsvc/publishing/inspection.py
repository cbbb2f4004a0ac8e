"""``feedsvc check``: is what is stored what it should be?"""

from __future__ import annotations

import hashlib
import json

from lxml import etree

from feedsvc.characters import is_language_tag
from feedsvc.model import Content, Feed, Format, StoredDocument
from feedsvc.rendering import ENCODINGS, IDENTITY, Unpackable, unpack
from feedsvc.storage import Storage, Transaction

PAGE = 100


def inspect(storage: Storage) -> list[str]:
    """One line for each fault of the database and its stored feeds."""
    faults = [f"storage: {fault}" for fault in storage.find_damage()]
    last = 0
    while True:
        # Page by page: neither all feeds in memory, nor one transaction over them.
        with storage.reading() as tx:
            feeds = tx.feeds.after(last, limit=PAGE)
            for feed in feeds:
                faults += _faults_of_feed(tx, feed)
        if len(feeds) < PAGE:
            return faults
        last = feeds[-1].id


def _faults_of_feed(tx: Transaction, feed: Feed) -> list[str]:
    faults = []
    if tx.feeds.is_owed([feed.id]):
        faults.append(f"{feed.slug}: a change waits to be rendered; run: feedsvc regenerate")
    language = feed.category.language if feed.category else ""
    if language and not is_language_tag(language):
        faults.append(
            f"{feed.slug}: its language {language!r} is no BCP 47 tag; give it another on the"
            " page Categories"
        )
    for format in Format:
        path = feed.path(format)
        stored = tx.served.of_feed(feed.id, format)
        if stored is None:
            faults.append(f"{path}: has no document; run: feedsvc regenerate")
        else:
            faults += [f"{path}: {fault}" for fault in _faults_of(stored)]
        for second in Content:
            beside = tx.served.of_feed(feed.id, format, second)
            if beside is not None:
                path = feed.path(format, second)
                faults += [f"{path}: {fault}" for fault in _faults_of(beside)]
    return faults


def _faults_of(stored: StoredDocument) -> list[str]:
    mend = "run: feedsvc regenerate --force"
    identity = stored.bodies.get(IDENTITY)
    if identity is None:
        return [f"the plain document is missing; {mend}"]
    faults = []
    if hashlib.sha256(identity).hexdigest()[:32] != stored.etags[IDENTITY]:
        faults.append(f"its ETag is not that of its bytes; {mend}")
    try:
        json.loads(identity) if stored.format is Format.JSON else etree.fromstring(identity)
    except etree.XMLSyntaxError as error:
        faults.append(f"is not XML: {error}; {mend}")
    except ValueError as error:
        faults.append(f"is not JSON: {error}; {mend}")
    for encoding in ENCODINGS:
        packed = stored.bodies.get(encoding)
        try:
            plain = packed if encoding == IDENTITY else None
            if packed is not None and encoding != IDENTITY:
                plain = unpack(encoding, packed)
            if plain != identity:
                faults.append(f"the {encoding} document is not the plain one; {mend}")
        except Unpackable:
            faults.append(f"the {encoding} document cannot be unpacked; {mend}")
    return faults
