"""The log: who did what and when. Rows are added; the database refuses any other change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, select

from feedsvc.characters import clean_line
from feedsvc.model import whole_second
from feedsvc.storage import statements
from feedsvc.storage.schema import audit

# Where an action ends so, nobody was signed in: it was a command of the operator's.
BY_COMMAND = ".by-command"
LONGEST_SUBJECT = 200
LONGEST_DETAIL = 1_000
LONGEST_ADDRESS = 45
# So many rows are looked through for words at a time.
MOST_LOOKED_THROUGH = 10_000


@dataclass(frozen=True, slots=True)
class Noted:
    """One act.

    :param who: the name of an account, or "" where nobody was signed in.
    :param action: its kind, a point, and what was done: ``article.publish``.
    :param entry_id: the article that it was done to, or "".
    """

    id: int
    at: datetime
    who: str
    action: str
    subject: str
    detail: str
    address: str
    entry_id: str


class LookedFor(NamedTuple):
    """What to narrow the log down to; "" for anything.

    :param words: each must stand in the subject, in any case.
    """

    who: str = ""
    kind: str = ""
    words: str = ""


class AuditRows:
    """Adding to the log and reading it inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def note(
        self,
        at: datetime,
        *,
        by: str,
        action: str,
        subject: str = "",
        detail: str = "",
        address: str = "",
        entry_id: str = "",
    ) -> None:
        """Write down an act, in the transaction of the act itself.

        :param at: aware.
        :param by: the name of the account that did it, or "".
        :param action: its kind, a point, and what was done: ``category.made``.
        :param subject: what it was done to, in people's words.
        :param address: where it was asked from, if that is known.
        """
        self._connection.execute(
            statements.NOTE,
            {
                "at": whole_second(at),
                "who": by,
                "kind": action.partition(".")[0],
                "action": action,
                "subject": clean_line(subject)[:LONGEST_SUBJECT],
                "detail": clean_line(detail)[:LONGEST_DETAIL],
                "address": address[:LONGEST_ADDRESS],
                "entry_id": entry_id,
            },
        )

    def latest(
        self, looked_for: LookedFor, *, limit: int, before: int | None = None
    ) -> tuple[list[Noted], int | None]:
        """What was noted, the newest first.

        :param before: only what has a smaller number.
        :returns: at most ``limit`` acts, and the number before which to go on looking; None
            where that was all. Of words so many rows are looked through, which may find
            fewer than there are.
        """
        words = looked_for.words.casefold().split()
        if not words:
            found = self._read(_narrowed(select(audit), looked_for, before).limit(limit + 1))
            return found[:limit], found[limit - 1].id if len(found) > limit else None
        query = _narrowed(select(audit.c.id, audit.c.subject), looked_for, before)
        ids: list[int] = []
        looked_through = last = 0
        for row in self._connection.execute(query.limit(MOST_LOOKED_THROUGH)):
            looked_through, last = looked_through + 1, row.id
            folded = row.subject.casefold()
            if all(word in folded for word in words):
                ids.append(row.id)
                if len(ids) == limit:
                    break
        is_over = looked_through < MOST_LOOKED_THROUGH and len(ids) < limit
        chosen = select(audit).where(audit.c.id.in_(ids)).order_by(audit.c.id.desc())
        return self._read(chosen), None if is_over else last

    def _read(self, query: Select[Any]) -> list[Noted]:
        return [_noted(row) for row in self._connection.execute(query)]


def _narrowed(query: Select[Any], looked_for: LookedFor, before: int | None) -> Select[Any]:
    if looked_for.who:
        query = query.where(audit.c.who == looked_for.who)
    if looked_for.kind:
        query = query.where(audit.c.kind == looked_for.kind)
    if before is not None:
        query = query.where(audit.c.id < before)
    return query.order_by(audit.c.id.desc())


def _noted(row: Row[Any]) -> Noted:
    return Noted(
        id=row.id,
        at=row.at,
        who=row.who,
        action=row.action,
        subject=row.subject,
        detail=row.detail,
        address=row.address,
        entry_id=row.entry_id,
    )
