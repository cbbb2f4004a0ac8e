"""Secrets of second factors, and codes for whoever has lost one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from feedsvc.storage.schema import recovery_codes, second_factors


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """What an account's one-time passwords are made of (RFC 6238).

    :param secret: base32; never logged.
    :param began_at: when its setting up began.
    :param is_on: whether a code of it was right once.
    """

    editor_id: int
    secret: str = field(repr=False)
    began_at: datetime
    is_on: bool


class SecondFactorRows:
    """Reading and writing both inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_editor(self, editor_id: int) -> SecondFactor | None:
        """That of an account, switched on or being set up; None where there is none."""
        query = select(second_factors).where(second_factors.c.editor_id == editor_id)
        row = self._connection.execute(query).one_or_none()
        return SecondFactor(row.editor_id, row.secret, row.began_at, row.is_on) if row else None

    def begin(self, editor_id: int, secret: str, now: datetime) -> None:
        """A new one, not switched on yet, in the place of one that was not either."""
        self._connection.execute(
            delete(second_factors).where(
                second_factors.c.editor_id == editor_id, ~second_factors.c.is_on
            )
        )
        self._connection.execute(
            insert(second_factors).values(
                editor_id=editor_id, secret=secret, began_at=now, is_on=False, last_step=0
            )
        )

    def switch_on(
        self, editor_id: int, secret: str, step: int, code_digests: Iterable[str]
    ) -> bool:
        """Its code of ``step`` was right. False where it is another one meanwhile."""
        changed = self._connection.execute(
            update(second_factors)
            .where(
                second_factors.c.editor_id == editor_id,
                second_factors.c.secret == secret,
                ~second_factors.c.is_on,
            )
            .values(is_on=True, last_step=step)
        )
        if not changed.rowcount:
            return False
        rows = [{"editor_id": editor_id, "code_digest": one} for one in code_digests]
        self._connection.execute(insert(recovery_codes), rows)
        return True

    def use_step(self, editor_id: int, secret: str, step: int, *, latest: int) -> bool:
        """Use up the code of ``step`` and all before it. False where it was used already.

        :param latest: no clock shows a later step now; one that is noted was of a clock that
            has been set back since.
        """
        last = second_factors.c.last_step
        changed = self._connection.execute(
            update(second_factors)
            .where(
                second_factors.c.editor_id == editor_id,
                second_factors.c.secret == secret,
                second_factors.c.is_on,
                (last < step) | (last > latest),
            )
            .values(last_step=step)
        )
        return bool(changed.rowcount)

    def use_recovery_code(self, editor_id: int, code_digest: str) -> bool:
        """Use it up. False where it is none, or was used."""
        used = self._connection.execute(
            delete(recovery_codes).where(
                recovery_codes.c.editor_id == editor_id,
                recovery_codes.c.code_digest == code_digest,
            )
        )
        return bool(used.rowcount)

    def count_recovery_codes(self, editor_id: int) -> int:
        """How many are left."""
        query = select(func.count()).where(recovery_codes.c.editor_id == editor_id)
        return self._connection.execute(query).scalar_one()

    def remove(self, editor_id: int) -> bool:
        """Switch it off. Whether it was on."""
        self._connection.execute(
            delete(recovery_codes).where(recovery_codes.c.editor_id == editor_id)
        )
        removed = self._connection.execute(
            delete(second_factors)
            .where(second_factors.c.editor_id == editor_id)
            .returning(second_factors.c.is_on)
        )
        return any(removed.scalars().all())
