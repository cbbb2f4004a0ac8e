"""Browsers that are signed in: a random token in the signed cookie, its digest in a row."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from flask import Flask, request, session
from flask.sessions import SecureCookieSessionInterface, SessionMixin

from feedsvc.errors import StorageError
from feedsvc.model import Editor, whole_second
from feedsvc.phrases import Phrase
from feedsvc.storage import Session
from feedsvc.web import accounts
from feedsvc.web.services import client_address, services

log = structlog.get_logger("feedsvc.web")

LIFETIME = timedelta(days=14)
# How exactly it is known when one was used last.
SEEN_EVERY = timedelta(minutes=5)
_KEY = "session"


class CookieOfEditors(SecureCookieSessionInterface):
    """Prolongs a session by editors' pages alone: caches give to others what is public."""

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Whether this answer carries the cookie."""
        is_ours = request.blueprint == "editor" or session.modified
        return is_ours and super().should_set_cookie(app, session)


def living_since(now: datetime) -> datetime:
    """Sessions that nobody used since then are over."""
    return whole_second(now) - LIFETIME


def find() -> tuple[Session, Editor] | None:
    """The session of this request's browser, and whose it is; None where there is none."""
    token = session.get(_KEY)
    if not isinstance(token, str):
        return None
    now = whole_second(services().clock())
    with services().storage.reading() as tx:
        found = tx.sessions.find(_digest(token), living_since(now))
    if found and now - found[0].seen_at >= SEEN_EVERY and not services().storage.read_only:
        # Whoever writes just now, or a disk that is full, keeps nobody from a page.
        with suppress(StorageError), services().storage.writing(waits=False) as tx:
            tx.sessions.seen(found[0].id, now)
    return found


def begin(editor: Editor, *, detail: str = "", waited: str = "") -> bool:
    """Sign this browser in.

    :param editor: as it stood when its password was verified.
    :param detail: for the log.
    :param waited: the token with which a code was waited for.
    :returns: False where it has another password since, or is gone.
    """
    token, now = accounts.new_token(), whole_second(services().clock())
    with services().storage.writing() as tx:
        if not tx.editors.note_signed_in(editor, now):
            return False
        if waited:
            tx.editors.use_invitation(accounts.token_digest(waited), now)
        tx.sessions.sweep(living_since(now))
        tx.sessions.begin(
            editor.id,
            _digest(token),
            now,
            address=client_address(),
            user_agent=request.headers.get("User-Agent", ""),
        )
        tx.audit.note(
            now,
            by=editor.name,
            action="session.began",
            detail=detail,
            address=client_address(),
        )
    session.clear()
    session.permanent = True
    session[_KEY] = token
    return True


def end(editor: Editor | None) -> None:
    """Sign this browser out."""
    token = session.get(_KEY)
    session.clear()
    if editor is None or not isinstance(token, str):
        return
    try:
        with services().storage.writing() as tx:
            tx.sessions.end(_digest(token))
            tx.audit.note(
                services().clock(),
                by=editor.name,
                action="session.left",
                address=client_address(),
            )
    except StorageError as error:
        # This browser has forgotten it all the same.
        log.warning("a session could not be ended", reason=str(error))


def _digest(token: str) -> str:
    return accounts.digest("session", token)


# What people call a browser and a system; the first that is found, as most of them claim to
# be some other, too.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Vivaldi", "Vivaldi"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("HeadlessChrome", "Chrome"),
    ("Chrome", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)
_NAME = re.compile(r"[A-Za-z][\w .-]{0,30}(?=/|$)", re.ASCII)


def browser_named(user_agent: str) -> Phrase | str:
    """A browser in plain words, from the header User-Agent."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if browser and system:
        return Phrase("%(browser)s on %(system)s", browser=browser, system=system)
    if browser or system:
        return browser or system
    named = _NAME.match(user_agent)
    return named.group().strip() if named else Phrase("an unknown browser")
