"""Alembic runs the migrations on the connection that ``Storage.migrate`` hands it."""

from alembic import context

from feedsvc.storage.schema import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("migrations are run by: feedsvc migrate")
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    # The caller's transaction holds all of it.
    transaction_per_migration=False,
)
context.run_migrations()
