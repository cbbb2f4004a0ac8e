"""Accounts, one-time links, and failed sign-ins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, text, update

from feedsvc.characters import look_of
from feedsvc.errors import NotFound
from feedsvc.model import Editor, Role
from feedsvc.storage.schema import (
    editors,
    invitations,
    recovery_codes,
    second_factors,
    sessions,
    sign_in_failures,
    working_copies,
)

# So many accounts are listed, and texts counted.
MOST_LISTED = 1_000


class Purpose(StrEnum):
    """What a one-time link is for; ``CODE`` is none, but waits for a second factor."""

    FIRST = "first"
    ONE_MORE = "one-more"
    PASSWORD = "password"  # noqa: S105
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a one-time link may do.

    :param role: of the account that is made with it.
    :param editor_id: whose password it gives anew.
    :param made_by: the name of an administrator, or "".
    """

    purpose: Purpose
    role: Role
    editor_id: int | None
    made_by: str


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A one-time link that works still, as administrators see it.

    :param whose: the name of the account that gets a new password by it, or "".
    :param expires_at: aware.
    """

    token_digest: str
    purpose: Purpose
    role: Role
    whose: str
    made_by: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """An account as administrators see it."""

    editor: Editor
    has_second_factor: bool
    signed_in_at: datetime | None


class EditorRows:
    """Reading and writing accounts inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[Editor]:
        """Every account, by name."""
        query = select(editors).order_by(editors.c.name).limit(MOST_LISTED)
        return [editor_of(row, row.id) for row in self._connection.execute(query)]

    def accounts(self) -> list[Account]:
        """Every account, by name, with what administrators see of it."""
        query = _ACCOUNTS.order_by(editors.c.name).limit(MOST_LISTED)
        return [_account(row) for row in self._connection.execute(query)]

    def account(self, id: int) -> Account | None:
        """That of the account with that number, or None."""
        row = self._connection.execute(_ACCOUNTS.where(editors.c.id == id)).one_or_none()
        return _account(row) if row else None

    def any(self) -> bool:
        """Whether there is an account."""
        return self._connection.execute(select(editors.c.id).limit(1)).first() is not None

    def get(self, id: int) -> Editor | None:
        """The account with that number, or None."""
        row = self._connection.execute(select(editors).where(editors.c.id == id)).one_or_none()
        return editor_of(row, row.id) if row else None

    def named(self, name: str) -> Editor | None:
        """The account of that name, or None."""
        row = self._connection.execute(select(editors).where(editors.c.name == name)).one_or_none()
        return editor_of(row, row.id) if row else None

    def looking_like(self, name: str) -> Editor | None:
        """An account whose name people cannot tell from that one; of several any."""
        look, last = look_of(name), 0
        query = select(editors.c.id, editors.c.name).order_by(editors.c.id).limit(MOST_LISTED)
        while found := self._connection.execute(query.where(editors.c.id > last)).all():
            for row in found:
                if look_of(row.name) == look:
                    return self.get(row.id)
            last = found[-1].id
        return None

    def add(
        self, name: str, password_hash: str, created_at: datetime, role: Role = Role.EDITOR
    ) -> Editor:
        """Store a new account."""
        row = self._connection.execute(
            insert(editors)
            .values(name=name, password_hash=password_hash, created_at=created_at, role=role.value)
            .returning(editors)
        ).one()
        return editor_of(row, row.id)

    def set_password_hash(self, name: str, password_hash: str, *, but: int | None = None) -> None:
        """Give an account a new password; its sessions, its links and those it made end.

        :param but: the number of a session that goes on.
        :raises NotFound: there is no such account.
        """
        changed = self._connection.execute(
            update(editors)
            .where(editors.c.name == name)
            .values(password_hash=password_hash)
            .returning(editors.c.id)
        )
        id = changed.scalar_one_or_none()
        if id is None:
            raise NotFound(f"there is no editor {name!r}")
        ending = delete(sessions).where(sessions.c.editor_id == id)
        if but is not None:
            ending = ending.where(sessions.c.id != but)
        self._connection.execute(ending)
        self._connection.execute(delete(invitations).where(invitations.c.editor_id == id))
        self.end_links_by(name)

    def note_signed_in(self, editor: Editor, now: datetime) -> bool:
        """False where it has another password since that was verified, or is gone."""
        return self._change(editor, signed_in_at=now)

    def rehash(self, editor: Editor, password_hash: str) -> bool:
        """Store the same password's hash as it is made today. False as above."""
        return self._change(editor, password_hash=password_hash)

    def _change(self, editor: Editor, **values: Any) -> bool:
        is_it = (editors.c.id == editor.id) & (editors.c.password_hash == editor.password_hash)
        return bool(
            self._connection.execute(update(editors).where(is_it).values(**values)).rowcount
        )

    def lock(self) -> None:
        """Keep accounts as they are until this transaction ends, but for what it does itself."""
        if self._connection.dialect.name == "postgresql":
            # SQLite has one writer at a time.
            self._connection.execute(text("LOCK TABLE editors IN SHARE ROW EXCLUSIVE MODE"))

    def has_administrator_beside(self, id: int) -> bool:
        """Whether there would be one without that account."""
        query = select(editors.c.id).where(
            editors.c.role == Role.ADMINISTRATOR.value, editors.c.id != id
        )
        return self._connection.execute(query.limit(1)).first() is not None

    def set_role(self, editor: Editor, role: Role) -> None:
        """What it may do from now on; links that it made as an administrator end."""
        self._connection.execute(
            update(editors).where(editors.c.id == editor.id).values(role=role.value)
        )
        if role is not Role.ADMINISTRATOR:
            self.end_links_by(editor.name)

    def count_typed(self, id: int) -> int:
        """How many texts an account typed and did not save."""
        found = select(working_copies.c.entry_id).where(working_copies.c.editor_id == id)
        query = select(func.count()).select_from(found.limit(MOST_LISTED).subquery())
        return self._connection.execute(query).scalar_one()

    def remove(self, name: str) -> None:
        """Remove an account, its sessions, and what it typed and did not save.

        :raises NotFound: there is no such account.
        """
        # Locked first: whoever signs in just now is either seen here or finds it gone.
        query = select(editors.c.id).where(editors.c.name == name).with_for_update()
        id = self._connection.execute(query).scalar_one_or_none()
        if id is None:
            raise NotFound(f"there is no editor {name!r}")
        for table in (working_copies, sessions, recovery_codes, second_factors, invitations):
            self._connection.execute(delete(table).where(table.c.editor_id == id))
        self.end_links_by(name)
        self._connection.execute(delete(editors).where(editors.c.id == id))

    # One-time links

    def invite(
        self,
        token_digest: str,
        expires_at: datetime,
        *,
        purpose: Purpose = Purpose.FIRST,
        role: Role = Role.ADMINISTRATOR,
        editor_id: int | None = None,
        made_by: str = "",
    ) -> None:
        """Let whoever has the token make an account, or give one another password.

        Earlier ones for the first account, or for the password of the same one, end.
        """
        table = invitations
        if purpose in (Purpose.FIRST, Purpose.PASSWORD):
            is_same = table.c.purpose == purpose.value
            if editor_id is not None:
                is_same &= table.c.editor_id == editor_id
            self._connection.execute(delete(table).where(is_same))
        self._connection.execute(
            insert(table).values(
                token_digest=token_digest,
                expires_at=expires_at,
                purpose=purpose.value,
                role=role.value,
                editor_id=editor_id,
                made_by=made_by,
            )
        )

    def invitation(self, token_digest: str, now: datetime) -> Invitation | None:
        """What the token may do; None where it was used or has expired."""
        query = select(invitations).where(
            invitations.c.token_digest == token_digest, invitations.c.expires_at > now
        )
        row = self._connection.execute(query).one_or_none()
        return _invitation(row) if row else None

    def use_invitation(self, token_digest: str, now: datetime) -> Invitation | None:
        """The same, and use the token up; what has expired is forgotten."""
        self._connection.execute(delete(invitations).where(invitations.c.expires_at <= now))
        used = self._connection.execute(
            delete(invitations)
            .where(invitations.c.token_digest == token_digest)
            .returning(invitations)
        ).one_or_none()
        return _invitation(used) if used else None

    def open_links(self, now: datetime) -> list[OpenLink]:
        """Those that administrators made and that work still, the next to end first."""
        query = (
            select(invitations, editors.c.name)
            .outerjoin(editors, editors.c.id == invitations.c.editor_id)
            .where(_IS_MADE, invitations.c.expires_at > now)
            .order_by(invitations.c.expires_at, invitations.c.token_digest)
            .limit(MOST_LISTED)
        )
        return [_open_link(row) for row in self._connection.execute(query)]

    def end_link(self, token_digest: str) -> Invitation | None:
        """One that an administrator made; what it was, or None where there is none."""
        ended = self._connection.execute(
            delete(invitations)
            .where(_IS_MADE, invitations.c.token_digest == token_digest)
            .returning(invitations)
        ).one_or_none()
        return _invitation(ended) if ended else None

    def end_links_by(self, name: str) -> None:
        """Those that an account made."""
        self._connection.execute(delete(invitations).where(invitations.c.made_by == name))

    # Failed sign-ins

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


_ACCOUNTS: Select[Any] = select(
    editors, func.coalesce(second_factors.c.is_on, False).label("has_second_factor")
).outerjoin(second_factors, second_factors.c.editor_id == editors.c.id)


_IS_MADE = invitations.c.purpose.in_([Purpose.ONE_MORE.value, Purpose.PASSWORD.value])


def _account(row: Row[Any]) -> Account:
    return Account(editor_of(row, row.id), bool(row.has_second_factor), row.signed_in_at)


def _invitation(row: Row[Any]) -> Invitation:
    return Invitation(Purpose(row.purpose), Role(row.role), row.editor_id, row.made_by)


def _open_link(row: Row[Any]) -> OpenLink:
    return OpenLink(
        token_digest=row.token_digest,
        purpose=Purpose(row.purpose),
        role=Role(row.role),
        whose=row.name or "",
        made_by=row.made_by,
        expires_at=row.expires_at,
    )


def editor_of(row: Row[Any], id: int) -> Editor:
    """The account in a row with its columns."""
    return Editor(id=id, name=row.name, password_hash=row.password_hash, role=Role(row.role))
