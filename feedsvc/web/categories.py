"""The editor's page of categories: make one, rename it, move it among the others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeVar

from flask import abort, flash, g, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from feedsvc.errors import EditConflict, InvalidEntry, NotFound, StorageError
from feedsvc.model import CONTENTS, Category
from feedsvc.phrases import Phrase
from feedsvc.podcasts import APPLE_CATEGORIES, NO_PODCAST, Podcast, packed, unpacked
from feedsvc.publishing import Move
from feedsvc.slugs import RESERVED_SLUGS
from feedsvc.web.editor import editor
from feedsvc.web.languages import say
from feedsvc.web.podcasts import fields_of, podcast_from
from feedsvc.web.services import services
from feedsvc.web.sign_in import FORMS, administering
from feedsvc.web.wording import CONTENTS_CHOSEN, nothing_saved

__all__ = ["editor"]

PER_PAGE = 100


@editor.get("/categories")
@administering
def categories() -> Any:
    """Every category, each with its form, and one for a new one."""
    return _page()


@editor.post("/categories")
@administering
def add_category() -> Any:
    """Make a category; its feeds are there at once."""
    try:
        made = services().publisher.new_category(
            services().clock(),
            name=request.form.get("name", ""),
            slug=request.form.get("slug", ""),
            description=request.form.get("description", ""),
            language=request.form.get("language", ""),
            content=_content(request.form.get("content", "")),
            podcast=podcast_from(request.form, NO_PODCAST),
            by=g.editor.name,
        )
    except InvalidEntry as error:
        return _page("", error.faults, 422)
    except StorageError as error:
        return _page("", {"form": nothing_saved(error)}, 503)
    services().documents.publish()
    address = url_for("public.category", slug=made.slug)
    said = Phrase(
        "There is a category %(name)s now, at %(address)s. Its feeds can be subscribed to.",
        name=made.name,
        address=address,
    )
    flash(str(say(said)))
    return redirect(url_for("editor.categories"), 303)


@editor.post("/categories/<slug>")
@administering
def change_category(slug: str) -> Any:
    """Another name, address, description, language or podcast; old addresses go on serving."""
    stored = _stored_podcast(slug)
    try:
        changed = services().publisher.change_category(
            slug,
            services().clock(),
            name=request.form.get("name", ""),
            new_slug=request.form.get("slug", ""),
            description=request.form.get("description", ""),
            language=request.form.get("language"),
            content=_content(request.form.get("content")),
            podcast=podcast_from(request.form, stored),
            expected=_shown(stored),
            by=g.editor.name,
        )
    except InvalidEntry as error:
        return _page(_current_slug(slug), error.faults, 422)
    except EditConflict:
        fault = Phrase(
            "Somebody else changed this category while you were writing. What you typed is"
            " still here, with what is stored beside it. Saving again puts yours in its place."
        )
        return _page(_current_slug(slug), {"form": fault}, 409)
    except NotFound:
        return _page(slug, {"form": Phrase("There is no such category any more.")}, 404)
    except StorageError as error:
        return _page(slug, {"form": nothing_saved(error)}, 503)
    services().documents.publish()
    said = Phrase("%(name)s is saved. Addresses that it had go on working.", name=changed.name)
    flash(str(say(said)))
    return redirect(url_for("editor.categories"), 303)


@editor.post("/categories/<slug>/move")
@administering
def move_category(slug: str) -> Any:
    """One place up or down, or before or behind all the others."""
    pressed = request.form.get("to", "")
    if pressed not in list(Move):
        abort(400, Phrase("The form does not say which button was pressed."))
    # What stood there when the page was opened.
    beside = request.form.get({"up": "before", "down": "behind"}.get(pressed, ""))
    try:
        moved = services().publisher.move_category(
            slug, Move(pressed), services().clock(), beside=beside, by=g.editor.name
        )
    except EditConflict:
        fault = Phrase(
            "Somebody else moved categories since you opened this page, so nothing was moved."
            " This is how they stand now."
        )
        return _page(None, {"form": fault}, 409)
    except NotFound:
        return _page(None, {"form": Phrase("There is no such category any more.")}, 404)
    with services().storage.reading() as tx:
        number = tx.category_order.number(moved)
    flash(
        str(say(Phrase("%(name)s is number %(number)s now.", name=moved.name, number=number + 1)))
    )
    page = number // PER_PAGE + 1
    shown = page if page > 1 else None
    return redirect(url_for("editor.categories", moved=moved.slug, to=pressed, page=shown), 303)


def _show_again(
    typed: MultiDict[str, str], arguments: dict[str, Any], fault: str, status: int
) -> Any:
    slug = _current_slug(arguments["slug"]) if "slug" in arguments else ""
    return _page(slug, {"form": fault} if fault else {}, status, typed=typed)


FORMS["editor.add_category"] = FORMS["editor.change_category"] = _show_again
FORMS["editor.move_category"] = lambda _typed, _arguments, fault, status: _page(
    None, {"form": fault} if fault else {}, status
)


def _shown(stored: Podcast) -> Category | None:
    """The category as it stood in the form when that was opened.

    :param stored: what counts for one that knows nothing of podcasts.
    """
    podcast = request.form.get("shown_podcast")
    name, slug = request.form.get("shown_name"), request.form.get("shown_slug")
    if not name or not slug or slug in RESERVED_SLUGS:
        return None
    return Category(
        slug,
        name,
        request.form.get("shown_description", ""),
        language=request.form.get("shown_language", ""),
        content=_content(request.form.get("shown_content", "")),
        podcast=stored if podcast is None else unpacked(podcast),
    )


_Chosen = TypeVar("_Chosen", str, str | None)


def _content(chosen: _Chosen) -> _Chosen:
    if chosen and chosen not in CONTENTS:
        abort(400, Phrase("The form does not say what feeds are to carry."))
    return chosen


def _stored_podcast(slug: str) -> Podcast:
    with services().storage.reading() as tx, suppress(NotFound):
        return tx.feeds.category(slug).podcast
    return NO_PODCAST


def _current_slug(slug: str) -> str:
    """What a category that had an address is called now."""
    with services().storage.reading() as tx, suppress(NotFound):
        return tx.feeds.category(slug).slug
    return slug


def _page(
    faulty: str | None = None,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    *,
    typed: MultiDict[str, str] | None = None,
) -> Any:
    """The page; in the form ``faulty`` (a slug, "" the new one's) what was typed stays."""
    text = request.args.get("page", "1")
    number = int(text) if re.fullmatch("[1-9][0-9]{0,4}", text) else 1
    offset = (number - 1) * PER_PAGE
    elsewhere = []
    with services().storage.reading() as tx:
        # Those around the page too, which its first and last are moved past.
        found = tx.feeds.categories(limit=PER_PAGE + 2, offset=max(offset - 1, 0))
        before = found.pop(0).slug if offset and found else ""
        if faulty and all(one.slug != faulty for one in found[:PER_PAGE]):
            with suppress(NotFound):  # its form stands on another page
                elsewhere.append(tx.feeds.category(faulty))
    standing = [before, *(one.slug for one in found), ""]
    shown = [
        (one, standing[place], standing[place + 2]) for place, one in enumerate(found[:PER_PAGE])
    ]
    page = render_template(
        "editor/categories.html",
        # Each with the slugs of those that it stands between.
        categories=[*((one, "", "") for one in elsewhere), *shown],
        number=number,
        has_more=len(found) > PER_PAGE,
        faulty=faulty,
        faults=faults or {},
        typed=request.form if typed is None else typed,
        is_conflict=status == 409,
        contents=CONTENTS_CHOSEN,
        podcast_fields=fields_of,
        packed_podcast=packed,
        no_podcast=NO_PODCAST,
        apple_categories=APPLE_CATEGORIES,
        moved=request.args.get("moved", ""),
        moved_to=request.args.get("to", ""),
    )
    return page, status
