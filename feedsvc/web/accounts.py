"""Who may write: passwords, sign-in, throttling, one-time links."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from feedsvc.characters import clean_line, is_unseen
from feedsvc.errors import InvalidEntry
from feedsvc.model import Editor, whole_second
from feedsvc.phrases import Phrase
from feedsvc.storage import Invitation, Purpose, Storage, Transaction
from feedsvc.web import passwords
from feedsvc.web.clients import subscriber

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1_000
LONGEST_NAME = 100
INVITATION_HOURS = 24
# How long a password that was right waits for its code.
CODE_SECONDS = 300

# At most so many failures within the time: of one account from one address, of
# one address, of one account from anywhere.
THROTTLE_MINUTES = 15
MOST_FAILURES = {"pair": 5, "address": 30, "name": 100}


class Throttled(Exception):
    """Too many failed sign-ins; the mend is to wait.

    :param key: that under which there were too many.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__("too many failed sign-ins")


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

    :raises InvalidEntry: it is empty or too long, or not all of it can be seen.
    """
    # Whatever the space, it looks like one.
    name = clean_line(" ".join(name.split()))
    if any(map(is_unseen, name)):
        raise InvalidEntry(
            {"name": Phrase("leave out characters that cannot be seen, or that turn the direction")}
        )
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidEntry(
            {"name": Phrase("use 1 to %(longest)s characters", longest=LONGEST_NAME)}
        )
    return name


def check_free(tx: Transaction, name: str) -> None:
    """Make sure that no account has that name, or one that looks like it.

    :raises InvalidEntry: one has.
    """
    found = tx.editors.looking_like(name)
    if found is None:
        return
    if found.name == name:
        raise InvalidEntry({"name": Phrase("there is an account of that name already")})
    raise InvalidEntry(
        {"name": Phrase("it looks like that of another account, “%(name)s”", name=found.name)}
    )


def sign_in(
    storage: Storage, name: str, password: str, address: str, now: datetime
) -> Editor | None:
    """The account of that name if the password is its own, else None.

    :raises Throttled: there were too many failures before; nothing is verified.
    """
    name, now = clean_line(name), whole_second(now)
    attempt = Attempt.of(name, address, now)
    with storage.writing() as tx:
        attempt.count(tx)
        editor = tx.editors.named(name)
    is_right = passwords.is_right(
        editor.password_hash if editor else None, password[:LONGEST_PASSWORD]
    )
    if editor is None or not is_right:
        with storage.writing() as tx:
            # A name that is none may be a password in the wrong field.
            known = editor.name if editor else ""
            tx.audit.note(now, by="", action="session.refused", subject=known, address=address)
        return None
    new_hash = ""
    if passwords.is_outdated(editor.password_hash):
        new_hash = passwords.hashed(password[:LONGEST_PASSWORD])
    with storage.writing() as tx:
        if has_second_factor(tx, editor):
            # Whoever has the password could otherwise guess codes without end.
            attempt.withdraw(tx)
        else:
            attempt.forget(tx)
        # Unless somebody gave the account a new password meanwhile.
        if new_hash and tx.editors.rehash(editor, new_hash):
            editor = tx.editors.named(name)
    return editor


def has_second_factor(tx: Transaction, editor: Editor) -> bool:
    """Whether a code is asked for after the password."""
    factor = tx.second_factors.of_editor(editor.id)
    return factor is not None and factor.is_on


def await_code(storage: Storage, editor: Editor, now: datetime) -> str | None:
    """A token for whoever just typed the password, good for a code and a few minutes.

    :returns: None where the account has another password since.
    """
    token, now = new_token(), whole_second(now)
    with storage.writing() as tx:
        # The same hash again: from here on it stays what was verified.
        if not tx.editors.rehash(editor, editor.password_hash):
            return None
        tx.editors.invite(
            token_digest(token),
            now + timedelta(seconds=CODE_SECONDS),
            purpose=Purpose.CODE,
            editor_id=editor.id,
        )
    return token


def awaiting_code(storage: Storage, token: str, now: datetime) -> Editor | None:
    """Whose password was right when the token was made, and is no other since."""
    with storage.reading() as tx:
        found = tx.editors.invitation(token_digest(token), whole_second(now))
        if found is None or found.purpose is not Purpose.CODE:
            return None
        return tx.editors.get(found.editor_id or 0)


def is_password(
    storage: Storage, editor: Editor, password: str, *, address: str, now: datetime
) -> bool:
    """Whether whoever is signed in knows the account's password, too.

    :raises Throttled: there were too many failures before; nothing is verified.
    """
    attempt = Attempt.of(editor.name, address, whole_second(now))
    with storage.writing() as tx:
        attempt.count(tx)
    if not passwords.is_right(editor.password_hash, password[:LONGEST_PASSWORD]):
        return False
    with storage.writing() as tx:
        if has_second_factor(tx, editor):
            attempt.withdraw(tx)
        else:
            attempt.forget(tx)
    return True


def renew_password(
    storage: Storage,
    editor: Editor,
    *,
    current: str,
    new: str,
    address: str,
    now: datetime,
    session_id: int | None = None,
) -> Editor | None:
    """Store another password; every session ends by it but the one that is named.

    :param current: what proves that it is the editor; None is returned where it does not.
    :raises InvalidEntry: the new one is too short or too long.
    :raises Throttled: there were too many failures before; nothing is verified.
    """
    _check_length(new)
    if not is_password(storage, editor, current, address=address, now=now):
        return None
    new_hash = hash_password(new)
    with storage.writing() as tx:
        found = tx.editors.named(editor.name)
        if found is None or found.password_hash != editor.password_hash:
            return None  # somebody else gave the account another one meanwhile
        tx.editors.set_password_hash(editor.name, new_hash, but=session_id)
        tx.audit.note(
            now,
            by=editor.name,
            action="account.password",
            subject=editor.name,
            address=address,
        )
        return tx.editors.named(editor.name)


def note_throttled(
    storage: Storage, throttled: Throttled, name: str, address: str, now: datetime
) -> None:
    """Write down that sign-ins are refused unseen: once in the time for which they are."""
    name, now = clean_line(name), whole_second(now)
    key, since = digest("noted", throttled.key), now - timedelta(minutes=THROTTLE_MINUTES)
    with storage.reading() as tx:
        if tx.editors.failures(key, since):
            return
    with storage.writing() as tx:
        tx.editors.lock_failures()
        if tx.editors.failures(key, since):
            return
        tx.editors.note_failure([key], now)
        editor = tx.editors.named(name)
        tx.audit.note(
            now,
            by="",
            action="session.throttled",
            subject=editor.name if editor else "",
            address=address,
        )


class Attempt:
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
    def of(cls, name: str, address: str, now: datetime) -> Attempt:
        address = subscriber(address)
        keys = {
            "pair": digest("pair", name, address),
            "address": digest("address", address),
            "name": digest("name", name),
        }
        return cls(keys, now)

    def count(self, tx: Transaction) -> None:
        """Count it as a failure.

        :raises Throttled: there were too many.
        """
        tx.editors.lock_failures()
        for kind, key in self._keys.items():
            if tx.editors.failures(key, self._since) >= MOST_FAILURES[kind]:
                raise Throttled(key)
        self._noted = tx.editors.note_failure(list(self._keys.values()), self._now)

    def withdraw(self, tx: Transaction) -> None:
        """It was none; those before it stay."""
        tx.editors.forget_failures([], self._noted, self._since)

    def forget(self, tx: Transaction) -> None:
        """It was none, and those before it were slips."""
        keys = [self._keys["pair"], self._keys["name"]]
        tx.editors.forget_failures(keys, self._noted, self._since)


def invite_first_editor(storage: Storage, now: datetime) -> str | None:
    """A token for a one-time link that makes the first account; None if there is one.

    Only its digest is stored. Earlier tokens end.
    """
    token = new_token()
    with storage.writing() as tx:
        if tx.editors.any():
            return None
        tx.editors.invite(token_digest(token), until(now))
    return token


def until(now: datetime) -> datetime:
    """When a one-time link that is made now is over."""
    return whole_second(now) + timedelta(hours=INVITATION_HOURS)


def invitation(storage: Storage, token: str, now: datetime) -> Invitation | None:
    """What a one-time link is for; None where it was used, is over, or is not wanted any more."""
    with storage.reading() as tx:
        found = tx.editors.invitation(token_digest(token), whole_second(now))
        return None if found and not _is_wanted(tx, found) else found


def _is_wanted(tx: Transaction, found: Invitation) -> bool:
    if found.purpose is Purpose.CODE:
        return False
    if found.made_by:
        maker = tx.editors.named(found.made_by)
        if maker is None or not maker.is_administrator:
            return False
    return found.purpose is not Purpose.FIRST or not tx.editors.any()


def accept_invitation(
    storage: Storage, token: str, name: str, password: str, now: datetime, address: str = ""
) -> Editor | None:
    """Make an account; None where the link was used already or has expired.

    :raises InvalidEntry: the name or the password cannot be used; the link still can.
    """
    name, password_hash, now = checked_name(name), hash_password(password), whole_second(now)
    with storage.writing() as tx:
        tx.editors.lock()
        found = tx.editors.use_invitation(token_digest(token), now)
        if found is None or found.purpose is Purpose.PASSWORD or not _is_wanted(tx, found):
            return None
        check_free(tx, name)
        made = tx.editors.add(name, password_hash, now, found.role)
        detail = found.role.value
        if found.made_by:
            detail += f", invited by {found.made_by}"
        tx.audit.note(
            now, by=name, action="account.made", subject=name, detail=detail, address=address
        )
        return made


def take_new_password(
    storage: Storage, token: str, password: str, now: datetime, address: str = ""
) -> Editor | None:
    """Give an account a password by the link an administrator made; its sessions end.

    :returns: None where the link was used already or has expired.
    :raises InvalidEntry: the password cannot be used; the link still can.
    """
    password_hash, now = hash_password(password), whole_second(now)
    with storage.writing() as tx:
        tx.editors.lock()
        found = tx.editors.use_invitation(token_digest(token), now)
        if found is None or found.purpose is not Purpose.PASSWORD or not _is_wanted(tx, found):
            return None
        editor = tx.editors.get(found.editor_id or 0)
        if editor is None:
            return None
        tx.editors.set_password_hash(editor.name, password_hash)
        tx.audit.note(
            now,
            by=editor.name,
            action="account.password",
            subject=editor.name,
            detail=f"with a link that {found.made_by} made",
            address=address,
        )
        return editor


def new_token() -> str:
    """What nobody guesses: for a link or a cookie."""
    return secrets.token_urlsafe(24)


def token_digest(token: str) -> str:
    """What is stored of a token."""
    return digest("token", token)


def digest(*parts: str) -> str:
    """SHA-256 of texts, in hexadecimal."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
