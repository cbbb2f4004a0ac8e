"""Who may write: passwords, sign-in, throttling, the first account's link."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from feedsvc.characters import clean_line
from feedsvc.errors import InvalidEntry
from feedsvc.model import Editor, whole_second
from feedsvc.phrases import Phrase
from feedsvc.storage import Storage, Transaction
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
    _check_length(password)
    return passwords.hashed(password)


def _check_length(password: str) -> None:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        fault = Phrase("use at least %(shortest)s characters", shortest=SHORTEST_PASSWORD)
        raise InvalidEntry({"password": fault})


def checked_name(name: str) -> str:
    """A user name as it is stored.

    :raises InvalidEntry: it is empty or too long.
    """
    name = clean_line(name)
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidEntry(
            {"name": Phrase("use 1 to %(longest)s characters", longest=LONGEST_NAME)}
        )
    return name


def sign_in(
    storage: Storage, name: str, password: str, address: str, now: datetime
) -> Editor | None:
    """The account of that name if the password is its own, else None.

    :raises Throttled: there were too many failures before; nothing is verified.
    """
    name, now = clean_line(name), whole_second(now)
    attempt = _Attempt.of(name, address, now)
    with storage.writing() as tx:
        attempt.count(tx)
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
        attempt.forget(tx)
        # Unless somebody gave the account a new password meanwhile.
        if new_hash and tx.editors.named(name) == editor:
            tx.editors.set_password_hash(name, new_hash)
            editor = tx.editors.named(name)
    return editor


def renew_password(
    storage: Storage, editor: Editor, *, current: str, new: str, address: str, now: datetime
) -> Editor | None:
    """Store a password, which may be the one that there is; earlier sessions end by it.

    :param current: what proves that it is the editor; None is returned where it does not.
    :raises InvalidEntry: the new one is too short or too long.
    :raises Throttled: there were too many failures before; nothing is verified.
    """
    _check_length(new)
    attempt = _Attempt.of(editor.name, address, whole_second(now))
    with storage.writing() as tx:
        attempt.count(tx)
    if not passwords.is_right(editor.password_hash, current[:LONGEST_PASSWORD]):
        return None
    new_hash = hash_password(new)
    with storage.writing() as tx:
        attempt.forget(tx)
        if tx.editors.named(editor.name) != editor:
            return None  # somebody else gave the account another one meanwhile
        tx.editors.set_password_hash(editor.name, new_hash)
        return tx.editors.named(editor.name)


class _Attempt:
    """One try of a password, counted before it is verified.

    In one transaction that excludes others of its kind: a burst of parallel guesses cannot
    all pass the check before any is counted.
    """

    def __init__(self, keys: dict[str, str], now: datetime) -> None:
        self._keys = keys
        self._now = now
        self._since = now - timedelta(minutes=THROTTLE_MINUTES)
        self._noted: list[int] = []

    @classmethod
    def of(cls, name: str, address: str, now: datetime) -> _Attempt:
        address = subscriber(address)
        keys = {
            "pair": _digest("pair", name, address),
            "address": _digest("address", address),
            "name": _digest("name", name),
        }
        return cls(keys, now)

    def count(self, tx: Transaction) -> None:
        """Count it as a failure.

        :raises Throttled: there were too many.
        """
        tx.editors.lock_failures()
        for kind, key in self._keys.items():
            if tx.editors.failures(key, self._since) >= MOST_FAILURES[kind]:
                raise Throttled
        self._noted = tx.editors.note_failure(list(self._keys.values()), self._now)

    def forget(self, tx: Transaction) -> None:
        """It was none, and those before it were slips."""
        keys = [self._keys["pair"], self._keys["name"]]
        tx.editors.forget_failures(keys, self._noted, self._since)


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
