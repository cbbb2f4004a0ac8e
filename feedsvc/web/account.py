"""An editor's own account: another password, and the end of every other session."""

from __future__ import annotations

from typing import Any

import structlog
from flask import flash, g, redirect, render_template, request, url_for

from feedsvc.errors import InvalidEntry
from feedsvc.phrases import Phrase
from feedsvc.web import accounts, passwords
from feedsvc.web.languages import say
from feedsvc.web.services import client_address, services
from feedsvc.web.sign_in import begin_session, editor, signed_in

log = structlog.get_logger("feedsvc.web")

WRONG = Phrase("this is not your password")


@editor.get("/account")
@signed_in
def account() -> Any:
    """Both forms."""
    return render_template("editor/account.html", faults={})


@editor.post("/account/password")
@signed_in
def change_password() -> Any:
    """A new password; sessions that began with the old one end, this one goes on."""
    new = request.form.get("new_password", "")
    if new != request.form.get("again", ""):
        return _refused({"again": Phrase("both must be the same")}, 422)
    said = Phrase("The password is changed. Every other session is ended.")
    return _renewed(new, "new_password", said)


@editor.post("/account/sign-out-everywhere")
@signed_in
def sign_out_everywhere() -> Any:
    """The same password, stored anew: sessions are bound to what is stored."""
    password = request.form.get("password", "")
    said = Phrase("Every other session is ended. This one goes on.")
    return _renewed(password, "password", said)


def _renewed(password: str, field: str, said: Phrase) -> Any:
    try:
        with passwords.turn():
            found = accounts.renew_password(
                services().storage,
                g.editor,
                current=request.form.get("password", ""),
                new=password,
                address=client_address(),
                now=services().clock(),
            )
    except InvalidEntry as error:
        is_new = field == "new_password"
        return _refused({field: error.faults["password"] if is_new else WRONG}, 422)
    except accounts.Throttled:
        minutes = accounts.THROTTLE_MINUTES
        fault = Phrase("too many failed attempts; wait %(minutes)s minutes", minutes=minutes)
        return _refused({"password": fault}, 429)
    except passwords.Busy:
        fault = Phrase("many are signing in just now; try again")
        return _refused({"password": fault}, 503)
    if found is None:
        return _refused({"password": WRONG}, 422)
    log.info("password stored anew", editor=found.name)
    begin_session(found)
    flash(str(say(said)))
    return redirect(url_for("editor.account"), 303)


def _refused(faults: dict[str, str], status: int) -> Any:
    return render_template("editor/account.html", faults=faults), status
