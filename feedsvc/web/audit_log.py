"""The page of the log: who did what and when."""

from __future__ import annotations

import re
from typing import Any

from flask import render_template, request

from feedsvc.characters import clean_line
from feedsvc.model import ID_PREFIX
from feedsvc.phrases import Phrase
from feedsvc.storage import BY_COMMAND, LookedFor, Noted
from feedsvc.web import log_details
from feedsvc.web.services import services
from feedsvc.web.sign_in import administering, editor

PER_PAGE = 50
LONGEST_WORDS = 200
# What the page can be narrowed down to.
KINDS = {
    "article": Phrase("articles"),
    "category": Phrase("categories"),
    "account": Phrase("accounts"),
    "session": Phrase("signing in and out"),
    "site": Phrase("the site"),
    "picture": Phrase("pictures"),
}
# An act that is not here stands in the log under the name that it was noted by.
ACTS = {
    "article.save_draft": Phrase("draft saved"),
    "article.publish": Phrase("published"),
    "article.schedule": Phrase("scheduled"),
    "article.correct": Phrase("corrected"),
    "article.update": Phrase("updated"),
    "article.withdraw": Phrase("withdrawn"),
    "article.restore": Phrase("restored"),
    "article.discard": Phrase("discarded"),
    "article.due": Phrase("published on time"),
    "article.import": Phrase("imported"),
    "category.made": Phrase("category made"),
    "category.changed": Phrase("category changed"),
    "category.moved": Phrase("category moved"),
    "account.made": Phrase("account made"),
    "account.invited": Phrase("link for a new account made"),
    "account.role": Phrase("role changed"),
    "account.removed": Phrase("account removed"),
    "account.password": Phrase("password changed"),
    "account.password-link": Phrase("link for a new password made"),
    "account.link-ended": Phrase("link ended"),
    "account.second-factor-on": Phrase("second factor switched on"),
    "account.second-factor-off": Phrase("second factor switched off"),
    "account.second-factor-reset": Phrase("second factor reset"),
    "session.began": Phrase("signed in"),
    "session.refused": Phrase("sign-in refused"),
    "session.throttled": Phrase("sign-ins refused: too many failed"),
    "session.left": Phrase("signed out"),
    "session.ended": Phrase("sessions ended"),
    "site.changed": Phrase("settings of the site changed"),
    "picture.stored": Phrase("picture uploaded"),
}


@editor.get("/log")
@administering
def log() -> Any:
    """The newest first; of one account, of one kind, with words of what it was done to."""
    words = clean_line(request.args.get("words", ""))[:LONGEST_WORDS]
    kind = request.args.get("kind", "")
    looked_for = LookedFor(
        who=clean_line(request.args.get("who", "")), kind=kind if kind in KINDS else "", words=words
    )
    text = request.args.get("before", "")
    before = int(text) if re.fullmatch("[1-9][0-9]{0,17}", text) else None
    with services().storage.reading() as tx:
        found, further = tx.audit.latest(looked_for, limit=PER_PAGE, before=before)
        names = [one.name for one in tx.editors.all()]
    return render_template(
        "editor/log.html",
        looked_for=looked_for,
        is_narrowed=any(looked_for),
        is_continued=before is not None,
        acts=[
            (one, said(one), log_details.said(one.detail), one.entry_id.removeprefix(ID_PREFIX))
            for one in found
        ],
        further=further,
        kinds=KINDS,
        names=names,
    )


def said(noted: Noted) -> str:
    """What was done, in words."""
    action = noted.action.removesuffix(BY_COMMAND)
    act = ACTS.get(action, action)
    if action != noted.action:
        return Phrase("%(act)s, from the command line", act=act)
    return act
