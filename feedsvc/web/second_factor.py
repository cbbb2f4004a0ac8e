"""An editor's second factor: set up, confirmed by a code, switched off."""

from __future__ import annotations

from typing import Any

import structlog
from flask import flash, g, redirect, render_template, request, url_for

from feedsvc.phrases import Phrase
from feedsvc.web import accounts, codes
from feedsvc.web.account import account_page, is_own_password, with_password
from feedsvc.web.languages import say
from feedsvc.web.services import client_address, services
from feedsvc.web.sign_in import editor, signed_in

log = structlog.get_logger("feedsvc.web")


@editor.post("/account/second-factor/begin")
@signed_in
def begin_second_factor() -> Any:
    """Make its secret. With the password: a session alone could lock its editor out."""
    refused = with_password("begin", is_own_password)
    if refused:
        return refused
    if not codes.begin(services().storage, g.editor, services().clock()):
        return redirect(url_for("editor.account"), 303)
    return redirect(url_for("editor.second_factor"), 303)


@editor.route("/account/second-factor", methods=["GET", "POST"])
@signed_in
def second_factor() -> Any:
    """The secret, until a code shows that the device has it; then the recovery codes, once."""
    now = services().clock()
    factor = codes.being_set_up(services().storage, g.editor, now)
    if factor is None:
        return redirect(url_for("editor.account"), 303)
    fault: str = ""
    if request.method == "POST":
        made = codes.switch_on(
            services().storage,
            g.editor,
            factor,
            request.form.get("code", ""),
            address=client_address(),
            now=now,
        )
        if made:
            log.info("second factor on", editor=g.editor.name)
            return render_template("editor/recovery_codes.html", codes=made)
        fault = Phrase(
            "This is not the code of the moment. Is the clock of the device right? Type the next."
        )
    page = render_template(
        "editor/second_factor.html",
        setup=codes.setup(factor, g.editor, services().site.title),
        fault=fault,
    )
    return page, 422 if fault else 200


@editor.post("/account/second-factor/off")
@signed_in
def switch_off_second_factor() -> Any:
    """Ask for no code any more; needs the password and a code."""
    refused = with_password("off", is_own_password)
    if refused:
        return refused
    try:
        used = codes.use(
            services().storage,
            g.editor,
            request.form.get("code", ""),
            address=client_address(),
            now=services().clock(),
        )
    except accounts.Throttled:
        minutes = accounts.THROTTLE_MINUTES
        fault = Phrase("too many failed attempts; wait %(minutes)s minutes", minutes=minutes)
        return account_page("off", {"code": fault}, 429)
    if not used:
        fault = Phrase("the code is wrong, or it was used already")
        return account_page("off", {"code": fault}, 422)
    with services().storage.writing() as tx:
        codes.switch_off(
            tx,
            g.editor,
            by=g.editor.name,
            address=client_address(),
            now=services().clock(),
        )
    log.info("second factor off", editor=g.editor.name)
    flash(str(say(Phrase("The second factor is switched off."))))
    return redirect(url_for("editor.account"), 303)
