"""SQLite and PostgreSQL behind one ``Storage``."""

from feedsvc.storage.entries import (
    CHANGED_MEANWHILE,
    MOST_COUNTED,
    MOST_IN_WINDOW,
    FaultyEntry,
    FeedWindow,
    Wanted,
)
from feedsvc.storage.history import LastSave, Version, WorkingCopy
from feedsvc.storage.pictures import StoredPicture
from feedsvc.storage.storage import Storage, Transaction, describe_url, sqlite_file
from feedsvc.storage.words import words_of

__all__ = [
    "CHANGED_MEANWHILE",
    "MOST_COUNTED",
    "MOST_IN_WINDOW",
    "FaultyEntry",
    "FeedWindow",
    "LastSave",
    "Storage",
    "StoredPicture",
    "Transaction",
    "Version",
    "Wanted",
    "WorkingCopy",
    "describe_url",
    "sqlite_file",
    "words_of",
]
