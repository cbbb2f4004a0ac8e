"""What polls are answered from: the feed documents that were asked for lately, in memory.

The rest is fetched from storage when it is asked for. Memory is bounded by bytes.
"""

from __future__ import annotations

import math
import re
import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TypeAlias

import structlog

from feedsvc.characters import is_writable
from feedsvc.model import Content, Format, StoredDocument
from feedsvc.rendering import CODINGS, ENCODINGS, IDENTITY, cut
from feedsvc.storage import Storage, Transaction
from feedsvc.timestamps import utc_now

log = structlog.get_logger("feedsvc.web")

# What a document takes in memory beside its bodies.
OVERHEAD_BYTES = 2_000
# How much of the room holds what is about to leave.
COOLING_PART = 8
# So many documents before the one that is served are known by their entries.
MOST_EARLIER = 8
# A delta is no longer than such a part of the document, unless it is short; and of longer
# documents there is none: they would be made by the event loop.
DELTA_PART = 4
SHORT_DELTA = 16_000
LONGEST_WITH_DELTAS = 1_000_000
MOST_DELTAS = 4
# Of so many documents it is said that they do not fit.
MOST_TOLD = 100
# Of 64-bit numbers.
Marks: TypeAlias = "array[int]"
# So many changed feeds are asked for at once: two numbers each.
PAGE = 1000


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
    :param feed_id: whose document it is.
    :param version: grows with each change of that feed.
    :param second: its content, where it is one beside the feed's main ones.
    :param older_until: until when this worker gave out what was there before, in seconds
        since 1970; 0 where it never did.
    :param earlier: the last documents before it, each by its digest and its entries' marks.
    """

    digest: str
    updated: int
    last_modified: str
    next_due: int | None
    content_type: str
    bodies: dict[str, bytes]
    feed_id: int = 0
    version: int = 0
    format: Format = Format.RSS
    second: Content | None = None
    older_until: float = 0.0
    earlier: tuple[tuple[str, Marks], ...] = ()
    encodings: tuple[str, ...] = field(init=False)
    coded: dict[str, Coded] = field(init=False)
    _deltas: dict[tuple[str, str], Coded | None] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        """Write all headers once, here and not for each poll."""
        object.__setattr__(self, "encodings", tuple(self.bodies))
        object.__setattr__(self, "coded", {one: self._code(one) for one in self.bodies})

    def etag(self, encoding: str) -> str:
        """The strong ETag of one encoding, quoted."""
        return f'"{self.digest}"' if encoding == "identity" else f'"{self.digest}-{encoding}"'

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        marks = sum(one.itemsize * len(one) for _, one in self.earlier)
        # Deltas come later; what is in memory is counted when it gets there.
        deltas = MOST_DELTAS * self._longest_delta if self.earlier else 0
        return OVERHEAD_BYTES + marks + deltas + sum(map(len, self.bodies.values()))

    @property
    def _longest_delta(self) -> int:
        whole = len(self.bodies[IDENTITY])
        return min(whole, max(whole // DELTA_PART, SHORT_DELTA))

    @property
    def last_modified_line(self) -> bytes:
        """That field, as it stands in each head."""
        return f"last-modified: {self.last_modified}\r\n".encode()

    def _code(self, encoding: str) -> Coded:
        body = self.bodies[encoding]
        renewed = self._renewed(encoding)
        return Coded(
            not_modified=_lines("HTTP/1.1 304 Not Modified", *renewed),
            found=_lines("HTTP/1.1 200 OK", *renewed, *self._described(encoding, body)),
            body=body,
        )

    def _renewed(self, encoding: str) -> list[str]:
        return [
            f"etag: {self.etag(encoding)}",
            "vary: Accept-Encoding",
            "access-control-allow-origin: *",
            # What else than the body a reader in a browser needs to see.
            "access-control-expose-headers: ETag, Last-Modified",
            f"last-modified: {self.last_modified}",
        ]

    def _described(self, encoding: str, body: bytes) -> list[str]:
        described = [
            f"content-type: {self.content_type}",
            f"content-length: {len(body)}",
            "x-content-type-options: nosniff",
        ]
        if encoding != IDENTITY:
            described.append(f"content-encoding: {encoding}")
        return described

    def succeeding(self, old: Held, instant: float, *, has_deltas: bool) -> Held:
        """The same, with what it takes the place of.

        :param instant: now, in seconds since 1970.
        """
        if old.digest == self.digest:
            return replace(self, older_until=old.older_until, earlier=old.earlier)
        is_short = len(self.bodies[IDENTITY]) <= LONGEST_WITH_DELTAS
        has_deltas = has_deltas and is_short
        earlier = ((old.digest, old.marks()), *old.earlier)[:MOST_EARLIER] if has_deltas else ()
        return replace(self, older_until=instant, earlier=earlier)

    def marks(self) -> Marks:
        """What tells its entries from others."""
        return array("q", cut(self.bodies[IDENTITY], self.format).marks)

    def delta(self, digests: frozenset[str], encoding: str) -> Coded | None:
        """What is new to a reader that has one of the earlier documents (RFC 3229).

        None where it has none that is remembered, or the whole is no longer than that.
        """
        for digest, marks in self.earlier:
            if digest in digests:
                key = (digest, encoding)
                if key in (known := self._deltas):
                    return known[key]
                made = self._delta(marks, encoding)
                # Another one in its place, whole: threads may read it at the same time.
                newest = dict([*known.items(), (key, made)][-MOST_DELTAS:])
                object.__setattr__(self, "_deltas", newest)
                return made
        return None

    def _delta(self, marks: Marks, encoding: str) -> Coded | None:
        whole = self.bodies[IDENTITY]
        body = cut(whole, self.format).without(frozenset(marks))
        # Of most entries, which would take the event loop its time: the whole is ready.
        if len(body) > self._longest_delta:
            return None
        if encoding != IDENTITY:
            body = CODINGS[encoding](body)
        if len(body) >= len(self.bodies[encoding]):
            return None
        found = _lines(
            "HTTP/1.1 226 IM Used",
            "im: feed",
            *self._renewed(encoding),
            *self._described(encoding, body),
            # Only a cache that knows of deltas may keep one (section 10.5.3 and 10.8.1).
            "cache-control: no-store, im",
        )
        return Coded(not_modified=b"", found=found, body=body)


def _lines(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")


class _Memory:
    """Documents by path, bounded by bytes; to be called by one thread at a time.

    Readers take ``held`` as it is and write nothing: no lock, no list of who asked last.
    What has stood there longest cools beside it before it leaves, and whoever misses it
    in ``held`` puts it back. So what is asked for stays, and being asked costs nothing.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_cooling_bytes = most_bytes // COOLING_PART
        self._most_held_bytes = most_bytes - self._most_cooling_bytes
        self.held: OrderedDict[str, Held] = OrderedDict()
        self._cooling: OrderedDict[str, Held] = OrderedDict()
        self._held_bytes = self._cooling_bytes = 0
        self._paths: dict[int, set[str]] = {}
        # Whose documents were said not to fit.
        self._told: set[str] = set()

    @property
    def size_bytes(self) -> int:
        """What everything in it takes."""
        return self._held_bytes + self._cooling_bytes

    def get(self, path: str) -> Held | None:
        """What is there; what cools is put back."""
        held = self.held.get(path)
        if held is None and (held := self._cooling.get(path)) is not None:
            self.keep(path, held)
        return held

    def keep(self, path: str, new: Held) -> None:
        """Hold a document, unless a newer one is there; make room for it."""
        old = self.held.get(path)
        if old is not None and old.version > new.version:
            return
        if new.size_bytes > self._most_held_bytes:
            new = replace(new, earlier=())  # rather without deltas than not at all
        if old is None or new.size_bytes > self._most_held_bytes:
            self.drop(path)
        if new.size_bytes > self._most_held_bytes:
            if path in self._told or len(self._told) >= MOST_TOLD:
                return
            self._told.add(path)
            log.warning(
                "a feed's document does not fit in memory, so each poll reads it anew;"
                " raise server.cache_megabytes or lower feeds.window_bytes",
                path=path,
                bytes=new.size_bytes,
            )
            return  # it would drive all the others out
        self._held_bytes += new.size_bytes - (old.size_bytes if old else 0)
        self.held[path] = new
        self._paths.setdefault(new.feed_id, set()).add(path)
        while self._held_bytes > self._most_held_bytes:
            path, held = self.held.popitem(last=False)
            self._held_bytes -= held.size_bytes
            self._cooling[path] = held
            self._cooling_bytes += held.size_bytes
        while self._cooling_bytes > self._most_cooling_bytes:
            self.drop(next(iter(self._cooling)))

    def drop(self, path: str) -> None:
        """Forget a document."""
        if (held := self.held.pop(path, None)) is not None:
            self._held_bytes -= held.size_bytes
        elif (held := self._cooling.pop(path, None)) is not None:
            self._cooling_bytes -= held.size_bytes
        else:
            return
        paths = self._paths[held.feed_id]
        paths.discard(path)
        if not paths:
            del self._paths[held.feed_id]

    def feeds(self) -> list[int]:
        """The feeds of which something is there."""
        return list(self._paths)

    def of_feed(self, feed_id: int) -> list[tuple[str, Held]]:
        """The documents of a feed in ``held``, each with a path that it is held under."""
        paths = self._paths.get(feed_id, ())
        return [(path, held) for path in paths if (held := self.held.get(path)) is not None]

    def drop_older(self, feed_id: int, version: int) -> None:
        """Forget a feed's documents from before a change; they are fetched when asked for."""
        for path in list(self._paths.get(feed_id, ())):
            held = self.held.get(path) or self._cooling[path]
            if held.version < version:
                self.drop(path)


