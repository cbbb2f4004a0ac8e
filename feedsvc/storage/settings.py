"""Facts about the whole installation, by name."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from feedsvc.storage import schema


class SettingRows:
    """Small texts kept beside the articles: the cookie key, digests."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> str | None:
        """The value of ``name``, or None."""
        query = select(schema.settings.c.value).where(schema.settings.c.name == name)
        return self._connection.execute(query).scalar_one_or_none()

    def put(self, name: str, value: str) -> None:
        """Set ``name``."""
        table = schema.settings
        self._connection.execute(delete(table).where(table.c.name == name))
        self._connection.execute(insert(table).values(name=name, value=value))
