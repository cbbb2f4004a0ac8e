"""An editor's own account: another password, and the browsers that are signed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from flask import abort, flash, g, redirect, render_template, request, url_for

from feedsvc.errors import InvalidEntry
from feedsvc.phrases import Phrase
from feedsvc.storage import Transaction
from feedsvc.web import accounts, passwords, sessions
from feedsvc.web.languages import say
from feedsvc.web.services import client_address, services
from feedsvc.web.sign_in import editor, signed_in

log = structlog.get_logger("feedsvc.web")

WRONG = Phrase("this is not your password")
LARGEST_NUMBER = 2**63 - 1


@editor.get("/account")
@signed_in
def account() -> Any:
    """Its forms, and its sessions."""
    return account_page()


def account_page(
    form: str = "", faults: dict[str, str] | None = None, status: int = 200
) -> tuple[str, int]:
    """The page; what is wrong stands in the form that was sent."""
    now = services().clock()
    with services().storage.reading() as tx:
        found = tx.sessions.of_editor(g.editor.id, sessions.living_since(now))
        has_second_factor = accounts.has_second_factor(tx, g.editor)
        codes_left = tx.second_factors.count_recovery_codes(g.editor.id)
    page = render_template(
        "editor/account.html",
        faulty=form,
        faults=faults or {},
        sessions=[(one, sessions.browser_named(one.user_agent)) for one in found],
        has_second_factor=has_second_factor,
        codes_left=codes_left,
    )
    return page, status


@editor.post("/account/password")
@signed_in
def change_password() -> Any:
    """A new password; every session ends, but this one goes on."""
    new = request.form.get("new_password", "")
    if new != request.form.get("again", ""):
        return account_page("change", {"again": Phrase("both must be the same")}, 422)

    def renew() -> bool:
        found = accounts.renew_password(
            services().storage,
            g.editor,
            current=request.form.get("password", ""),
            new=new,
            address=client_address(),
            now=services().clock(),
            session_id=g.session.id,
        )
        return found is not None

    try:
        refused = with_password("change", renew)
    except InvalidEntry as error:
        return account_page("change", {"new_password": error.faults["password"]}, 422)
    if refused:
        return refused
    log.info("password stored anew", editor=g.editor.name)
    flash(str(say(Phrase("The password is changed. Every other session is ended."))))
    return redirect(url_for("editor.account"), 303)


@editor.post("/account/sign-out-everywhere")
@signed_in
def sign_out_everywhere() -> Any:
    """End every other session."""
    refused = with_password("everywhere", is_own_password)
    if refused:
        return refused
    with services().storage.writing() as tx:
        tx.editors.lock()
        tx.sessions.end_all(g.editor.id, but=g.session.id)
        tx.editors.end_links_by(g.editor.name)
        _note_ended(tx, "all others")
    flash(str(say(Phrase("Every other session is ended. This one goes on."))))
    return redirect(url_for("editor.account"), 303)


@editor.post("/account/sessions/<int:number>/end")
@signed_in
def end_session(number: int) -> Any:
    """End one of this editor's sessions."""
    if number > LARGEST_NUMBER:
        abort(404)
    if number == g.session.id:
        sessions.end(g.editor)
        return redirect(url_for("editor.sign_in"), 303)
    with services().storage.writing() as tx:
        if tx.sessions.end_one(number, g.editor.id):
            _note_ended(tx, "one")
    # Where there is none it was ended already: that is what was wanted.
    flash(str(say(Phrase("That session is ended."))))
    return redirect(url_for("editor.account"), 303)


def _note_ended(tx: Transaction, which: str) -> None:
    tx.audit.note(
        services().clock(),
        by=g.editor.name,
        action="session.ended",
        subject=g.editor.name,
        detail=which,
        address=client_address(),
    )


def is_own_password() -> bool:
    """Whether the form holds the password of who sent it."""
    return accounts.is_password(
        services().storage,
        g.editor,
        request.form.get("password", ""),
        address=client_address(),
        now=services().clock(),
    )


def with_password(form: str, work: Callable[[], bool]) -> Any:
    """Do what needs the password; the page with what is wrong, or None where it was done.

    :param work: False where the password is wrong.
    """
    try:
        with passwords.turn():
            is_done = work()
    except accounts.Throttled:
        minutes = accounts.THROTTLE_MINUTES
        fault = Phrase("too many failed attempts; wait %(minutes)s minutes", minutes=minutes)
        return account_page(form, {"password": fault}, 429)
    except passwords.Busy:
        fault = Phrase("many are signing in just now; try again")
        return account_page(form, {"password": fault}, 503)
    return None if is_done else account_page(form, {"password": WRONG}, 422)
