"""Pictures that were uploaded; a picture and a recording of each article."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from feedsvc.storage.schema import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Articles that are there have neither."""
    op.add_column("entries", sa.Column("enclosures", sa.Text, nullable=False, server_default="[]"))
    op.create_table(
        "pictures",
        sa.Column("digest", sa.String(32), primary_key=True),
        sa.Column("media_type", sa.String(40), nullable=False),
        sa.Column("uploaded_by", sa.String(100), nullable=False),
        sa.Column("uploaded_at", Instant, nullable=False),
    )
    op.create_table(
        "picture_sizes",
        sa.Column("digest", sa.String(32), sa.ForeignKey("pictures.digest"), primary_key=True),
        sa.Column("width", sa.Integer, primary_key=True),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("length_bytes", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
