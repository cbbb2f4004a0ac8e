"""A category may be a podcast."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """None of those that are there is one."""
    op.add_column("categories", sa.Column("podcast", sa.Text, nullable=False, server_default=""))
