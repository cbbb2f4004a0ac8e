"""Categories have a language and an order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Those that are there are in the site's language, and stand as they did: by name."""
    op.add_column(
        "categories", sa.Column("language", sa.String(60), nullable=False, server_default="")
    )
    op.add_column(
        "categories", sa.Column("position", sa.Integer, nullable=False, server_default="0")
    )
    op.execute(
        """
        UPDATE categories SET position = (
            SELECT count(*) FROM categories AS others
            WHERE others.name_folded < categories.name_folded
            OR (others.name_folded = categories.name_folded AND others.id < categories.id)
        )
        """
    )
    op.create_index("ix_categories_position", "categories", ["position"])
