"""An article that is pasted whole, taken apart for the form's fields."""

from __future__ import annotations

from typing import Any

from flask import jsonify, request

from feedsvc.errors import ImportRefused
from feedsvc.importing import parse_article, source_line
from feedsvc.web.forms import wall_text_of
from feedsvc.web.services import services
from feedsvc.web.sign_in import editor, signed_in


@editor.post("/read-article")
@signed_in
def read_article() -> Any:
    """The fields of a text in the shape in which news pages are copied; asked by a script."""
    try:
        found = parse_article(request.form.get("text", "").encode("utf-8", "replace"))
    except ImportRefused as error:
        return jsonify(fault=str(error)), 422
    fields = {
        "title": found.title,
        "body": found.body,
        "sources": "\n".join(source_line(source) for source in found.sources),
        "publish_at": wall_text_of(found.wall),
    }
    with services().storage.reading() as tx:
        category = tx.feeds.category_called(found.category)
    # One that is not there is made when the article is saved, if the editor leaves it there.
    named = {"category": category.slug} if category else {"new_category": found.category}
    return jsonify(fields | named)
