"""Accounts, one-time links, and failed sign-ins."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, text, update

from feedsvc.errors import NotFound
from feedsvc.model import Editor
from feedsvc.storage.schema import editors, invitations, sign_in_failures, working_copies


class EditorRows:
    """Reading and writing accounts inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[Editor]:
        """Every account, by name."""
        query = select(editors).order_by(editors.c.name).limit(1000)
        return [_editor(row) for row in self._connection.execute(query)]

    def any(self) -> bool:
        """Whether there is an account."""
        return self._connection.execute(select(editors.c.id).limit(1)).first() is not None

    def get(self, id: int) -> Editor | None:
        """The account with that number, or None."""
        row = self._connection.execute(select(editors).where(editors.c.id == id)).one_or_none()
        return _editor(row) if row else None

    def named(self, name: str) -> Editor | None:
        """The account of that name, or None."""
        row = self._connection.execute(select(editors).where(editors.c.name == name)).one_or_none()
        return _editor(row) if row else None

    def add(self, name: str, password_hash: str, created_at: datetime) -> Editor:
        """Store a new account."""
        row = self._connection.execute(
            insert(editors)
            .values(name=name, password_hash=password_hash, created_at=created_at)
            .returning(editors)
        ).one()
        return _editor(row)

    def set_password_hash(self, name: str, password_hash: str) -> None:
        """Give an account a new password.

        :raises NotFound: there is no such account.
        """
        changed = self._connection.execute(
            update(editors).where(editors.c.name == name).values(password_hash=password_hash)
        )
        if not changed.rowcount:
            raise NotFound(f"there is no editor {name!r}")

    def remove(self, name: str) -> None:
        """Remove an account.

        :raises NotFound: there is no such account.
        """
        its_id = select(editors.c.id).where(editors.c.name == name).scalar_subquery()
        self._connection.execute(delete(working_copies).where(working_copies.c.editor_id == its_id))
        if not self._connection.execute(delete(editors).where(editors.c.name == name)).rowcount:
            raise NotFound(f"there is no editor {name!r}")

    def invite(self, token_digest: str, expires_at: datetime) -> None:
        """Let whoever has the token make an account; earlier tokens end."""
        self._connection.execute(delete(invitations))
        self._connection.execute(
            insert(invitations).values(token_digest=token_digest, expires_at=expires_at)
        )

    def is_invited(self, token_digest: str, now: datetime) -> bool:
        """Whether the token may be used."""
        query = select(invitations.c.token_digest).where(
            invitations.c.token_digest == token_digest, invitations.c.expires_at > now
        )
        return self._connection.execute(query).first() is not None

    def use_invitation(self, token_digest: str, now: datetime) -> bool:
        """Use the token up. False where it was used or has expired."""
        used = self._connection.execute(
            delete(invitations).where(
                invitations.c.token_digest == token_digest, invitations.c.expires_at > now
            )
        )
        return used.rowcount == 1

    def lock_failures(self) -> None:
        """Keep other sign-ins from counting until this transaction ends."""
        if self._connection.dialect.name == "postgresql":
            # SQLite has one writer at a time.
            self._connection.execute(text("LOCK TABLE sign_in_failures IN EXCLUSIVE MODE"))

    def note_failure(self, keys: list[str], failed_at: datetime) -> list[int]:
        """Remember a failed sign-in under each key; the numbers of what is remembered."""
        rows = [{"key": key, "failed_at": failed_at} for key in keys]
        noted = insert(sign_in_failures).returning(sign_in_failures.c.id)
        return list(self._connection.execute(noted, rows).scalars())

    def failures(self, key: str, since: datetime) -> int:
        """How many failures there were under ``key`` since an instant."""
        table = sign_in_failures
        query = select(func.count()).where(table.c.key == key, table.c.failed_at > since)
        return self._connection.execute(query).scalar_one()

    def forget_failures(self, keys: list[str], ids: list[int], before: datetime) -> None:
        """Forget those under ``keys``, those numbered ``ids``, and all before an instant."""
        table = sign_in_failures
        self._connection.execute(
            delete(table).where(
                table.c.key.in_(keys) | table.c.id.in_(ids) | (table.c.failed_at < before)
            )
        )


def _editor(row: Row[Any]) -> Editor:
    return Editor(id=row.id, name=row.name, password_hash=row.password_hash)
