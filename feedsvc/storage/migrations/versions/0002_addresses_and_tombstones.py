"""Former addresses of articles and categories; tombstones; categories by folded name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from feedsvc.characters import folded
from feedsvc.storage.schema import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was withdrawn before has no tombstone: nothing is known of where it stood."""
    op.create_table(
        "entry_slugs",
        sa.Column("slug", sa.String(200), primary_key=True),
        sa.Column("entry_id", sa.String(45), sa.ForeignKey("entries.id"), nullable=False),
    )
    op.create_index("ix_entry_slugs_entry_id", "entry_slugs", ["entry_id"])
    op.create_table(
        "category_slugs",
        sa.Column("slug", sa.String(200), primary_key=True),
        sa.Column("category_id", sa.Integer, sa.ForeignKey("categories.id"), nullable=False),
    )
    op.create_index("ix_category_slugs_category_id", "category_slugs", ["category_id"])
    op.create_table(
        "tombstones",
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("feeds.id"), primary_key=True),
        sa.Column("entry_id", sa.String(45), sa.ForeignKey("entries.id"), primary_key=True),
        sa.Column("deleted_at", Instant, nullable=False),
    )
    op.create_index("ix_tombstones_feed_id_deleted_at", "tombstones", ["feed_id", "deleted_at"])
    op.create_index("ix_tombstones_entry_id", "tombstones", ["entry_id"])
    op.add_column(
        "categories",
        sa.Column("name_folded", sa.String(400), nullable=False, server_default=""),
    )
    op.create_index("ix_categories_name_folded", "categories", ["name_folded"])
    table = sa.table("categories", sa.column("id"), sa.column("name"), sa.column("name_folded"))
    connection = op.get_bind()
    for row in connection.execute(sa.select(table.c.id, table.c.name)).all():
        connection.execute(
            sa.update(table).where(table.c.id == row.id).values(name_folded=folded(row.name))
        )
    # The desk lists what is published by its date.
    op.create_index("ix_entries_state_published", "entries", ["state", "published"])
