"""Facts about the whole installation, by name."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from feedsvc.storage import schema, statements

MAX_AGE = "max_age"
MAX_AGE_SLACK = timedelta(minutes=1)
KEPT = "kept"


class SettingRows:
    """Small texts kept beside the articles: the cookie key, digests."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_postgresql = connection.dialect.name == "postgresql"

    def get(self, name: str) -> str | None:
        """The value of ``name``, or None."""
        found: str | None = self._connection.execute(
            statements.SETTING, {"of_name": name}
        ).scalar_one_or_none()
        return found

    def kept(self) -> str:
        """What administrators set over the configuration, as it was kept; "" of nothing."""
        return self.get(KEPT) or ""

    def lock_kept(self) -> str:
        """The same, kept from every other writer until this transaction ends."""
        self.put_if_missing(KEPT, "")
        query = select(schema.settings.c.value).where(schema.settings.c.name == KEPT)
        found: str = self._connection.execute(query.with_for_update()).scalar_one()
        return found

    def keep(self, kept: str) -> None:
        """Let that be what administrators set over the configuration."""
        self.put(KEPT, kept)

    def longest_max_age(self) -> int:
        """For how many seconds some cache may have been told to keep a feed, and not be done."""
        found = self._max_ages()
        longest: int = max(found["now"], found["before"])
        return longest

    def note_max_age(self, seconds: int, now: datetime) -> None:
        """Caches are told so many seconds from now on.

        What they were told before is remembered until none can go by it any more: whatever
        process answers their readers meanwhile, it must not take their copies for newer ones.
        """
        if noted := self.new_max_ages(seconds, now):
            self.put(MAX_AGE, noted)

    def new_max_ages(self, seconds: int, now: datetime) -> str | None:
        """What ``note_max_age`` would store; None where that stands there already."""
        found = self._max_ages()
        before = found["before"] if now.isoformat() < found["until"] else 0
        until = found["until"]
        if found["now"] > seconds:
            # As long as that, and once more while a cache asks for something newer.
            after = now + timedelta(seconds=2 * found["now"]) + MAX_AGE_SLACK
            before, until = max(before, found["now"]), max(until, after.isoformat())
        noted = {"now": seconds, "before": before, "until": until}
        return json.dumps(noted) if noted != found else None

    def _max_ages(self) -> dict[str, Any]:
        return {"now": 0, "before": 0, "until": "", **json.loads(self.get(MAX_AGE) or "{}")}

    def put_if_missing(self, name: str, value: str) -> None:
        """Set ``name`` unless somebody has: of several at once the first counts."""
        make = postgresql.insert if self._is_postgresql else sqlite.insert
        self._connection.execute(
            make(schema.settings).values(name=name, value=value).on_conflict_do_nothing()
        )

    def claim(self, name: str, now: datetime, until: datetime) -> bool:
        """Hold ``name`` until an instant, unless somebody does; of several at once one may.

        A claim that reaches further than this one would was made by a clock set back since.
        """
        make = postgresql.insert if self._is_postgresql else sqlite.insert
        value = schema.settings.c.value
        claimed = make(schema.settings).values(name=name, value=until.isoformat())
        query = claimed.on_conflict_do_update(
            index_elements=["name"],
            set_={"value": until.isoformat()},
            where=(value < now.isoformat()) | (value > until.isoformat()),
        ).returning(schema.settings.c.name)
        return self._connection.execute(query).one_or_none() is not None

    def put(self, name: str, value: str) -> None:
        """Set ``name``."""
        make = postgresql.insert if self._is_postgresql else sqlite.insert
        said = make(schema.settings).values(name=name, value=value)
        self._connection.execute(
            said.on_conflict_do_update(index_elements=["name"], set_={"value": value})
        )
