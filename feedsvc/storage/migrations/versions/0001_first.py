"""The first schema: entries, categories, feeds, changes, documents, editors."""

from __future__ import annotations

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

from feedsvc.storage.schema import Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table, and the feed of everything."""
    op.create_table(
        "settings",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "categories",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("slug", sa.String(200), nullable=False, unique=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
    )
    op.create_table(
        "entries",
        sa.Column("id", sa.String(45), primary_key=True),
        sa.Column("slug", sa.String(200), nullable=True, unique=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("sources", sa.Text, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("published", Instant),
        sa.Column("updated", Instant),
        sa.Column("visible_at", Instant),
        sa.Column("wall_time", sa.String(40), nullable=False),
        sa.Column("wall_zone", sa.String(60), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
        sa.Column("origin", sa.String(100), unique=True),
    )
    op.create_index("ix_entries_state_visible_at", "entries", ["state", "visible_at"])
    op.create_index("ix_entries_state_changed_at", "entries", ["state", "changed_at"])
    op.create_table(
        "entry_categories",
        sa.Column("entry_id", sa.String(45), sa.ForeignKey("entries.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("category_id", sa.Integer, sa.ForeignKey("categories.id"), nullable=False),
        sa.UniqueConstraint("entry_id", "category_id"),
    )
    op.create_index("ix_entry_categories_category_id", "entry_categories", ["category_id"])
    op.create_table(
        "feeds",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("urn", sa.String(45), nullable=False, unique=True),
        sa.Column("category_id", sa.Integer, sa.ForeignKey("categories.id"), unique=True),
        sa.Column("updated", Instant),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("next_due_at", Instant),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_feeds_version", "feeds", ["version"])
    op.create_table(
        "feed_entries",
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("feeds.id"), primary_key=True),
        sa.Column("entry_id", sa.String(45), sa.ForeignKey("entries.id"), primary_key=True),
        sa.Column("is_live", sa.Boolean, nullable=False),
        sa.Column("published", Instant, nullable=False),
        sa.Column("visible_at", Instant, nullable=False),
    )
    op.create_index(
        "ix_feed_entries_feed_id_is_live_published",
        "feed_entries",
        ["feed_id", "is_live", "published"],
    )
    op.create_index(
        "ix_feed_entries_feed_id_is_live_visible_at",
        "feed_entries",
        ["feed_id", "is_live", "visible_at"],
    )
    op.create_index("ix_feed_entries_entry_id", "feed_entries", ["entry_id"])
    op.create_table(
        "changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("feeds.id"), nullable=False),
        sa.Column("made_at", Instant, nullable=False),
    )
    op.create_index("ix_changes_feed_id", "changes", ["feed_id"])
    op.create_table(
        "documents",
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("feeds.id"), primary_key=True),
        sa.Column("format", sa.String(10), primary_key=True),
        sa.Column("encoding", sa.String(10), primary_key=True),
        sa.Column("etag", sa.String(64), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "served_version",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "editors",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False, unique=True),
        sa.Column("password_hash", sa.String(200), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "invitations",
        sa.Column("token_digest", sa.String(64), primary_key=True),
        sa.Column("expires_at", Instant, nullable=False),
    )
    op.create_table(
        "sign_in_failures",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("failed_at", Instant, nullable=False),
    )
    op.create_index("ix_sign_in_failures_key_failed_at", "sign_in_failures", ["key", "failed_at"])
    op.create_index("ix_sign_in_failures_failed_at", "sign_in_failures", ["failed_at"])
    op.execute("INSERT INTO served_version (id, number) VALUES (1, 0)")
    op.execute(
        sa.text("INSERT INTO feeds (urn, fingerprint, version) VALUES (:urn, '', 0)").bindparams(
            urn=f"urn:uuid:{uuid4()}"
        )
    )
