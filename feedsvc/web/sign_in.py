"""Who asks; signing in and out; and what was typed, which outlives a session."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
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

from feedsvc.errors import InvalidEntry, StorageError
from feedsvc.model import Editor
from feedsvc.phrases import Phrase
from feedsvc.storage import Purpose
from feedsvc.web import accounts, codes, passwords, sessions
from feedsvc.web.languages import say
from feedsvc.web.services import client_address, services

log = structlog.get_logger("feedsvc.web")

editor = Blueprint("editor", __name__, url_prefix="/editor")

SIGNING_IN = ("editor.sign_in", "editor.sign_in_code")
_PENDING = "pending"
# Endpoint -> what shows its form once more: with what was typed, what stands in the
# address, what is wrong, and a status.
ShowAgain = Callable[[MultiDict[str, str], dict[str, Any], str, int], Any]
FORMS: dict[str, ShowAgain] = {}
NOT_UTF_8 = Phrase("what was sent is not text in UTF-8; where it is not, %%XX stands in it now.")


# Who asks


@editor.before_request
def _load_editor() -> None:
    g.editor = g.session = None
    found = sessions.find()
    if found:
        g.session, g.editor = found


@editor.before_request
def _check_encoding() -> None:
    """Refuse a form whose text would be stored as something else than was meant."""
    sent = request._get_current_object()  # type: ignore[attr-defined]
    if request.method == "POST" and not sent.is_utf_8:
        abort(400, NOT_UTF_8)


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
        return sign_in_again()

    return guarded


def for_administrators() -> tuple[str, int]:
    """What an editor is told who asks for what administrators do."""
    page = render_template(
        "error.html",
        title=Phrase("For administrators"),
        text=Phrase(
            "This page is for administrators, and %(name)s is the account of an editor."
            " Nothing was changed. An administrator can give it another role.",
            name=g.editor.name,
        ),
    )
    return page, 403


def administering(view: Any) -> Any:
    """Let only administrators through; other editors are told so, others asked to sign in."""

    @wraps(view)
    def guarded(**arguments: Any) -> Any:
        if g.editor.is_administrator:
            return view(**arguments)
        return for_administrators()

    asking = signed_in(guarded)
    asking.is_for_administrators = True
    return asking


def _is_for(who: Editor, endpoint: str) -> bool:
    """Whether what that endpoint shows is for this editor."""
    view = current_app.view_functions[endpoint]
    return who.is_administrator or not getattr(view, "is_for_administrators", False)


# What was typed is never lost


def sign_in_again(fault: str = "", status: int = 401) -> Any:
    """What was typed goes into the sign-in page, and on from there."""
    if not _is_of_our_pages():
        abort(400, Phrase("The form came from another site."))
    if request.endpoint not in FORMS:
        # Nothing that was written, but perhaps a password: that goes into no page.
        return _sign_in_page(url_for("editor.index"), fault=fault), status
    kept = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in ("csrf_token", "action")
    ]
    # The name alone of a file that was sent: the form then says that it is to be chosen again.
    kept += [(name, file.filename or "") for name, file in request.files.items() if file.filename]
    return _sign_in_page(request.path, kept, fault), status


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
    if request.endpoint in SIGNING_IN and _kept_fields():
        target = _local_path(request.form.get("next"))
        if request.endpoint == "editor.sign_in_code" and _PENDING in session:
            return _code_page(target, _kept_fields(), fault), status
        page = _sign_in_page(target, _kept_fields(), fault, request.form.get("name", ""))
        return page, status
    show_again = FORMS.get(request.endpoint or "")
    if show_again is None or request.view_args is None or not _is_of_our_pages():
        return None
    if getattr(g, "editor", None) is None:
        return sign_in_again(fault, status)
    if not _is_for(g.editor, request.endpoint or ""):
        return None
    return show_again(request.form, request.view_args, fault, status)


def resume_after_csrf_error() -> Any:
    """A form sent with a token of an ended session comes back, text and all.

    None where the request carried none that can be shown again.
    """
    is_sign_in = request.endpoint in SIGNING_IN
    if not (is_sign_in or request.endpoint in FORMS) or not _is_of_our_pages():
        return None
    _load_editor()
    if is_sign_in:
        if g.editor is not None and _kept_fields():  # signed in from another tab
            return _resume(_local_path(request.form.get("next")), _kept_fields())
        return keep_typed(
            Phrase("The page was opened in an earlier session. Sign in once more."), 400
        )
    if g.editor is None:
        return sign_in_again()
    return keep_typed(
        Phrase("The form was opened in an earlier session, so nothing was saved. Press again."),
        400,
    )


# Signing in


def _sign_in_page(
    target: str, kept: Sequence[tuple[str, str]] = (), fault: str = "", name: str = ""
) -> str:
    has_accounts = True
    with suppress(StorageError), services().storage.reading() as tx:
        has_accounts = tx.editors.any()
    return render_template(
        "editor/sign_in.html",
        target=target,
        kept=kept,
        fault=fault,
        name=name,
        has_accounts=has_accounts,
    )


def _code_page(target: str, kept: Sequence[tuple[str, str]] = (), fault: str = "") -> str:
    return render_template("editor/sign_in_code.html", target=target, kept=kept, fault=fault)


@editor.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Any:
    """User name and password."""
    if request.method == "GET":
        return _sign_in_page(_local_path(request.args.get("next")))
    target, kept = _local_path(request.form.get("next")), _kept_fields()
    fault: str
    try:
        with passwords.turn():
            found = accounts.sign_in(
                services().storage,
                request.form.get("name", ""),
                request.form.get("password", ""),
                client_address(),
                services().clock(),
            )
        if found is not None:
            with services().storage.reading() as tx:
                is_asked = accounts.has_second_factor(tx, found)
            if is_asked:
                token = accounts.await_code(services().storage, found, services().clock())
                if token is not None:
                    session[_PENDING] = token
                    return _code_page(target, kept)
            elif sessions.begin(found):
                return _go_on(found, target, kept)
        fault, status = Phrase("The user name or the password is wrong."), 401
        log.warning("sign-in failed", address=client_address())
    except passwords.Busy:
        fault = Phrase("Many are signing in just now. Try again in a few seconds.")
        status = 503
    except accounts.Throttled as error:
        fault, status = _throttled(error, request.form.get("name", ""))
    page = _sign_in_page(target, kept, fault, request.form.get("name", ""))
    return _refused(page, status)


@editor.route("/sign-in/code", methods=["GET", "POST"])
def sign_in_code() -> Any:
    """The code of the second factor, for a password that was right a moment ago."""
    found = _pending()
    if request.method == "GET":
        if found is None:
            return redirect(url_for("editor.sign_in"), 303)
        return _code_page(_local_path(request.args.get("next")))
    target, kept = _local_path(request.form.get("next")), _kept_fields()
    if found is None:
        fault: str = Phrase("That took too long. Sign in once more, then type the code.")
        return _sign_in_page(target, kept, fault), 401
    try:
        used = codes.use(
            services().storage,
            found,
            request.form.get("code", ""),
            address=client_address(),
            now=services().clock(),
            refused="session.refused",
        )
        if used and sessions.begin(found, detail=f"with a {used}", waited=session[_PENDING]):
            return _go_on(found, target, kept)
        fault, status = Phrase("The code is wrong, or it was used already."), 401
        log.warning("sign-in failed: wrong code", address=client_address())
    except accounts.Throttled as error:
        fault, status = _throttled(error, found.name)
    return _refused(_code_page(target, kept, fault), status)


def _pending() -> Editor | None:
    """Whose password was right a moment ago in this browser, and waits for its code."""
    token = session.get(_PENDING)
    if not isinstance(token, str):
        return None
    return accounts.awaiting_code(services().storage, token, services().clock())


def _throttled(error: accounts.Throttled, name: str) -> tuple[str, int]:
    log.warning("sign-in refused: too many failures", address=client_address())
    accounts.note_throttled(services().storage, error, name, client_address(), services().clock())
    minutes = accounts.THROTTLE_MINUTES
    fault = Phrase(
        "Too many failed attempts. Wait %(minutes)s minutes, then try again.", minutes=minutes
    )
    return fault, 429


def _refused(page: str, status: int) -> Response:
    response = make_response(page, status)
    if status in (429, 503):
        seconds = accounts.THROTTLE_MINUTES * 60 if status == 429 else 5
        response.headers["Retry-After"] = str(seconds)
    return response


def _go_on(found: Editor, target: str, kept: list[tuple[str, str]]) -> Any:
    """To where the editor wanted; with what was typed, if something was."""
    g.editor = found
    return _resume(target, kept) if kept else redirect(target, 303)


def _resume(target: str, kept: list[tuple[str, str]]) -> Any:
    """The form as it was when the session ended, for another press of its button."""
    try:
        endpoint, arguments = current_app.url_map.bind("").match(target, method="POST")
        show_again = FORMS[endpoint]
    except (KeyError, HTTPException, RequestRedirect):
        return redirect(target, 303)
    if not _is_for(g.editor, endpoint):
        return redirect(target, 303)
    said = Phrase("You are signed in again. Nothing was saved yet: look through it and go on.")
    flash(str(say(said)))
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
    sessions.end(g.editor)
    flash(str(say(Phrase("You are signed out."))))
    return redirect(url_for("editor.sign_in"), 303)


# One-time links


@editor.route("/welcome/<token>", methods=["GET", "POST"])
def welcome(token: str) -> Any:
    """Make an account, or give one another password, with a link that works once."""
    storage, now = services().storage, services().clock()
    found = accounts.invitation(storage, token, now)
    if found is None:
        return render_template("editor/welcome_over.html"), 410
    is_password = found.purpose is Purpose.PASSWORD
    name, faults = request.form.get("name", ""), {}
    if request.method == "POST":
        try:
            answer = _renewed(token) if is_password else _made(token, name)
            return answer or (render_template("editor/welcome_over.html"), 410)
        except InvalidEntry as error:
            faults = error.faults
    if is_password:
        with storage.reading() as tx:
            whose = tx.editors.get(found.editor_id or 0)
        if whose is None:
            return render_template("editor/welcome_over.html"), 410
        page = render_template("editor/new_password.html", whose=whose.name, faults=faults)
    else:
        is_first = found.purpose is Purpose.FIRST
        page = render_template(
            "editor/welcome.html", name=name, faults=faults, is_first=is_first, role=found.role
        )
    return page, 422 if faults else 200


def _made(token: str, name: str) -> Any:
    made = accounts.accept_invitation(
        services().storage,
        token,
        name,
        request.form.get("password", ""),
        services().clock(),
        client_address(),
    )
    if made is None or not sessions.begin(made):
        return None
    flash(str(say(Phrase("Welcome, %(name)s. This is your desk.", name=made.name))))
    return redirect(url_for("editor.index"), 303)


def _renewed(token: str) -> Any:
    renewed = accounts.take_new_password(
        services().storage,
        token,
        request.form.get("password", ""),
        services().clock(),
        client_address(),
    )
    if renewed is None:
        return None
    # Not signed in by it: there may be a second factor.
    flash(str(say(Phrase("The password is stored. Sign in with it."))))
    return redirect(url_for("editor.sign_in"), 303)