class Documents:
    """The feed documents that were asked for lately, as of some version of the database.

    ``refresh`` replaces them one by one, each whole, so a poll never waits and never
    sees half a document. An older one never takes the place of a newer one.

    :param most_bytes: how much is held, at most.
    :param clock: gives the current instant.
    :param has_deltas: whether earlier documents are remembered by their entries.
    :param tell: lets other workers know that there is something to take over.
    :param take_over: told of each state of the database that is new here, before its documents.
    """

    def __init__(
        self,
        storage: Storage,
        most_bytes: int,
        *,
        clock: Callable[[], datetime] = utc_now,
        has_deltas: bool = True,
        tell: Callable[[], object] = lambda: None,
        take_over: Callable[[Transaction], object] = lambda _: None,
    ) -> None:
        self._storage = storage
        self._tell = tell
        self._take_over_rest = take_over
        self._clock = clock
        self._has_deltas = has_deltas
        self._memory = _Memory(most_bytes)
        # What readers look into, by PATH_INFO.
        self.held: dict[str, Held] = self._memory.held
        self._flights: dict[str, Future[Held | None]] = {}
        # For all of the above; never held while storage is asked.
        self._lock = threading.Lock()
        self._refreshing = threading.Lock()
        self._version = -1
        self._next_due: datetime | None = None
        self._asked_at = -math.inf

    @property
    def size_bytes(self) -> int:
        """What everything that is held takes in memory."""
        return self._memory.size_bytes

    def is_due(self, now: datetime) -> bool:
        """Whether the moment has come at which a feed changes by itself."""
        return self._next_due is not None and self._next_due <= now

    def is_older_than(self, seconds: float) -> bool:
        """Whether storage was asked longer ago what has changed."""
        return time.monotonic() - self._asked_at > seconds

    def find(self, path_info: str) -> Held | None:
        """The document of a path, from memory or from storage; None where there is none.

        However many ask for one at once, it is fetched once.

        :param path_info: as PEP 3333 has it: octets decoded, each one a character.
        :raises StorageError: it is not in memory, and storage does not answer.
        """
        wanted = _wanted(path_info)
        if wanted is None:
            return None
        mine: Future[Held | None] = Future()
        with self._lock:
            held = self._memory.get(path_info)
            if held is not None:
                return held
            flight = self._flights.setdefault(path_info, mine)
        if flight is not mine:
            return flight.result()
        try:
            return self._fetch(path_info, *wanted, mine)
        except BaseException as error:
            with self._lock:
                del self._flights[path_info]
            mine.set_exception(error)
            raise

    def _fetch(
        self,
        path_info: str,
        slug: str,
        format: Format,
        second: Content | None,
        mine: Future[Held | None],
    ) -> Held | None:
        while True:
            with self._storage.reading() as tx:
                version = tx.feeds.version()
                found = tx.served.by_slug(slug, format, second)
            held = _hold(found) if found else None
            with self._lock:
                if version < self._version:
                    # Overtaken by a refresh, which could not replace what it did not see:
                    # whoever saved something must not be answered with what was before.
                    continue
                if held is not None:
                    self._memory.keep(path_info, held)
                del self._flights[path_info]
                mine.set_result(held)
                return held

    def refresh(self) -> bool:
        """Take over what changed since the last time. Whether anything did.

        What is held is replaced; of what is not held only its feed's number is read.
        """
        with self._refreshing:
            with self._storage.reading() as tx:
                version = tx.feeds.version()
                self._asked_at = time.monotonic()
                if version == self._version:
                    return False
                self._take_over_rest(tx)
                changed = self._changed(tx)
                next_due = tx.entries.next_due_of_all()
                for feed_id in changed:
                    self._take_over(tx, feed_id)
            with self._lock:
                if self._version < 0:  # nothing was compared, so nothing is known
                    changed = dict.fromkeys(self._memory.feeds(), version + 1)
                for feed_id, its_version in changed.items():
                    # What cooled, and what was fetched meanwhile from before the change.
                    self._memory.drop_older(feed_id, its_version)
                self._version, self._next_due = version, next_due
            return True

    def publish(self) -> None:
        """As ``refresh``, for what this process rendered; the other workers hear of it first."""
        self._tell()
        self.refresh()

    def _changed(self, tx: Transaction) -> dict[int, int]:
        """Feeds that changed since the last time, each with its version."""
        changed: dict[int, int] = {}
        after = self._version
        while after >= 0:
            page = tx.served.changed_since(after, limit=PAGE)
            changed.update(page)
            after = page[-1][1] if len(page) == PAGE else -1
        return changed

    def _take_over(self, tx: Transaction, feed_id: int) -> None:
        with self._lock:
            held = self._memory.of_feed(feed_id)
        for format, second in {(one.format, one.second) for _, one in held}:
            found = tx.served.of_feed(feed_id, format, second)
            if found is None:
                continue
            new = _hold(found)
            with self._lock:
                # Still held: what left meanwhile was not asked for.
                now = self._clock().timestamp()
                for path, old in self._memory.of_feed(feed_id):
                    if (old.format, old.second) == (format, second):
                        newer = new.succeeding(old, now, has_deltas=self._has_deltas)
                        self._memory.keep(path, newer)


