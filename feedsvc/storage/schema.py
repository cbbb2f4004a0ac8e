"""The tables. A change here needs a migration beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator, TypeEngine


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime in whole seconds.

    ``timestamptz`` in PostgreSQL; in SQLite, which has no such type, the text
    ``2026-01-21T18:13:00Z``: it sorts by instant and people can read it.
    """

    impl = String(20)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(String(20))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is not UTC or value.microsecond:
            raise ValueError(f"{value!r} is not a UTC instant in whole seconds")
        if dialect.name == "postgresql":
            return value
        return value.strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return _instant_of(str(value))


# The entries of a window have four each, and are read again with each publish.
@lru_cache(maxsize=4096)
def _instant_of(text: str) -> datetime | None:
    """Of a text that is no instant None: its row is reported, and stops no other."""
    try:
        return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:
        return None


class Words(TypeDecorator[str]):
    """Words with spaces between them, to be searched: ``tsvector`` in PostgreSQL.

    In SQLite text, which a table of FTS5 beside it (made by the migration) has the words of.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TSVECTOR())
        return dialect.type_descriptor(Text())

    def bind_expression(self, bindvalue: Any) -> Any:
        return _AsWords(bindvalue)


class _AsWords(ColumnElement[str]):
    """A text of words as that column holds it."""

    inherit_cache = True

    def __init__(self, text: Any) -> None:
        self.text = text


@compiles(_AsWords)
def _as_text(element: _AsWords, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.text, **options))


@compiles(_AsWords, "postgresql")
def _as_tsvector(element: _AsWords, compiler: Any, **options: Any) -> str:
    # Not by a parser, whose words depend on the database's locale.
    given = compiler.process(element.text, **options)
    return f"array_to_tsvector(array_remove(string_to_array({given}::text, ' '), ''))"


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Facts about the whole installation: cookie key, digest of the site's settings.
settings = Table(
    "settings",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)

categories = Table(
    "categories",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slug", String(200), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("description", Text, nullable=False, default=""),
    # The name as it is looked up. Folded here: SQLite's lower() knows ASCII only.
    Column("name_folded", String(400), nullable=False, server_default=""),
    Column("language", String(60), nullable=False, server_default=""),
    # Where it stands among the others, from the least; two of one number by their ids.
    Column("position", Integer, nullable=False, server_default="0"),
    # What its feeds carry of an article; "" as the site's do.
    Column("content", String(20), nullable=False, server_default=""),
    # JSON: what makes it a podcast; "" where nobody ever said anything.
    Column("podcast", Text, nullable=False, server_default=""),
    Index(None, "name_folded"),
    Index(None, "position"),
)

entries = Table(
    "entries",
    metadata,
    Column("id", String(45), primary_key=True),
    Column("slug", String(200), nullable=True, unique=True),
    Column("title", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("sources", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("published", Instant),
    Column("updated", Instant),
    Column("visible_at", Instant),
    Column("wall_time", String(40), nullable=False),
    Column("wall_zone", String(60), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("changed_at", Instant, nullable=False),
    # Where an imported entry came from, so that a second import finds it.
    Column("origin", String(100), unique=True),
    # JSON: a picture and a recording at most.
    Column("enclosures", Text, nullable=False, server_default="[]"),
    Index(None, "state", "visible_at"),
    Index(None, "state", "changed_at"),
    Index(None, "state", "published"),
    Index(None, "author"),
)

# What is to be found in each entry, by the desk.
searchable = Table(
    "searchable",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("entry_id", ForeignKey("entries.id"), nullable=False, unique=True),
    Column("words", Words, nullable=False),
)

# Every state in which an entry was ever saved; none is changed or deleted.
versions = Table(
    "versions",
    metadata,
    Column("entry_id", ForeignKey("entries.id"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("saved_at", Instant, nullable=False),
    # The name: accounts may go. "" where nobody pressed a button.
    Column("editor", String(100), nullable=False),
    Column("action", String(20), nullable=False),
    # JSON: what was written, and its time.
    Column("content", Text, nullable=False),
)

# What stands in an editor's form and is not saved yet; the entry may not be there yet. Each
# window has a place of its own, so that none takes another's.
working_copies = Table(
    "working_copies",
    metadata,
    Column("entry_id", String(45), primary_key=True),
    Column("editor_id", ForeignKey("editors.id"), primary_key=True),
    Column("window", String(40), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("kept_at", Instant, nullable=False),
    Column("title", Text, nullable=False),
    # JSON: the form's fields as they were typed.
    Column("content", Text, nullable=False),
    Index("ix_working_copies_editor_id", "editor_id", "kept_at"),
)

entry_categories = Table(
    "entry_categories",
    metadata,
    Column("entry_id", ForeignKey("entries.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("category_id", ForeignKey("categories.id"), nullable=False),
    UniqueConstraint("entry_id", "category_id"),
    Index(None, "category_id"),
)

# Addresses that articles and categories had before: readers keep them for ever.
entry_slugs = Table(
    "entry_slugs",
    metadata,
    Column("slug", String(200), primary_key=True),
    Column("entry_id", ForeignKey("entries.id"), nullable=False),
    Index(None, "entry_id"),
)

category_slugs = Table(
    "category_slugs",
    metadata,
    Column("slug", String(200), primary_key=True),
    Column("category_id", ForeignKey("categories.id"), nullable=False),
    Index(None, "category_id"),
)

# Who signs articles. Made with the first one that readers get, and never deleted.
authors = Table(
    "authors",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slug", String(200), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("name_folded", String(400), nullable=False, unique=True),
)

feeds = Table(
    "feeds",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("urn", String(45), nullable=False, unique=True),
    # Both NULL: the feed of everything.
    Column("category_id", ForeignKey("categories.id"), unique=True),
    Column("author_id", ForeignKey("authors.id"), unique=True),
    # How many archive documents it has.
    Column("archives", Integer, nullable=False, server_default="0"),
    Column("updated", Instant),
    Column("fingerprint", String(64), nullable=False, default=""),
    Column("next_due_at", Instant),
    Column("version", BigInteger, nullable=False, default=0, index=True),
    Index("ix_feeds_category_id_author_id", "category_id", "author_id"),
)

# Which entries stand in which feed, with what they are picked and sorted by:
# a feed's window is one index range, whatever the archive holds. ``visible_at``
# is when the entry entered this very feed, by the feed's own clock, or is due to.
feed_entries = Table(
    "feed_entries",
    metadata,
    Column("feed_id", ForeignKey("feeds.id"), primary_key=True),
    Column("entry_id", ForeignKey("entries.id"), primary_key=True),
    Column("is_live", Boolean, nullable=False),
    Column("published", Instant, nullable=False),
    Column("visible_at", Instant, nullable=False),
    # The archive document that it is filed in, if it is in one.
    Column("archive", Integer),
    Index(None, "feed_id", "is_live", "published"),
    Index(None, "feed_id", "is_live", "visible_at"),
    # What is filed next comes first in it, however much waits.
    Index(
        "ix_feed_entries_archive",
        *("feed_id", "is_live", "archive", "visible_at", "published", "entry_id"),
    ),
    Index(None, "entry_id"),
)

# Feeds in which an entry stood and from which it was moved: their readers may have
# it, so they are told when it is withdrawn.
past_places = Table(
    "past_places",
    metadata,
    Column("feed_id", ForeignKey("feeds.id"), primary_key=True),
    Column("entry_id", ForeignKey("entries.id"), primary_key=True),
    Index(None, "entry_id"),
)

# What was taken back from a feed in which readers had seen it (RFC 6721).
# ``deleted_at`` is what readers are told, ``left_at`` the same by the feed's clock.
tombstones = Table(
    "tombstones",
    metadata,
    Column("feed_id", ForeignKey("feeds.id"), primary_key=True),
    Column("entry_id", ForeignKey("entries.id"), primary_key=True),
    Column("deleted_at", Instant, nullable=False),
    Column("left_at", Instant),
    Index(None, "feed_id", "left_at"),
    Index(None, "entry_id"),
)

# Each feed's own clock, as it stood when an entry last entered it or was withdrawn
# from it, and what the system's clock showed then. Apart from ``feeds``, whose row
# a rendering holds locked: no save waits for one.
feed_clocks = Table(
    "feed_clocks",
    metadata,
    Column("feed_id", ForeignKey("feeds.id"), primary_key=True),
    Column("moved_at", Instant),
    Column("system_at", Instant),
)

# The outbox: a feed stands here from the commit that touched it until it is
# rendered again.
changes = Table(
    "changes",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("feed_id", ForeignKey("feeds.id"), nullable=False),
    Column("made_at", Instant, nullable=False),
    Index(None, "feed_id"),
)

documents = Table(
    "documents",
    metadata,
    Column("feed_id", ForeignKey("feeds.id"), primary_key=True),
    # Of a second one its content behind it, as in "rss.summary".
    Column("format", String(20), primary_key=True),
    Column("encoding", String(10), primary_key=True),
    Column("etag", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# Entries that could not be written in a document of a feed; for their editors.
left_out = Table(
    "left_out",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("feed_id", ForeignKey("feeds.id"), nullable=False),
    # As in ``documents``; "" where the stored entry itself is faulty.
    Column("format", String(20), nullable=False),
    Column("entry_id", String(45), nullable=False),
    Column("fault", Text, nullable=False),
    Index(None, "feed_id"),
    Index(None, "entry_id"),
)

# One row. ``number`` grows in each transaction that changes what is served, and
# its lock makes those commit in the order of their numbers: whoever holds the
# documents up to a number finds everything later by ``feeds.version`` above it.
served_version = Table(
    "served_version",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
)

# Pictures that editors uploaded, as they were written anew; the key is of the file as it came.
pictures = Table(
    "pictures",
    metadata,
    Column("digest", String(32), primary_key=True),
    Column("media_type", String(40), nullable=False),
    Column("uploaded_by", String(100), nullable=False),
    Column("uploaded_at", Instant, nullable=False),
)

# Each in one or more sizes; the widest is the picture itself.
picture_sizes = Table(
    "picture_sizes",
    metadata,
    Column("digest", ForeignKey("pictures.digest"), primary_key=True),
    Column("width", Integer, primary_key=True),
    Column("height", Integer, nullable=False),
    Column("length_bytes", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

editors = Table(
    "editors",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("password_hash", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("role", String(20), nullable=False, server_default="editor"),
    Column("signed_in_at", Instant),
)

# One-time links; only digests are kept. ``purpose``: for the first account, for one more,
# for another password of the account ``editor_id``, or for the code after its password.
invitations = Table(
    "invitations",
    metadata,
    Column("token_digest", String(64), primary_key=True),
    Column("expires_at", Instant, nullable=False),
    Column("purpose", String(20), nullable=False, server_default="first"),
    Column("role", String(20), nullable=False, server_default="administrator"),
    Column("editor_id", Integer),
    # The name of the administrator: what one of them made ends with the role.
    Column("made_by", String(100), nullable=False, server_default=""),
)

# Browsers that are signed in; the token itself stands in the browser's cookie alone.
sessions = Table(
    "sessions",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("token_digest", String(64), nullable=False, unique=True),
    Column("editor_id", ForeignKey("editors.id"), nullable=False),
    Column("began_at", Instant, nullable=False),
    # Within minutes: a page view does not write each time.
    Column("seen_at", Instant, nullable=False),
    Column("address", String(45), nullable=False),
    Column("user_agent", String(300), nullable=False),
    Index(None, "editor_id", "seen_at"),
    Index(None, "seen_at"),
)

# Secrets of time-based one-time passwords (RFC 6238), which cannot be digests;
# ``last_step`` is that of the last code that was used.
second_factors = Table(
    "second_factors",
    metadata,
    Column("editor_id", ForeignKey("editors.id"), primary_key=True),
    Column("secret", String(64), nullable=False),
    Column("began_at", Instant, nullable=False),
    # Not before a code of it was right.
    Column("is_on", Boolean, nullable=False),
    Column("last_step", BigInteger, nullable=False),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("editor_id", ForeignKey("editors.id"), primary_key=True),
    Column("code_digest", String(64), primary_key=True),
)

# Who did what and when. Triggers (made by the migration) refuse every change of a row.
audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", Instant, nullable=False),
    # The name: accounts may go. "" where nobody was signed in.
    Column("who", String(100), nullable=False),
    # What the action is about: what stands before its point.
    Column("kind", String(20), nullable=False),
    Column("action", String(60), nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("address", String(45), nullable=False),
    # The article that it was done to, or "".
    Column("entry_id", String(45), nullable=False),
    Index(None, "kind", "id"),
    Index(None, "who", "id"),
    Index(None, "who", "kind", "id"),
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("key", String(64), nullable=False),
    Column("failed_at", Instant, nullable=False),
    Index(None, "key", "failed_at"),
    Index(None, "failed_at"),
)
