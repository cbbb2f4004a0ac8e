"""The categories that an article's form names: chosen, typed, or made when it is saved."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from flask import g

from feedsvc.characters import clean_line
from feedsvc.errors import InvalidEntry, NotFound, StorageError
from feedsvc.model import Category
from feedsvc.publishing import LONGEST_CATEGORY
from feedsvc.slugs import category_slug_of
from feedsvc.web.forms import ArticleForm
from feedsvc.web.services import services

# Of more than so many categories the form offers those used last; others are typed.
MOST_CATEGORIES = 200


def with_current_categories(form: ArticleForm) -> ArticleForm:
    """The form as if it had been opened now: a category may have another address since.

    Where there are too many to choose from, a name may have been typed.
    """
    with services().storage.reading() as tx:

        def current(typed: str) -> str:
            found = tx.feeds.category_called(typed)
            return found.slug if found else typed

        return replace(
            form,
            category=current(form.category) if form.category else "",
            also_in=tuple(current(slug) for slug in form.also_in),
        )


def with_new_category(form: ArticleForm) -> ArticleForm:
    """The form in the category that was named beside the others; made if there is none."""
    if not form.new_category.strip():
        return form
    try:
        made = services().publisher.ensure_category(
            form.new_category, services().clock(), by=g.editor.name
        )
    except InvalidEntry as error:
        return form.with_faults(error.faults)
    except StorageError:
        return form  # the save, which comes next, says so
    return replace(form, category=made.slug, new_category="")


def categories_of(form: ArticleForm) -> list[Category]:
    """Those that the form names."""
    found = []
    with services().storage.reading() as tx:
        for slug in dict.fromkeys((form.category, *form.also_in)):
            with suppress(NotFound):
                found.append(tx.feeds.category(slug))
    return found


def categories_to_choose(form: ArticleForm) -> tuple[list[Category], bool]:
    """What the form offers, and whether there are more, which can be typed."""
    with services().storage.reading() as tx:
        offered = tx.feeds.latest_categories(MOST_CATEGORIES)
        has_more = len(offered) == MOST_CATEGORIES and (
            tx.feeds.count_categories() > MOST_CATEGORIES
        )
    named = categories_of(form) if has_more else []
    return [*offered, *(one for one in named if one not in offered)], has_more


def with_foreseen_category(form: ArticleForm) -> tuple[ArticleForm, list[Category]]:
    """The form in the category that a save would make, and all that it names then."""
    categories = categories_of(form)
    # One that is too long is refused by the save, with a word about that.
    name = clean_line(form.new_category)[:LONGEST_CATEGORY]
    if not name:
        return form, categories
    with services().storage.reading() as tx:
        made = tx.feeds.category_named(name)
        made = made or Category(tx.feeds.free_category_slug(category_slug_of(name)), name)
    return replace(form, category=made.slug), [*categories, made]
