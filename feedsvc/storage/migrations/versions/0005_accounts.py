"""Roles, sessions, second factors, links for an account, and the log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from feedsvc.storage.schema import Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# What was written stays: whoever has the rights of this service cannot rewrite it.
_SQLITE = (
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN"
    " SELECT RAISE(ABORT, 'the log is only added to'); END",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN"
    " SELECT RAISE(ABORT, 'the log is only added to'); END",
    # REPLACE deletes without asking the trigger above (recursive_triggers is off).
    "CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit"
    " WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) BEGIN"
    " SELECT RAISE(ABORT, 'the log is only added to'); END",
)
_POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'the log is only added to'; END $$",
    "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit"
    " FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
)


def upgrade() -> None:
    """Accounts that are there could do everything, and go on so; sessions end once."""
    op.add_column(
        "editors", sa.Column("role", sa.String(20), nullable=False, server_default="editor")
    )
    op.add_column("editors", sa.Column("signed_in_at", Instant))
    op.execute("UPDATE editors SET role = 'administrator'")
    # Links that are there make the first account, and no other.
    op.add_column(
        "invitations", sa.Column("purpose", sa.String(20), nullable=False, server_default="first")
    )
    op.add_column(
        "invitations",
        sa.Column("role", sa.String(20), nullable=False, server_default="administrator"),
    )
    op.add_column("invitations", sa.Column("editor_id", sa.Integer))
    op.add_column(
        "invitations", sa.Column("made_by", sa.String(100), nullable=False, server_default="")
    )
    _make_sessions_and_second_factors()
    _make_audit()


def _make_sessions_and_second_factors() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("token_digest", sa.String(64), nullable=False),
        sa.Column("editor_id", sa.Integer, sa.ForeignKey("editors.id"), nullable=False),
        sa.Column("began_at", Instant, nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("user_agent", sa.String(300), nullable=False),
        sa.UniqueConstraint("token_digest", name="uq_sessions_token_digest"),
    )
    op.create_index("ix_sessions_editor_id_seen_at", "sessions", ["editor_id", "seen_at"])
    op.create_index("ix_sessions_seen_at", "sessions", ["seen_at"])
    op.create_table(
        "second_factors",
        sa.Column("editor_id", sa.Integer, sa.ForeignKey("editors.id"), primary_key=True),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("began_at", Instant, nullable=False),
        sa.Column("is_on", sa.Boolean, nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("editor_id", sa.Integer, sa.ForeignKey("editors.id"), primary_key=True),
        sa.Column("code_digest", sa.String(64), primary_key=True),
    )


def _make_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("at", Instant, nullable=False),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("entry_id", sa.String(45), nullable=False),
    )
    op.create_index("ix_audit_kind_id", "audit", ["kind", "id"])
    op.create_index("ix_audit_who_id", "audit", ["who", "id"])
    op.create_index("ix_audit_who_kind_id", "audit", ["who", "kind", "id"])
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _POSTGRESQL if is_postgresql else _SQLITE:
        op.execute(statement)
