"""Browsers that are signed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from feedsvc.model import Editor
from feedsvc.storage.editors import editor_of
from feedsvc.storage.schema import editors, sessions

# Of one account; of more the one that was seen least lately ends.
MOST_SESSIONS = 100
LONGEST_USER_AGENT = 300


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is signed in.

    :param seen_at: within minutes.
    :param user_agent: as the browser called itself when it signed in.
    """

    id: int
    editor_id: int
    began_at: datetime
    seen_at: datetime
    address: str
    user_agent: str


class SessionRows:
    """Reading and writing sessions inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(
        self, editor_id: int, token_digest: str, now: datetime, *, address: str, user_agent: str
    ) -> None:
        """Remember a browser that signed in; the oldest of very many ends."""
        self._connection.execute(
            insert(sessions).values(
                token_digest=token_digest,
                editor_id=editor_id,
                began_at=now,
                seen_at=now,
                address=address,
                user_agent=user_agent[:LONGEST_USER_AGENT],
            )
        )
        beyond = (
            select(sessions.c.id)
            .where(sessions.c.editor_id == editor_id)
            .order_by(sessions.c.seen_at.desc(), sessions.c.id.desc())
            .offset(MOST_SESSIONS)
            .limit(MOST_SESSIONS)
        )
        found = self._connection.execute(beyond).scalars().all()
        if found:
            self._connection.execute(delete(sessions).where(sessions.c.id.in_(found)))

    def find(self, token_digest: str, since: datetime) -> tuple[Session, Editor] | None:
        """The session of a token that was seen after an instant, and whose it is; or None."""
        query = (
            select(sessions, editors.c.name, editors.c.password_hash, editors.c.role)
            .join(editors, editors.c.id == sessions.c.editor_id)
            .where(sessions.c.token_digest == token_digest, sessions.c.seen_at > since)
        )
        row = self._connection.execute(query).one_or_none()
        return (_session(row), editor_of(row, row.editor_id)) if row else None

    def seen(self, id: int, now: datetime) -> None:
        """It was used."""
        self._connection.execute(update(sessions).where(sessions.c.id == id).values(seen_at=now))

    def of_editor(self, editor_id: int, since: datetime) -> list[Session]:
        """Those of an account that were seen after an instant, the last first."""
        query = (
            select(sessions)
            .where(sessions.c.editor_id == editor_id, sessions.c.seen_at > since)
            .order_by(sessions.c.seen_at.desc(), sessions.c.id.desc())
            .limit(MOST_SESSIONS)
        )
        return [_session(row) for row in self._connection.execute(query)]

    def end(self, token_digest: str) -> None:
        """That of a token, if there is one."""
        self._connection.execute(delete(sessions).where(sessions.c.token_digest == token_digest))

    def end_one(self, id: int, editor_id: int) -> bool:
        """One of an account, by its number. Whether there was such a one."""
        ended = self._connection.execute(
            delete(sessions).where(sessions.c.id == id, sessions.c.editor_id == editor_id)
        )
        return bool(ended.rowcount)

    def end_all(self, editor_id: int, *, but: int | None = None) -> int:
        """All of an account, but the one with that number. How many there were."""
        ending = delete(sessions).where(sessions.c.editor_id == editor_id)
        if but is not None:
            ending = ending.where(sessions.c.id != but)
        return self._connection.execute(ending).rowcount

    def sweep(self, before: datetime) -> None:
        """Forget those that nobody used since an instant."""
        self._connection.execute(delete(sessions).where(sessions.c.seen_at <= before))


def _session(row: Row[Any]) -> Session:
    return Session(
        id=row.id,
        editor_id=row.editor_id,
        began_at=row.began_at,
        seen_at=row.seen_at,
        address=row.address,
        user_agent=row.user_agent,
    )
