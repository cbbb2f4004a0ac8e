"""Who asks; signing in and out; and what was typed, which outlives a session."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from feedsvc.errors import InvalidEntry
from feedsvc.model import Editor
from feedsvc.web import accounts, passwords
from feedsvc.web.services import client_address, services

log = structlog.get_logger("feedsvc.web")

editor = Blueprint("editor", __name__, url_prefix="/editor")

SESSION_LIFETIME = timedelta(days=14)
# Endpoint -> what shows its form once more: with what was typed, what stands in the
# address, what is wrong, and a status.
ShowAgain = Callable[[MultiDict[str, str], dict[str, Any], str, int], Any]
FORMS: dict[str, ShowAgain] = {}


# Who asks


@editor.before_request
def _load_editor() -> None:
    g.editor = None
    number, stamp = session.get("editor"), session.get("stamp")
    if isinstance(number, int) and isinstance(stamp, str):
        with services().storage.reading() as tx:
            found = tx.editors.get(number)
        if found and accounts.is_same(accounts.session_stamp(found), stamp):
            g.editor = found


@editor.after_request
def _keep_private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def signed_in(view: Any) -> Any:
    """Let only editors through; others are asked to sign in first."""

    @wraps(view)
    def guarded(**arguments: Any) -> Any:
        if g.editor is not None:
            return view(**arguments)
        if request.method == "GET":
            return redirect(url_for("editor.sign_in", next=request.path), 303)
        return _sign_in_again()

    return guarded


# What was typed is never lost


def _sign_in_again(fault: str = "", status: int = 401) -> Any:
    """What was typed goes into the sign-in page, and on from there."""
    if not _is_of_our_pages():
        abort(400, "The form came from another site.")
    kept = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in ("csrf_token", "action")
    ]
    # The name alone of a file that was sent: the form then says that it is to be chosen again.
    kept += [(name, file.filename or "") for name, file in request.files.items() if file.filename]
    page = render_template(
        "editor/sign_in.html", kept=kept, target=request.path, name="", fault=fault
    )
    return page, status


def _is_of_our_pages() -> bool:
    """Whether the form was sent by a page of this site.

    Another one's could otherwise lay words into an editor's form (they come with no
    token, as those of an ended session do).
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    if origin is None:
        return True  # no browser of today
    ours = (urlsplit(services().site.url).netloc, request.host)
    return urlsplit(origin).netloc in ours


def _kept_fields() -> list[tuple[str, str]]:
    """The article that a sign-in form carries along."""
    fields = request.form.items(multi=True)
    return [(key[5:], value) for key, value in fields if key.startswith("kept_")]


def keep_typed(fault: str, status: int) -> Any:
    """The form or the sign-in page once more, with everything that was typed.

    None where the request that failed carried no form that can be shown again.
    """
    if request.method != "POST" or status == 413:
        return None
    if request.endpoint == "editor.sign_in" and _kept_fields():
        page = render_template(
            "editor/sign_in.html",
            target=_local_path(request.form.get("next")),
            kept=_kept_fields(),
            name=request.form.get("name", ""),
            fault=fault,
        )
        return page, status
    show_again = FORMS.get(request.endpoint or "")
    if show_again is None or request.view_args is None or not _is_of_our_pages():
        return None
    if getattr(g, "editor", None) is None:
        return _sign_in_again(fault, status)
    return show_again(request.form, request.view_args, fault, status)


def resume_after_csrf_error() -> Any:
    """A form sent with a token of an ended session comes back, text and all.

    None where the request carried none that can be shown again.
    """
    is_sign_in = request.endpoint == "editor.sign_in"
    if not (is_sign_in or request.endpoint in FORMS) or not _is_of_our_pages():
        return None
    _load_editor()
    if is_sign_in:
        if g.editor is not None and _kept_fields():  # signed in from another tab
            return _resume(_local_path(request.form.get("next")), _kept_fields())
        return keep_typed("The page was opened in an earlier session. Sign in once more.", 400)
    if g.editor is None:
        return _sign_in_again()
    return keep_typed(
        "The form was opened in an earlier session, so nothing was saved. Press again.", 400
    )


def begin_session(found: Editor) -> None:
    """Sign this browser in as ``found``, whoever it was before."""
    session.clear()
    session.permanent = True
    session["editor"] = found.id
    session["stamp"] = accounts.session_stamp(found)
    g.editor = found


@editor.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Any:
    """User name and password."""
    if request.method == "GET":
        return render_template(
            "editor/sign_in.html", target=_local_path(request.args.get("next")), kept=(), name=""
        )
    name, target = request.form.get("name", ""), _local_path(request.form.get("next"))
    kept = _kept_fields()
    fault, status = "", 200
    try:
        with passwords.turn():
            found = accounts.sign_in(
                services().storage,
                name,
                request.form.get("password", ""),
                client_address(),
                services().clock(),
            )
        if found is not None:
            begin_session(found)
            return _resume(target, kept) if kept else redirect(target, 303)
        fault, status = "The user name or the password is wrong.", 401
        log.warning("sign-in failed", address=client_address())
    except passwords.Busy:
        fault, status = "Many are signing in just now. Try again in a few seconds.", 503
    except accounts.Throttled:
        log.warning("sign-in refused: too many failures", address=client_address())
        fault = (
            f"Too many failed attempts. Wait {accounts.THROTTLE_MINUTES} minutes, then try again."
        )
        status = 429
    page = render_template("editor/sign_in.html", target=target, kept=kept, name=name, fault=fault)
    response = make_response(page, status)
    if status in (429, 503):
        seconds = accounts.THROTTLE_MINUTES * 60 if status == 429 else 5
        response.headers["Retry-After"] = str(seconds)
    return response


def _resume(target: str, kept: list[tuple[str, str]]) -> Any:
    """The form as it was when the session ended, for another press of its button."""
    try:
        endpoint, arguments = current_app.url_map.bind("").match(target, method="POST")
        show_again = FORMS[endpoint]
    except (KeyError, HTTPException, RequestRedirect):
        return redirect(target, 303)
    flash("You are signed in again. Nothing was saved yet: look through it and go on.")
    return show_again(MultiDict(kept), dict(arguments), "", 200)


def _local_path(target: str | None) -> str:
    """Where to go on: a path of the editor's own, never another host's."""
    home = url_for("editor.index")
    if target and target.startswith(home) and re.fullmatch(r"(/[\w.~%?=&-]*)+", target, re.ASCII):
        return target if "//" not in target else home
    return home


@editor.post("/sign-out")
def sign_out() -> Any:
    """End this session."""
    session.clear()
    return redirect(url_for("editor.sign_in"), 303)


@editor.route("/welcome/<token>", methods=["GET", "POST"])
def welcome(token: str) -> Any:
    """Make the first account, with a link that works once."""
    storage, now = services().storage, services().clock()
    with storage.reading() as tx:
        is_open = not tx.editors.any() and tx.editors.is_invited(
            accounts.token_digest(token), now.replace(microsecond=0)
        )
    if not is_open:
        return render_template("editor/welcome_over.html"), 410
    name, faults = request.form.get("name", ""), {}
    if request.method == "POST":
        try:
            found = accounts.accept_invitation(
                storage, token, name, request.form.get("password", ""), now
            )
            if found is None:
                return render_template("editor/welcome_over.html"), 410
            begin_session(found)
            flash(f"Welcome, {found.name}. This is your desk.")
            return redirect(url_for("editor.index"), 303)
        except InvalidEntry as error:
            faults = error.faults
    page = render_template("editor/welcome.html", name=name, faults=faults)
    return page, 422 if faults else 200
