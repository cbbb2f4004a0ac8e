"""Passwords as argon2id hashes (RFC 9106), made behind everything else the service does.

A hash takes a tenth of a second of a processor and 64 MB, on purpose. They are made one
after the other in a thread of their own that stands back, so that however many sign in at
once, polls go before them.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

NICENESS = 10
MOST_WAITING = 2
LONGEST_WAIT_SECONDS = 1.0

# One lane: the threads of several would compete with the polls, each for a share.
_hasher = PasswordHasher(parallelism=1)


def _stand_back() -> None:
    # Of one thread on Linux alone; elsewhere it would be the whole process.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_thread = ThreadPoolExecutor(1, "passwords", _stand_back)


# Whoever waits for a hash keeps one of the threads that make pages.
_waiting = threading.BoundedSemaphore(MOST_WAITING)


class Busy(Exception):
    """So many sign in that one more would keep others from pages."""


@contextmanager
def turn() -> Iterator[None]:
    """Around whatever strangers may have hashed.

    :raises Busy: too many wait already.
    """
    if not _waiting.acquire(timeout=LONGEST_WAIT_SECONDS):
        raise Busy
    try:
        yield
    finally:
        _waiting.release()


def hashed(password: str) -> str:
    """What is stored of a password."""
    return _thread.submit(_hasher.hash, password).result()


def is_right(password_hash: str | None, password: str) -> bool:
    """Whether it is that password's hash; no, after as long, where there is none."""
    return _thread.submit(_is_right, password_hash or _nobodys(), password).result()


def is_outdated(password_hash: str) -> bool:
    """Whether it was made in a way that is no longer ours."""
    return _hasher.check_needs_rehash(password_hash)


def _is_right(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def _nobodys() -> str:
    """The hash of no password that anybody knows, made without hashing."""
    salt, tail = (
        b64encode(secrets.token_bytes(length)).decode().rstrip("=")
        for length in (_hasher.salt_len, _hasher.hash_len)
    )
    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${tail}"
