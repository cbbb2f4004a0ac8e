"""Every saved version; text that is not saved yet; the words that the desk searches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from feedsvc.storage.schema import Instant, Words
from feedsvc.storage.words import words_of

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROWS = 500

# As FTS5's manual has it for an index whose text stands in another table.
_FTS = (
    "CREATE VIRTUAL TABLE searchable_words USING fts5"
    " (words, content='searchable', content_rowid='id', prefix='2 3')",
    "CREATE TRIGGER searchable_new AFTER INSERT ON searchable BEGIN"
    " INSERT INTO searchable_words (rowid, words) VALUES (new.id, new.words); END",
    "CREATE TRIGGER searchable_gone AFTER DELETE ON searchable BEGIN"
    " INSERT INTO searchable_words (searchable_words, rowid, words)"
    " VALUES ('delete', old.id, old.words); END",
    "CREATE TRIGGER searchable_changed AFTER UPDATE ON searchable BEGIN"
    " INSERT INTO searchable_words (searchable_words, rowid, words)"
    " VALUES ('delete', old.id, old.words);"
    " INSERT INTO searchable_words (rowid, words) VALUES (new.id, new.words); END",
)


def upgrade() -> None:
    """Of articles that were saved before, their versions begin with the next save."""
    op.create_table(
        "versions",
        sa.Column("entry_id", sa.String(45), sa.ForeignKey("entries.id"), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("saved_at", Instant, nullable=False),
        sa.Column("editor", sa.String(100), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_table(
        "working_copies",
        sa.Column("entry_id", sa.String(45), primary_key=True),
        sa.Column("editor_id", sa.Integer, sa.ForeignKey("editors.id"), primary_key=True),
        sa.Column("window", sa.String(40), primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("kept_at", Instant, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_index("ix_working_copies_editor_id", "working_copies", ["editor_id", "kept_at"])
    op.create_index("ix_entries_author", "entries", ["author"])
    op.create_table(
        "searchable",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("entry_id", sa.String(45), sa.ForeignKey("entries.id"), nullable=False),
        sa.Column("words", Words, nullable=False),
        sa.UniqueConstraint("entry_id", name="uq_searchable_entry_id"),
    )
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.execute("CREATE INDEX ix_searchable_words ON searchable USING gin (words)")
    else:
        for statement in _FTS:
            op.execute(statement)
    _index_what_is_there(connection)


def _index_what_is_there(connection: sa.Connection) -> None:
    entries = sa.table(
        "entries",
        *(sa.column(name) for name in ("id", "title", "author", "summary", "body")),
    )
    searchable = sa.table("searchable", sa.column("entry_id"), sa.column("words", Words))
    last = ""
    while True:
        page = connection.execute(
            sa.select(entries).where(entries.c.id > last).order_by(entries.c.id).limit(ROWS)
        ).all()
        if not page:
            return
        connection.execute(
            sa.insert(searchable),
            [
                {
                    "entry_id": row.id,
                    "words": words_of(row.title, row.author, row.summary, row.body),
                }
                for row in page
            ],
        )
        last = page[-1].id