# A slug is made of letters, digits and hyphens of any script.
_PATH = re.compile(
    r"/feeds/(?P<slug>(?:authors/)?[^/.]{1,200})"
    rf"(?:/(?P<second>{'|'.join(Content)}))?\.(?P<format>{'|'.join(Format)})"
)
_LONGEST_PATH = 1000


def _wanted(path_info: str) -> tuple[str, Format, Content | None] | None:
    """The slug, the format and the content that a path names, or None where it names no feed."""
    if not path_info.startswith("/feeds/") or len(path_info) > _LONGEST_PATH:
        return None
    try:
        found = _PATH.fullmatch(path_info.encode("latin-1").decode())
    except UnicodeError:
        return None
    # PostgreSQL refuses to compare with a NUL.
    if found is None or not is_writable(found["slug"]):
        return None
    second = Content(found["second"]) if found["second"] else None
    return found["slug"], Format(found["format"]), second


def _hold(stored: StoredDocument) -> Held:
    return Held(
        digest=stored.etags[IDENTITY],
        updated=int(stored.updated.timestamp()),
        last_modified=http_date(stored.updated),
        next_due=int(stored.next_due_at.timestamp()) if stored.next_due_at else None,
        content_type=f"{stored.format.media_type}; charset=utf-8",
        bodies={one: stored.bodies[one] for one in ENCODINGS if one in stored.bodies},
        feed_id=stored.feed_id,
        version=stored.version,
        format=stored.format,
        second=stored.second,
    )


def http_date(instant: datetime) -> str:
    """IMF-fixdate (RFC 9110 section 5.6.7)."""
    return format_datetime(instant.astimezone(UTC), usegmt=True)


def http_date_of(second: int) -> str:
    """The same of seconds since 1970."""
    return http_date(datetime.fromtimestamp(second, UTC))
