"""SQLite and PostgreSQL behind one ``Storage``."""

from feedsvc.storage.storage import Storage, Transaction, describe_url, sqlite_file

__all__ = ["Storage", "Transaction", "describe_url", "sqlite_file"]
