"""Feeds of authors, archive documents, full and summary by category, what was left out."""

from __future__ import annotations

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

from feedsvc.characters import key_of, names_in
from feedsvc.slugs import author_slug_of

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Whoever signed what is published has a feed of it.

    What is there is filed into archives when its feeds are rendered next, and each is: the
    renderer has a new version.
    """
    op.create_table(
        "authors",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("slug", sa.String(200), nullable=False, unique=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("name_folded", sa.String(400), nullable=False, unique=True),
    )
    op.create_table(
        "left_out",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("feeds.id"), nullable=False),
        sa.Column("format", sa.String(20), nullable=False),
        sa.Column("entry_id", sa.String(45), nullable=False),
        sa.Column("fault", sa.Text, nullable=False),
    )
    op.create_index("ix_left_out_feed_id", "left_out", ["feed_id"])
    op.create_index("ix_left_out_entry_id", "left_out", ["entry_id"])
    op.add_column(
        "categories", sa.Column("content", sa.String(20), nullable=False, server_default="")
    )
    op.add_column("feeds", sa.Column("archives", sa.Integer, nullable=False, server_default="0"))
    op.add_column("feed_entries", sa.Column("archive", sa.Integer))
    op.create_index(
        "ix_feed_entries_archive",
        "feed_entries",
        ["feed_id", "is_live", "archive", "visible_at", "published", "entry_id"],
    )
    if op.get_bind().dialect.name == "postgresql":
        op.add_column("feeds", sa.Column("author_id", sa.Integer, sa.ForeignKey("authors.id")))
        op.alter_column("documents", "format", type_=sa.String(20))
    else:  # which adds a column with a reference in no other way, and minds no length
        op.execute("ALTER TABLE feeds ADD COLUMN author_id INTEGER REFERENCES authors (id)")
    op.create_index("uq_feeds_author_id", "feeds", ["author_id"], unique=True)
    op.create_index("ix_feeds_category_id_author_id", "feeds", ["category_id", "author_id"])
    _make_authors(op.get_bind())


def _make_authors(connection: sa.Connection) -> None:
    entries = sa.table("entries", sa.column("author"), sa.column("state"))
    query = (
        sa.select(entries.c.author)
        .where(entries.c.state == "published", entries.c.author != "")
        .distinct()
        .order_by(entries.c.author)
    )
    known: dict[str, int] = {}
    taken: set[str] = set()
    for signed in connection.execute(query).scalars().all():
        for name in names_in(signed):
            if key_of(name) not in known:
                known[key_of(name)] = _add(connection, name, taken)
            _place(connection, signed, known[key_of(name)])
    connection.execute(
        sa.text(
            "INSERT INTO feed_clocks (feed_id, moved_at, system_at)"
            " SELECT feeds.id, everything.moved_at, everything.system_at FROM feeds,"
            " (SELECT moved_at, system_at FROM feed_clocks JOIN feeds ON feeds.id = feed_id"
            "  WHERE category_id IS NULL AND author_id IS NULL) AS everything"
            " WHERE feeds.author_id IS NOT NULL"
        )
    )


def _add(connection: sa.Connection, name: str, taken: set[str]) -> int:
    """An author and the feed; its number."""
    wanted = author_slug_of(name)
    number = 1
    while (slug := wanted if number == 1 else f"{wanted}-{number}") in taken:
        number += 1
    taken.add(slug)
    author = sa.text(
        "INSERT INTO authors (slug, name, name_folded) VALUES (:slug, :name, :folded) RETURNING id"
    )
    asked = {"slug": slug, "name": name, "folded": key_of(name)}
    author_id = connection.execute(author, asked).scalar_one()
    feed = sa.text(
        "INSERT INTO feeds (urn, author_id, fingerprint, version)"
        " VALUES (:urn, :author_id, '', 0) RETURNING id"
    )
    made = {"urn": f"urn:uuid:{uuid4()}", "author_id": author_id}
    return int(connection.execute(feed, made).scalar_one())


def _place(connection: sa.Connection, signed: str, feed_id: int) -> None:
    """It stands there since when it stands in the feed of everything."""
    place = sa.text(
        "INSERT INTO feed_entries (feed_id, entry_id, is_live, published, visible_at)"
        " SELECT :feed_id, entry_id, is_live, feed_entries.published, feed_entries.visible_at"
        " FROM entries JOIN feed_entries ON entry_id = entries.id"
        " JOIN feeds ON feeds.id = feed_id"
        " WHERE author = :signed AND category_id IS NULL AND author_id IS NULL"
    )
    connection.execute(place, {"feed_id": feed_id, "signed": signed})
