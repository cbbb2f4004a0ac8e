"""SQLite and PostgreSQL behind one ``Storage``."""

from feedsvc.storage.archives import Unfiled
from feedsvc.storage.audit import BY_COMMAND, LookedFor, Noted
from feedsvc.storage.editors import Account, Invitation, OpenLink, Purpose
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
from feedsvc.storage.public_pages import RANGE_BITS, Address
from feedsvc.storage.second_factors import SecondFactor
from feedsvc.storage.sessions import Session
from feedsvc.storage.storage import Storage, Transaction, describe_url, sqlite_file
from feedsvc.storage.words import words_of

__all__ = [
    "BY_COMMAND",
    "CHANGED_MEANWHILE",
    "MOST_COUNTED",
    "MOST_IN_WINDOW",
    "RANGE_BITS",
    "Account",
    "Address",
    "FaultyEntry",
    "FeedWindow",
    "Invitation",
    "LastSave",
    "LookedFor",
    "Noted",
    "OpenLink",
    "Purpose",
    "SecondFactor",
    "Session",
    "Storage",
    "StoredPicture",
    "Transaction",
    "Unfiled",
    "Version",
    "Wanted",
    "WorkingCopy",
    "describe_url",
    "sqlite_file",
    "words_of",
]
