"""Where each category stands among the others."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update
from sqlalchemy import tuple_ as several

from feedsvc.model import Category
from feedsvc.storage.schema import categories

_of_each = several(categories.c.position, categories.c.id)


class CategoryOrder:
    """Reading and changing the order of categories inside one transaction.

    To be changed under ``lock_categories``.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def number(self, category: Category) -> int:
        """How many stand before it."""
        place = several(*self._place(category))
        query = select(func.count(categories.c.id)).where(_of_each < place)
        return self._connection.execute(query).scalar_one()

    def before(self, category: Category) -> int | None:
        """The id of the one right before it, if there is one."""
        query = select(categories.c.id).where(_of_each < several(*self._place(category)))
        last = query.order_by(categories.c.position.desc(), categories.c.id.desc()).limit(1)
        return self._connection.execute(last).scalar_one_or_none()

    def after(self, category: Category) -> int | None:
        """The id of the one right behind it, if there is one."""
        query = select(categories.c.id).where(_of_each > several(*self._place(category)))
        first = query.order_by(categories.c.position, categories.c.id).limit(1)
        return self._connection.execute(first).scalar_one_or_none()

    def exchange(self, category_id: int, other_id: int) -> None:
        """Put two categories each in the other's place."""
        query = select(categories.c.id, categories.c.position).where(
            categories.c.id.in_([category_id, other_id])
        )
        positions = {row.id: row.position for row in self._connection.execute(query)}
        self._put(category_id, positions[other_id])
        self._put(other_id, positions[category_id])

    def put_first(self, category: Category) -> None:
        """Let it stand before all the others."""
        first = self._connection.execute(select(func.min(categories.c.position))).scalar_one()
        self._put(category.id, first - 1)

    def put_last(self, category: Category) -> None:
        """Let it stand behind all the others."""
        last = self._connection.execute(select(func.max(categories.c.position))).scalar_one()
        self._put(category.id, last + 1)

    def _place(self, category: Category) -> tuple[int, int]:
        query = select(categories.c.position, categories.c.id)
        found = self._connection.execute(query.where(categories.c.id == category.id)).one()
        return found.position, found.id

    def _put(self, category_id: int, position: int) -> None:
        self._connection.execute(
            update(categories).where(categories.c.id == category_id).values(position=position)
        )
