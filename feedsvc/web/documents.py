"""What polls are answered from: every feed document, in memory, as of some version."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import unquote_to_bytes

from feedsvc.model import FeedDocument
from feedsvc.rendering import ENCODINGS
from feedsvc.storage import Storage


@dataclass(frozen=True, slots=True)
class Coded:
    """One document in one content coding, its headers ready to be sent.

    Status line and fields that stay the same until the document changes.

    :param not_modified: of a 304: what a cache renews (RFC 9110 section 15.4.5).
    :param found: of a 200.
    """

    not_modified: bytes
    found: bytes
    body: bytes


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
    encodings: tuple[str, ...] = field(init=False)
    coded: dict[str, Coded] = field(init=False)

    def __post_init__(self) -> None:
        """Write all headers once, here and not for each poll."""
        object.__setattr__(self, "encodings", tuple(self.bodies))
        object.__setattr__(self, "coded", {one: self._code(one) for one in self.bodies})

    def etag(self, encoding: str) -> str:
        """The strong ETag of one encoding, quoted."""
        return f'"{self.digest}"' if encoding == "identity" else f'"{self.digest}-{encoding}"'

    @property
    def last_modified_line(self) -> bytes:
        """That field, as it stands in each head."""
        return f"last-modified: {self.last_modified}\r\n".encode()

    def _code(self, encoding: str) -> Coded:
        body = self.bodies[encoding]
        renewed = [
            f"etag: {self.etag(encoding)}",
            "vary: Accept-Encoding",
            "access-control-allow-origin: *",
            # What else than the body a reader in a browser needs to see.
            "access-control-expose-headers: ETag, Last-Modified",
            f"last-modified: {self.last_modified}",
        ]
        described = [
            f"content-type: {self.content_type}",
            f"content-length: {len(body)}",
            "x-content-type-options: nosniff",
        ]
        if encoding != "identity":
            described.append(f"content-encoding: {encoding}")
        return Coded(
            not_modified=_lines("HTTP/1.1 304 Not Modified", *renewed),
            found=_lines("HTTP/1.1 200 OK", *renewed, *described),
            body=body,
        )


def _lines(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")


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


def http_date(instant: datetime) -> str:
    """IMF-fixdate (RFC 9110 section 5.6.7)."""
    return format_datetime(instant.astimezone(UTC), usegmt=True)


def http_date_of(second: int) -> str:
    """The same of seconds since 1970."""
    return http_date(datetime.fromtimestamp(second, UTC))
