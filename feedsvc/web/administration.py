"""Administrators' pages of accounts: invite, give a role, help, remove."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from flask import abort, flash, g, make_response, redirect, render_template, request, url_for

from feedsvc.model import Editor, Role, whole_second
from feedsvc.phrases import Phrase, counted
from feedsvc.storage import Account, Purpose, Transaction
from feedsvc.web import accounts, codes
from feedsvc.web.languages import say
from feedsvc.web.services import client_address, services
from feedsvc.web.sessions import living_since
from feedsvc.web.sign_in import administering, editor, for_administrators, sign_in_again

LARGEST_NUMBER = 2**31 - 1
ROLES = {Role.EDITOR: Phrase("editor"), Role.ADMINISTRATOR: Phrase("administrator")}


OWN = Phrase(
    "This is your own account: its password and its second factor are changed under"
    " %(account)s, where your password is asked for, and a code to switch the second factor off.",
    account=Phrase("Account"),
)


class _Refused(Exception):
    """Why an act is not done."""

    def __init__(self, why: Phrase) -> None:
        self.why = why
        super().__init__(why)


@editor.get("/accounts")
@administering
def all_accounts() -> Any:
    """Every account, and a form to invite one more."""
    return _list_page()


def _list_page(**shown: Any) -> str:
    with services().storage.reading() as tx:
        found = tx.editors.accounts()
        links = tx.editors.open_links(whole_second(services().clock()))
    return render_template(
        "editor/accounts.html", accounts=found, links=links, roles=ROLES, **shown
    )


@contextmanager
def _administering() -> Iterator[Transaction]:
    """A transaction in which accounts stand still, and who asks is an administrator still."""
    with services().storage.writing() as tx:
        tx.editors.lock()
        sessions = tx.sessions.of_editor(g.editor.id, living_since(services().clock()))
        caller = tx.editors.get(g.editor.id)
        if caller is None or g.session.id not in [one.id for one in sessions]:
            abort(make_response(sign_in_again()))
        if not caller.is_administrator:
            abort(make_response(for_administrators()))
        yield tx


@editor.post("/accounts/invite")
@administering
def invite() -> Any:
    """Make a one-time link for one more account; it is shown once."""
    role = _role()
    link = _link(Purpose.ONE_MORE, role=role)
    return _list_page(link=link, link_role=role)


def _role() -> Role:
    try:
        return Role(request.form.get("role", ""))
    except ValueError:
        abort(400, Phrase("The form does not say which role."))


def _link(purpose: Purpose, *, role: Role = Role.EDITOR, of: Editor | None = None) -> str:
    token, now = accounts.new_token(), services().clock()
    with _administering() as tx:
        found = tx.editors.get(of.id) if of else None
        if of and (found is None or found.name != of.name):
            _say_gone()
        tx.editors.invite(
            accounts.token_digest(token),
            accounts.until(now),
            purpose=purpose,
            role=role,
            editor_id=of.id if of else None,
            made_by=g.editor.name,
        )
        if of is None:
            _note(tx, "account.invited", detail=role.value)
        else:
            _note(tx, "account.password-link", of.name)
    return services().site.absolute(url_for("editor.welcome", token=token))


@editor.post("/accounts/links/end")
@administering
def end_link() -> Any:
    """End a one-time link that somebody made and nobody used."""
    with _administering() as tx:
        ended = tx.editors.end_link(request.form.get("link", ""))
        if ended is not None:
            whose = tx.editors.get(ended.editor_id) if ended.editor_id else None
            detail = "" if ended.purpose is Purpose.PASSWORD else ended.role.value
            _note(tx, "account.link-ended", whose.name if whose else "", detail)
    # Where there is none it was over already: that is what was wanted.
    flash(str(say(Phrase("That link is over."))))
    return redirect(url_for("editor.all_accounts"), 303)


@editor.get("/accounts/<int:number>")
@administering
def one_account(number: int) -> Any:
    """One account, and what can be done with it."""
    return _account_page(_account(number))


def _account(number: int) -> Account:
    """The account of that number, still of the name that the form showed."""
    if number > LARGEST_NUMBER:
        _say_gone()
    with services().storage.reading() as tx:
        found = tx.editors.account(number)
    # Numbers are given again when an account is removed.
    if found is None or request.form.get("name", found.editor.name) != found.editor.name:
        _say_gone()
    return found


def _say_gone() -> NoReturn:
    if request.method != "POST":
        abort(404)
    flash(str(say(Phrase("This account was removed meanwhile. Nothing was changed."))))
    abort(redirect(url_for("editor.all_accounts"), 303))


def _account_page(account: Account, status: int = 200, **shown: Any) -> Any:
    page = render_template("editor/one_account.html", account=account, roles=ROLES, **shown)
    return page, status


@editor.post("/accounts/<int:number>/role")
@administering
def change_role(number: int) -> Any:
    """Another role; the last administrator keeps it. Sessions go on with it."""
    account, role = _account(number), _role()
    try:
        with _changing(account) as (tx, found):
            if role is not Role.ADMINISTRATOR:
                _check_others(tx, found)
            if role is not found.role:
                tx.editors.set_role(found, role)
                detail = f"{found.role.value} → {role.value}"
                _note(tx, "account.role", found.name, detail)
    except _Refused as error:
        return _account_page(account, 409, fault=error.why)
    return _done(
        number, Phrase("%(name)s is %(role)s now.", name=account.editor.name, role=ROLES[role])
    )


@contextmanager
def _changing(account: Account) -> Iterator[tuple[Transaction, Editor]]:
    """A transaction in which accounts stand still, and the account as it is in it."""
    with _administering() as tx:
        found = tx.editors.get(account.editor.id)
        if found is None or found.name != account.editor.name:
            _say_gone()
        yield tx, found


def _check_others(tx: Transaction, found: Editor) -> None:
    if found.is_administrator and not tx.editors.has_administrator_beside(found.id):
        raise _Refused(
            Phrase(
                "%(name)s is the last administrator: nobody could look after accounts any more."
                " Make another one an administrator first.",
                name=found.name,
            )
        )


@editor.post("/accounts/<int:number>/sessions/end")
@administering
def end_sessions(number: int) -> Any:
    """Sign one out, wherever that one is signed in."""
    account = _account(number)
    with _changing(account) as (tx, found):
        ended = tx.sessions.end_all(found.id)
        tx.editors.end_links_by(found.name)
        _note(tx, "session.ended", found.name, "all")
    return _done(number, counted("%(number)s session ended.", "%(number)s sessions ended.", ended))


@editor.post("/accounts/<int:number>/password-link")
@administering
def make_password_link(number: int) -> Any:
    """Make a one-time link for another password; it is shown once."""
    account = _account(number)
    if account.editor.id == g.editor.id:
        return _account_page(account, 409, fault=OWN)
    return _account_page(account, link=_link(Purpose.PASSWORD, of=account.editor))


@editor.post("/accounts/<int:number>/second-factor/reset")
@administering
def reset_second_factor(number: int) -> Any:
    """Ask for no code any more: the device and the recovery codes are lost."""
    account = _account(number)
    if account.editor.id == g.editor.id:
        return _account_page(account, 409, fault=OWN)
    with _changing(account) as (tx, found):
        codes.switch_off(
            tx, found, by=g.editor.name, address=client_address(), now=services().clock()
        )
    return _done(number, Phrase("The second factor of %(name)s is off.", name=account.editor.name))


@editor.route("/accounts/<int:number>/remove", methods=["GET", "POST"])
@administering
def remove_account(number: int) -> Any:
    """Ask once, then remove it; articles and versions keep the name."""
    account = _account(number)
    fault = ""
    if request.method == "POST":
        try:
            with _changing(account) as (tx, found):
                _check_others(tx, found)
                tx.editors.remove(found.name)
                _note(tx, "account.removed", found.name, found.role.value)
        except _Refused as error:
            fault = error.why
        else:
            said = Phrase("The account %(name)s is removed.", name=account.editor.name)
            flash(str(say(said)))
            return redirect(url_for("editor.all_accounts"), 303)
    with services().storage.reading() as tx:
        unsaved = tx.editors.count_typed(number)
    page = render_template(
        "editor/remove_account.html", account=account, unsaved=unsaved, fault=fault
    )
    return page, 409 if fault else 200


def _note(tx: Transaction, action: str, subject: str = "", detail: str = "") -> None:
    tx.audit.note(
        services().clock(),
        by=g.editor.name,
        action=action,
        subject=subject,
        detail=detail,
        address=client_address(),
    )


def _done(number: int, said: Phrase) -> Any:
    flash(str(say(said)))
    return redirect(url_for("editor.one_account", number=number), 303)
