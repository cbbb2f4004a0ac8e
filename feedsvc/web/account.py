"""An editor's own account: another password, and the end of every other session."""

from __future__ import annotations

from typing import Any

import structlog
from flask import flash, g, redirect, render_template, request, url_for

from feedsvc.errors import InvalidEntry
from feedsvc.web import accounts, passwords
from feedsvc.web.services import client_address, services
from feedsvc.web.sign_in import begin_session, editor, signed_in

log = structlog.get_logger("feedsvc.web")

WRONG = "this is not your password"


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
        return _refused({"again": "both must be the same"}, 422)
    return _renewed(new, "new_password", "The password is changed. Every other session is ended.")


@editor.post("/account/sign-out-everywhere")
@signed_in
def sign_out_everywhere() -> Any:
    """The same password, stored anew: sessions are bound to what is stored."""
    password = request.form.get("password", "")
    return _renewed(password, "password", "Every other session is ended. This one goes on.")


def _renewed(password: str, field: str, said: str) -> Any:
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
        return _refused({"password": f"too many failed attempts; wait {minutes} minutes"}, 429)
    except passwords.Busy:
        return _refused({"password": "many are signing in just now; try again"}, 503)
    if found is None:
        return _refused({"password": WRONG}, 422)
    log.info("password stored anew", editor=found.name)
    begin_session(found)
    flash(said)
    return redirect(url_for("editor.account"), 303)


def _refused(faults: dict[str, str], status: int) -> Any:
    return render_template("editor/account.html", faults=faults), status
