"""A database of an older version, brought to this one's schema, keeps what it holds."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from alembic import command

from feedsvc.model import Site, Window
from feedsvc.publishing import Publisher
from feedsvc.storage import Purpose, Storage
from tests.conftest import utc
from tests.stored import stored_documents

# As the first version wrote them.
FIRST = [
    "INSERT INTO categories (id, slug, name, description) VALUES (1, 'eco', 'Économie', '')",
    "INSERT INTO categories (id, slug, name, description) VALUES (2, 'art', 'Art', '')",
    "INSERT INTO categories (id, slug, name, description) VALUES (3, 'zoo', 'Zoo', '')",
    "INSERT INTO feeds (id, urn, category_id, fingerprint, version)"
    " VALUES (7, 'urn:uuid:00000000-0000-4000-8000-000000000007', 1, '', 0)",
    "INSERT INTO entries (id, slug, title, author, summary, body, sources, state, published,"
    " updated, visible_at, wall_time, wall_zone, revision, changed_at) VALUES"
    " ('urn:uuid:00000000-0000-4000-8000-000000000001', 'old', 'Old', 'Zoë Ärger', '', 'Text.',"
    " '[]', 'published', '2026-01-21T18:13:00Z', '2026-01-21T18:13:00Z',"
    " '2026-01-21T18:13:00Z', '', '', 1, '2026-01-21T18:13:00Z')",
    "INSERT INTO entry_categories (entry_id, position, category_id)"
    " VALUES ('urn:uuid:00000000-0000-4000-8000-000000000001', 0, 1)",
    "INSERT INTO feed_entries (feed_id, entry_id, is_live, published, visible_at) VALUES"
    " (7, 'urn:uuid:00000000-0000-4000-8000-000000000001', true, '2026-01-21T18:13:00Z',"
    " '2026-01-21T18:13:00Z')",
    "INSERT INTO feed_entries (feed_id, entry_id, is_live, published, visible_at)"
    " SELECT id, 'urn:uuid:00000000-0000-4000-8000-000000000001', true, '2026-01-21T18:13:00Z',"
    " '2026-01-21T18:13:00Z' FROM feeds WHERE category_id IS NULL",
    "INSERT INTO editors (id, name, password_hash, created_at)"
    " VALUES (3, 'ada', 'hash', '2026-01-21T18:13:00Z')",
    "INSERT INTO invitations (token_digest, expires_at) VALUES ('digest', '2026-01-22T18:13:00Z')",
]


@pytest.fixture
def empty(request: pytest.FixtureRequest, tmp_path: Path, engine: str) -> Storage:
    if engine == "sqlite":
        return Storage(f"sqlite:///{tmp_path}/feedsvc.db")
    server = request.getfixturevalue("postgresql_server")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS feedsvc_upgraded")
        connection.execute("CREATE DATABASE feedsvc_upgraded")
    return Storage(server.replace("/postgres?", "/feedsvc_upgraded?"))


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_an_upgrade_keeps_articles_feeds_and_their_ids(empty: Storage) -> None:
    with empty.writing() as tx:
        connection = tx.settings._connection
        config = empty._alembic()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in FIRST:
            connection.exec_driver_sql(statement)
    assert empty.migrate()
    empty.check_schema()
    publisher = Publisher(empty, Site("The Example", "https://example.org", "en"), Window())
    assert publisher.category_called("ÉCONOMIE", utc(2026, 2, 1)).slug == "eco"
    publisher.regenerate_all(utc(2026, 2, 1), force=False)
    body = stored_documents(empty)["/feeds/eco.atom"].bodies["identity"]
    with empty.reading() as tx:
        assert tx.entries.by_slug("old").title == "Old"
        # In the order in which they were listed, and in the site's language.
        listed = tx.feeds.categories()
        slugs = [one.slug for one in listed]
        assert slugs.index("art") < slugs.index("zoo")
        assert {one.language for one in listed} == {""}
        # Its clock stands where something entered it last; whoever signed it has a feed of it.
        for slug in ("eco", "all", "authors/zoe-arger"):
            assert tx.feeds.last_move(tx.feeds.feed(slug)) == utc(2026, 1, 21, 18, 13)
            assert len(tx.entries.live_in(tx.feeds.feed(slug), limit=5)) == 1
        assert tx.feeds.feed("authors/zoe-arger").name == "Zoë Ärger"
        # Whoever could do everything still can; a link for the first account is for that.
        ada, found = tx.editors.named("ada"), tx.editors.invitation("digest", utc(2026, 1, 22))
        assert ada is not None
        assert ada.is_administrator
        assert found is not None
        assert found.purpose is Purpose.FIRST
    assert b"urn:uuid:00000000-0000-4000-8000-000000000007" in body
    assert b"urn:uuid:00000000-0000-4000-8000-000000000001" in body
    assert b"<published>2026-01-21T18:13:00Z</published>" in body
    empty.close()
