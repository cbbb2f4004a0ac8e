"""Each feed's own clock; where entries stood before; which of them a tombstone reaches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from feedsvc.storage.schema import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Clocks start from the last arrival or withdrawal; of moves before, nothing is known."""
    op.create_table(
        "feed_clocks",
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("feeds.id"), primary_key=True),
        sa.Column("moved_at", Instant),
        sa.Column("system_at", Instant),
    )
    op.create_table(
        "past_places",
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("feeds.id"), primary_key=True),
        sa.Column("entry_id", sa.String(45), sa.ForeignKey("entries.id"), primary_key=True),
    )
    op.create_index("ix_past_places_entry_id", "past_places", ["entry_id"])
    op.add_column("tombstones", sa.Column("left_at", Instant))
    op.execute("UPDATE tombstones SET left_at = deleted_at")
    op.drop_index("ix_tombstones_feed_id_deleted_at", "tombstones")
    op.create_index("ix_tombstones_feed_id_left_at", "tombstones", ["feed_id", "left_at"])
    # Each part is one look into an index, whatever the archive holds.
    op.execute(
        """
        INSERT INTO feed_clocks (feed_id, moved_at, system_at)
        SELECT feed_id, moved_at, moved_at FROM (
            SELECT feeds.id AS feed_id, CASE
                WHEN entered IS NULL OR buried > entered THEN buried ELSE entered END AS moved_at
            FROM (
                SELECT id, (SELECT max(visible_at) FROM feed_entries
                            WHERE feed_id = feeds.id AND is_live) AS entered,
                           (SELECT max(left_at) FROM tombstones
                            WHERE feed_id = feeds.id) AS buried
                FROM feeds
            ) AS feeds
        ) AS found
        """
    )
