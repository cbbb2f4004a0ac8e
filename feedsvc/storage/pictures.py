"""Pictures that editors uploaded, in the sizes in which they are served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from feedsvc.storage.schema import picture_sizes, pictures


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture in one size, without its bytes.

    :param digest: of the file as it was uploaded.
    :param width: in pixels, ``height`` likewise.
    """

    digest: str
    media_type: str
    width: int
    height: int
    length_bytes: int


class PictureRows:
    """Reading and writing pictures inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, digest: str, *, width: int = 0) -> StoredPicture | None:
        """A picture in its largest size, or in that width; None where there is none."""
        row = self._connection.execute(_of(_STORED, digest, width)).one_or_none()
        return StoredPicture(*row) if row else None

    def body(self, digest: str, width: int) -> bytes | None:
        """Its bytes in that width."""
        query = _of(select(picture_sizes.c.body).select_from(picture_sizes), digest, width)
        found = self._connection.execute(query).scalar_one_or_none()
        return bytes(found) if found is not None else None

    def add(
        self,
        digest: str,
        media_type: str,
        sizes: Sequence[tuple[int, int, bytes]],
        *,
        by: str,
        now: datetime,
    ) -> bool:
        """Store a picture, unless it is there: an address never leads to another one.

        :param sizes: width, height and bytes of each.
        :returns: whether it was stored.
        """
        row = {
            "digest": digest,
            "media_type": media_type,
            "uploaded_by": by,
            "uploaded_at": now,
        }
        is_postgresql = self._connection.dialect.name == "postgresql"
        insert = insert_postgresql if is_postgresql else insert_sqlite
        added = self._connection.execute(
            insert(pictures).values(row).on_conflict_do_nothing().returning(pictures.c.digest)
        )
        if added.first() is None:
            return False
        self._connection.execute(
            insert(picture_sizes),
            [
                {
                    "digest": digest,
                    "width": width,
                    "height": height,
                    "length_bytes": len(body),
                    "body": body,
                }
                for width, height, body in sizes
            ],
        )
        return True


_STORED = select(
    pictures.c.digest,
    pictures.c.media_type,
    picture_sizes.c.width,
    picture_sizes.c.height,
    picture_sizes.c.length_bytes,
).join_from(pictures, picture_sizes, picture_sizes.c.digest == pictures.c.digest)


def _of(query: Select[Any], digest: str, width: int) -> Select[Any]:
    query = query.where(picture_sizes.c.digest == digest)
    if width:
        return query.where(picture_sizes.c.width == width)
    return query.order_by(picture_sizes.c.width.desc()).limit(1)
