"""Who may write: passwords, sign-in, throttling, the first account's link."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from feedsvc.characters import clean_line
from feedsvc.errors import InvalidEntry
from feedsvc.model import Editor, whole_second
from feedsvc.storage import Storage
from feedsvc.web import passwords
from feedsvc.web.clients import subscriber

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1_000
LONGEST_NAME = 100
INVITATION_HOURS = 24

# At most so many failures within the time: of one account from one address, of
# one address, of one account from anywhere.
THROTTLE_MINUTES = 15
MOST_FAILURES = {"pair": 5, "address": 30, "name": 100}


class Throttled(Exception):
    """Too many failed sign-ins; the mend is to wait."""


def hash_password(password: str) -> str:
    """An argon2id hash.

    :raises InvalidEntry: the password is too short or too long.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidEntry({"password": f"use at least {SHORTEST_PASSWORD} characters"})
    return passwords.hashed(password)


def checked_name(name: str) -> str:
    """A user name as it is stored.

    :raises InvalidEntry: it is empty or too long.
    """
    name = clean_line(name)
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidEntry({"name": f"use 1 to {LONGEST_NAME} characters"})
    return name


def sign_in(
    storage: Storage, name: str, password: str, address: str, now: datetime
) -> Editor | None:
    """The account of that name if the password is its own, else None.

    :raises Throttled: there were too many failures before; nothing is verified.
    """
    name, now, address = clean_line(name), whole_second(now), subscriber(address)
    keys = {
        "pair": _digest("pair", name, address),
        "address": _digest("address", address),
        "name": _digest("name", name),
    }
    since = now - timedelta(minutes=THROTTLE_MINUTES)
    # Counted before it is verified, in one transaction that excludes others of its
    # kind: a burst of parallel guesses cannot all pass the check before any is counted.
    with storage.writing() as tx:
        tx.editors.lock_failures()
        for kind, key in keys.items():
            if tx.editors.failures(key, since) >= MOST_FAILURES[kind]:
                raise Throttled
        noted = tx.editors.note_failure(list(keys.values()), now)
        editor = tx.editors.named(name)
    is_right = passwords.is_right(
        editor.password_hash if editor else None, password[:LONGEST_PASSWORD]
    )
    if editor is None or not is_right:
        return None
    new_hash = ""
    if passwords.is_outdated(editor.password_hash):
        new_hash = passwords.hashed(password[:LONGEST_PASSWORD])
    with storage.writing() as tx:
        tx.editors.forget_failures([keys["pair"], keys["name"]], noted, since)
        # Unless somebody gave the account a new password meanwhile.
        if new_hash and tx.editors.named(name) == editor:
            tx.editors.set_password_hash(name, new_hash)
            editor = tx.editors.named(name)
    return editor


def session_stamp(editor: Editor) -> str:
    """Changes with the password, so that sessions from before it end."""
    return _digest("stamp", editor.password_hash)[:24]


def is_same(one: str, other: str) -> bool:
    """Compare without telling by the time taken."""
    return hmac.compare_digest(one.encode(), other.encode())


def invite_first_editor(storage: Storage, now: datetime) -> str | None:
    """A token for a one-time link that makes the first account; None if there is one.

    Only its digest is stored. Earlier tokens end.
    """
    token = secrets.token_urlsafe(24)
    with storage.writing() as tx:
        if tx.editors.any():
            return None
        tx.editors.invite(
            token_digest(token), whole_second(now) + timedelta(hours=INVITATION_HOURS)
        )
    return token


def accept_invitation(
    storage: Storage, token: str, name: str, password: str, now: datetime
) -> Editor | None:
    """Make the first account; None where the link was used already or has expired.

    :raises InvalidEntry: the name or the password cannot be used; the link still can.
    """
    name, password_hash, now = checked_name(name), hash_password(password), whole_second(now)
    with storage.writing() as tx:
        if tx.editors.any() or not tx.editors.use_invitation(token_digest(token), now):
            return None
        return tx.editors.add(name, password_hash, now)


def token_digest(token: str) -> str:
    """What is stored of a token."""
    return _digest("token", token)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
