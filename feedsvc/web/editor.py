"""Sign in, write, publish, correct, withdraw."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta, tzinfo
from functools import wraps
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from flask import (
    Blueprint,
    Response,
    abort,
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

from feedsvc.errors import EditConflict, InvalidEntry, NotFound, StorageError
from feedsvc.model import ID_PREFIX, Category, Editor, Entry, Format, State
from feedsvc.publishing import Action, Draft, find_faults
from feedsvc.storage import MOST_COUNTED
from feedsvc.timestamps import (
    describe,
    describe_zone,
    zone_named,
)
from feedsvc.web import accounts, wording
from feedsvc.web.forms import ArticleForm, is_editable
from feedsvc.web.services import client_address, services

editor = Blueprint("editor", __name__, url_prefix="/editor")

PER_PAGE = 50
# Of more than so many categories the form offers those used last; others are typed.
MOST_CATEGORIES = 200
# The value of each button, and what it asks for; "update" asks by ``told``.
BUTTONS = {
    "save_draft": Action.SAVE_DRAFT,
    "publish": Action.PUBLISH,
    "schedule": Action.SCHEDULE,
    "update": Action.CORRECT,
    "withdraw": Action.WITHDRAW,
    "restore": Action.RESTORE,
}


# What an editor writes of an article, as the draft and the entry both call it.
_TYPED_FIELDS = ("title", "categories", "body", "summary", "author", "sources", "published")


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

    None where the request that failed carried no article.
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
    if request.endpoint != "editor.save" or request.view_args is None:
        return None
    if not _is_of_our_pages():
        return None
    if getattr(g, "editor", None) is None:
        return _sign_in_again(fault, status)
    uuid = request.view_args["uuid"]
    form = ArticleForm.from_request(request.form).with_faults({"form": fault})
    return _form_page(form, _stored(uuid), uuid, status=status)


def resume_after_csrf_error() -> Any:
    """An article sent with a token of an ended session comes back, text and all.

    None where the request carried no article.
    """
    if request.endpoint not in ("editor.save", "editor.sign_in") or not _is_of_our_pages():
        return None
    _load_editor()
    if request.endpoint == "editor.sign_in":
        if g.editor is not None and _kept_fields():  # signed in from another tab
            return _resume(_local_path(request.form.get("next")), _kept_fields())
        return keep_typed("The page was opened in an earlier session. Sign in once more.", 400)
    if g.editor is None:
        return _sign_in_again()
    return keep_typed(
        "The form was opened in an earlier session, so nothing was saved. Press again.", 400
    )


def _begin_session(found: Editor) -> None:
    session.clear()
    session.permanent = True
    session["editor"] = found.id
    session["stamp"] = accounts.session_stamp(found)


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
        found = accounts.sign_in(
            services().storage,
            name,
            request.form.get("password", ""),
            client_address(),
            services().clock(),
        )
        if found is not None:
            _begin_session(found)
            return _resume(target, kept) if kept else redirect(target, 303)
        fault, status = "The user name or the password is wrong.", 401
    except accounts.Throttled:
        fault = (
            f"Too many failed attempts. Wait {accounts.THROTTLE_MINUTES} minutes, then try again."
        )
        status = 429
    page = render_template("editor/sign_in.html", target=target, kept=kept, name=name, fault=fault)
    response = make_response(page, status)
    if status == 429:
        response.headers["Retry-After"] = str(accounts.THROTTLE_MINUTES * 60)
    return response


def _resume(target: str, kept: list[tuple[str, str]]) -> Any:
    """The form as it was when the session ended, for another press of its button."""
    prefix = url_for("editor.index") + "entries/"
    try:
        uuid = UUID(target.removeprefix(prefix))
    except ValueError:
        return redirect(target, 303)
    flash("You are signed in again. Nothing was saved yet: look through the article and go on.")
    form = ArticleForm.from_request(MultiDict(kept))
    return _form_page(form, _stored(uuid), uuid)


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
            _begin_session(found)
            flash(f"Welcome, {found.name}. This is your desk.")
            return redirect(url_for("editor.index"), 303)
        except InvalidEntry as error:
            faults = error.faults
    page = render_template("editor/welcome.html", name=name, faults=faults)
    return page, 422 if faults else 200


# The desk


@editor.get("/")
@signed_in
def index() -> Any:
    """Drafts, scheduled, published, withdrawn."""
    state = next((one for one in State if one == request.args.get("state")), None)
    text = request.args.get("page", "1")
    page = int(text) if re.fullmatch("[1-9][0-9]{0,4}", text) else 1
    with services().storage.reading() as tx:
        counts = {one: tx.entries.count(one) for one in State}
        shown = state or next(
            (one for one in State if counts[one] and one is not State.WITHDRAWN), State.DRAFT
        )
        entries = tx.entries.latest(shown, limit=PER_PAGE + 1, offset=(page - 1) * PER_PAGE)
    return render_template(
        "editor/desk.html",
        shown=shown,
        counts=counts,
        most_counted=MOST_COUNTED,
        entries=entries[:PER_PAGE],
        page=page,
        has_more=len(entries) > PER_PAGE,
    )


# Writing


@editor.get("/new")
@signed_in
def new() -> Any:
    """An empty form. It carries the id of the article-to-be: sent twice, it makes one."""
    return _form_page(ArticleForm(), None, uuid4())


@editor.get("/entries/<uuid:uuid>")
@signed_in
def edit(uuid: UUID) -> Any:
    """The form of a stored article."""
    entry = _stored(uuid)
    if entry is None:  # the address of a form that was refused, so never stored
        return redirect(url_for("editor.new"), 303)
    return _form_page(ArticleForm.from_entry(entry, services().zone), entry, uuid)


@editor.post("/entries/<uuid:uuid>")
@signed_in
def save(uuid: UUID) -> Any:
    """Do what the pressed button asks for; what cannot be done keeps what was typed."""
    form = ArticleForm.from_request(request.form)
    current = _stored(uuid)
    action = BUTTONS.get(request.form.get("action", ""))
    if action is None:
        abort(400, "The form does not say which button was pressed.")
    if action is Action.CORRECT and form.told == "update":
        action = Action.UPDATE
    form = _with_current_categories(form)
    draft, form = form.to_draft(_categories_of(form), current, *_zone_of(form))
    if action not in (Action.WITHDRAW, Action.RESTORE):
        if form.faults:
            # Everything that is wrong at once, not the time first and the rest later.
            form = form.with_faults(find_faults(draft.cleaned(), action))
            return _form_page(form, current, uuid, status=422)
    elif form.faults and current and current.state is State.SCHEDULED:
        # It must not go out, whatever is wrong with what was typed beside the button.
        draft = Draft.of(current)
    try:
        entry = services().publisher.save_entry(
            draft,
            action,
            services().clock(),
            id=f"{ID_PREFIX}{uuid}",
            expected_revision=form.revision,
        )
    except InvalidEntry as error:
        return _form_page(form.with_faults(error.faults), current, uuid, status=422)
    except EditConflict:
        return _conflict_page(form, uuid)
    except NotFound as error:
        return keep_typed(f"Nothing was saved: {error}.", 404)
    except StorageError as error:
        fault = {"form": f"Nothing was saved: {error}. What you typed is still here."}
        return _form_page(form.with_faults(fault), current, uuid, status=503)
    try:
        services().documents.refresh()
        is_out = not services().publisher.is_owed(entry)
    except StorageError:  # it is saved all the same, and the next tick goes on
        is_out = False
    said = wording.said(entry, action, current, is_out=is_out)
    if action in (Action.WITHDRAW, Action.RESTORE) and _has_more(form, draft, entry):
        # The button did what it says; what was typed beside it waits for another.
        flash(f"{said} What you typed is still here, and not saved yet.")
        return _form_page(replace(form, revision=entry.revision), entry, uuid, is_open=True)
    flash(said)
    return redirect(url_for("editor.edit", uuid=entry.uuid), 303)


def _has_more(form: ArticleForm, draft: Draft, entry: Entry) -> bool:
    """Whether a form holds what the stored article does not.

    One whose fields could not be changed sends none of them.
    """
    if "title" not in request.form:
        return False
    if form.faults:
        return True
    typed = draft.cleaned()
    return any(getattr(typed, name) != getattr(entry, name) for name in _TYPED_FIELDS)


def _conflict_page(form: ArticleForm, uuid: UUID) -> Any:
    """Somebody was faster: neither text is lost, and the next press is a choice."""
    stored = _stored(uuid)
    if stored is None:
        abort(404)
    happened, mend = (
        ("withdrew this article", "Restore brings the stored one back, with yours in the form.")
        if stored.state is State.WITHDRAWN
        else ("saved this article, or its time came,", "Saving again puts yours in its place.")
    )
    fault = {
        "form": f"Somebody {happened} while you were writing. What you typed is still here;"
        f" the stored one is shown below it. {mend}"
    }
    form = replace(form.with_faults(fault), revision=stored.revision)
    return _form_page(form, stored, uuid, status=409, rival=stored, is_open=True)


def _stored(uuid: UUID) -> Entry | None:
    try:
        with services().storage.reading() as tx:
            return tx.entries.get(f"{ID_PREFIX}{uuid}")
    except NotFound:
        return None
    except StorageError:
        # The form must come back with what was typed even while the database
        # does not answer.
        if request.method == "POST":
            return None
        raise


def _with_current_categories(form: ArticleForm) -> ArticleForm:
    """The form as if it had been opened now: a category may have another address since.

    Where there are too many to choose from, a name may have been typed.
    """
    with services().storage.reading() as tx:

        def current(typed: str) -> str:
            try:
                return tx.feeds.category(typed).slug
            except NotFound:
                named = tx.feeds.category_named(typed) if typed.strip() else None
                return named.slug if named else typed

        return replace(
            form,
            category=current(form.category) if form.category else "",
            also_in=tuple(current(slug) for slug in form.also_in),
        )


def _categories_of(form: ArticleForm) -> list[Category]:
    """Those that the form names."""
    found = []
    with services().storage.reading() as tx:
        for slug in dict.fromkeys((form.category, *form.also_in)):
            with suppress(NotFound):
                found.append(tx.feeds.category(slug))
    return found


def _categories_to_choose(form: ArticleForm) -> tuple[list[Category], bool]:
    """What the form offers, and whether there are more, which can be typed."""
    with services().storage.reading() as tx:
        offered = tx.feeds.latest_categories(MOST_CATEGORIES)
        has_more = len(offered) == MOST_CATEGORIES and (
            tx.feeds.count_categories() > MOST_CATEGORIES
        )
    named = _categories_of(form) if has_more else []
    return [*offered, *(one for one in named if one not in offered)], has_more


def _form_page(
    form: ArticleForm,
    current: Entry | None,
    uuid: UUID,
    *,
    status: int = 200,
    rival: Entry | None = None,
    is_open: bool = False,
) -> Any:
    """The form of an article.

    :param rival: what somebody else stored meanwhile.
    :param is_open: it holds what is not stored, so its fields can be used in any state.
    """
    zone, zone_name = _zone_of(form)
    has_more = False
    try:
        categories, has_more = _categories_to_choose(form)
    except StorageError:
        slugs = dict.fromkeys(slug for slug in (form.category, *form.also_in) if slug)
        categories = [Category(slug, slug) for slug in slugs if slug not in ("all", "authors")]
    page = render_template(
        "editor/form.html",
        form=form,
        entry=current,
        uuid=uuid,
        rival=rival,
        is_editable=is_open or is_editable(current),
        categories=categories,
        has_more_categories=has_more,
        zone_name=zone_name,
        zone_text=describe_zone(services().clock(), zone),
        time_text=describe(current.published, zone) if current and current.published else "",
        formats=list(Format),
        hold=wording.hold(current),
        moved_text=wording.moved_text(current),
    )
    return page, status


def _zone_of(form: ArticleForm) -> tuple[tzinfo, str]:
    """The zone in which the form's time field is to be read, and its name."""
    if form.zone_name:
        return zone_named(form.zone_name), form.zone_name
    return services().zone, services().zone_name


SESSION_LIFETIME = timedelta(days=14)
