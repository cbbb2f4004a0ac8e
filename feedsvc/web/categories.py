"""The editor's page of categories: make one, rename it, give it another address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from feedsvc.errors import EditConflict, InvalidEntry, NotFound, StorageError
from feedsvc.model import RESERVED_SLUGS, Category
from feedsvc.phrases import Phrase
from feedsvc.web.editor import editor
from feedsvc.web.languages import say
from feedsvc.web.services import services
from feedsvc.web.sign_in import FORMS, signed_in
from feedsvc.web.wording import nothing_saved

__all__ = ["editor"]

PER_PAGE = 100


@editor.get("/categories")
@signed_in
def categories() -> Any:
    """Every category, each with its form, and one for a new one."""
    return _page()


@editor.post("/categories")
@signed_in
def add_category() -> Any:
    """Make a category; its feeds are there at once."""
    name, description = request.form.get("name", ""), request.form.get("description", "")
    now = services().clock()
    publisher = services().publisher
    try:
        made = publisher.new_category(
            now, name=name, slug=request.form.get("slug", ""), description=description
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
@signed_in
def change_category(slug: str) -> Any:
    """Another name, address or description; the old address goes on serving its feeds."""
    try:
        changed = services().publisher.change_category(
            slug,
            services().clock(),
            name=request.form.get("name", ""),
            new_slug=request.form.get("slug", ""),
            description=request.form.get("description", ""),
            expected=_shown(),
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


def _show_again(
    typed: MultiDict[str, str], arguments: dict[str, Any], fault: str, status: int
) -> Any:
    slug = _current_slug(arguments["slug"]) if "slug" in arguments else ""
    return _page(slug, {"form": fault} if fault else {}, status, typed=typed)


FORMS["editor.add_category"] = FORMS["editor.change_category"] = _show_again


def _shown() -> Category | None:
    """The category as it stood in the form when that was opened."""
    name, slug = request.form.get("shown_name"), request.form.get("shown_slug")
    if not name or not slug or slug in RESERVED_SLUGS:
        return None
    return Category(slug, name, request.form.get("shown_description", ""))


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
    with services().storage.reading() as tx:
        found = tx.feeds.categories(limit=PER_PAGE + 1, offset=(number - 1) * PER_PAGE)
        if faulty and all(one.slug != faulty for one in found):
            with suppress(NotFound):  # its form stands on another page
                found.insert(0, tx.feeds.category(faulty))
    page = render_template(
        "editor/categories.html",
        categories=found[:PER_PAGE],
        number=number,
        has_more=len(found) > PER_PAGE,
        faulty=faulty,
        faults=faults or {},
        typed=request.form if typed is None else typed,
        is_conflict=status == 409,
    )
    return page, status
