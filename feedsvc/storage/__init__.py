"""SQLite and PostgreSQL behind one ``Storage``."""

from feedsvc.storage.entries import FaultyEntry
from feedsvc.storage.storage import Storage, Transaction, describe_url, sqlite_file

__all__ = ["FaultyEntry", "Storage", "Transaction", "describe_url", "sqlite_file"]
