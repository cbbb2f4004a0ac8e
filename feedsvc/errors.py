"""The one family of errors.

Each says what is wrong, where, and how to mend it, in words an editor or
operator can act on. Only ``web`` turns them into HTTP statuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime


class FeedsvcError(Exception):
    """Base of everything feedsvc raises on purpose."""

    @property
    def said(self) -> str:
        """What is wrong, as it was put: a phrase where it is one, which ``str`` is not."""
        said = self.args[0] if self.args else ""
        return said if isinstance(said, str) else str(said)


class ConfigError(FeedsvcError):
    """The configuration cannot be used; every fault is listed at once.

    :param faults: one line each, ``dotted.path: what is wrong and the mend``.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class TimestampError(FeedsvcError):
    """A written time means no instant, or more than one."""


class CannotListen(FeedsvcError):
    """The service cannot listen where the configuration says."""


class GapError(TimestampError):
    """The clocks skip this wall time.

    :param before: the wall time and instant just before the gap, as ``(text, instant)``.
    :param after: the same just after it.
    """

    def __init__(
        self, message: str, before: tuple[str, datetime], after: tuple[str, datetime]
    ) -> None:
        super().__init__(message)
        self.before = before
        self.after = after


class OverlapError(TimestampError):
    """The clocks show this wall time twice.

    :param first: label and UTC instant of the earlier one.
    :param second: label and UTC instant of the later one.
    """

    def __init__(
        self, message: str, first: tuple[str, datetime], second: tuple[str, datetime]
    ) -> None:
        super().__init__(message)
        self.first = first
        self.second = second


class InvalidEntry(FeedsvcError):
    """What was written cannot be stored.

    :param faults: field name -> what is wrong and the mend.
    """

    def __init__(self, faults: Mapping[str, str]) -> None:
        self.faults = dict(faults)
        super().__init__("; ".join(f"{field}: {fault}" for field, fault in self.faults.items()))


class EditConflict(FeedsvcError):
    """The entry changed since the editor read it."""


class NotFound(FeedsvcError):
    """There is no such thing in storage."""


class ImportRefused(FeedsvcError):
    """A file cannot be understood.

    :param line: 1-based line in the file, or None where the whole file is meant.
    """

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class PictureRefused(FeedsvcError):
    """A file is no picture that is taken."""


class AddressRefused(FeedsvcError):
    """An address leads to no picture or recording that readers could fetch."""


class RenderingError(FeedsvcError):
    """An entry cannot be written in a format."""


class StorageError(FeedsvcError):
    """Storage cannot do it now; nothing was changed."""


class StorageBusy(StorageError):
    """Another writer held the database for too long."""


class StorageFull(StorageError):
    """There is no room left to write."""


class StorageReadOnly(StorageError):
    """The database cannot be written to."""


class StorageUnreachable(StorageError):
    """The database does not answer."""


class SchemaOutdated(StorageError):
    """The database has another version's schema."""
