"""The desk: what there is in each state, what is not saved yet, what happens next."""

from __future__ import annotations

import re
from typing import Any

from flask import g, render_template, request

from feedsvc.characters import clean_line
from feedsvc.model import ID_PREFIX, State
from feedsvc.storage import MOST_COUNTED, Transaction, Wanted
from feedsvc.web.editor import is_news
from feedsvc.web.services import services
from feedsvc.web.sign_in import editor, signed_in

PER_PAGE = 50
# Of more categories than this a name is typed, of as many authors some are proposed.
MOST_OFFERED = 200
MOST_UNSAVED = 20
# Where there is work the desk opens.
OPENED_FIRST = (State.DRAFT, State.SCHEDULED, State.PUBLISHED)


@editor.get("/")
@signed_in
def index() -> Any:
    """Drafts, scheduled, published, withdrawn; all of them, or those that are looked for."""
    asked = {
        name: clean_line(request.args.get(name, "")) for name in ("words", "category", "author")
    }
    state = next((one for one in State if one == request.args.get("state")), None)
    text = request.args.get("page", "1")
    page = int(text) if re.fullmatch("[1-9][0-9]{0,4}", text) else 1
    with services().storage.reading() as tx:
        wanted, has_category = _wanted(tx, asked)
        counts = {one: tx.entries.count(one, wanted) if has_category else 0 for one in State}
        among = list(State) if any(asked.values()) else OPENED_FIRST
        shown = state or next((one for one in among if counts[one]), State.DRAFT)
        entries = []
        if has_category:
            offset = (page - 1) * PER_PAGE
            entries = tx.entries.latest(shown, wanted, limit=PER_PAGE + 1, offset=offset)
        upcoming = tx.entries.latest(State.SCHEDULED, limit=1)
        categories = tx.feeds.latest_categories(MOST_OFFERED)
        authors = tx.entries.authors(limit=MOST_OFFERED)
        typed = tx.history.typed_by(g.editor.id, limit=MOST_UNSAVED)
        unsaved = [one for one in typed if is_news(one, tx.entries.find(one.entry_id))]
    return render_template(
        "editor/desk.html",
        asked=asked,
        is_searched=any(asked.values()),
        shown=shown,
        # Few ever discard anything.
        counts={one: n for one, n in counts.items() if n or one is not State.DISCARDED},
        most_counted=MOST_COUNTED,
        entries=entries[:PER_PAGE],
        upcoming=upcoming[0] if upcoming else None,
        categories=categories,
        has_more_categories=len(categories) == MOST_OFFERED,
        authors=authors,
        unsaved=[(one.entry_id.removeprefix(ID_PREFIX), one) for one in unsaved],
        page=page,
        has_more=len(entries) > PER_PAGE,
    )


def _wanted(tx: Transaction, asked: dict[str, str]) -> tuple[Wanted, bool]:
    """What to narrow the lists down to, and whether there is such a category."""
    category = tx.feeds.category_called(asked["category"])
    if asked["category"] and category is None:
        return Wanted(), False
    author, ours = asked["author"], services().site.author
    # Articles that name nobody are shown as the site's own.
    authors = ("", author) if author and author == ours else (author,) if author else ()
    return Wanted(asked["words"], category, authors), True
