"""Pages for people: latest articles, a category, an article; and health."""

from __future__ import annotations

import re
import threading
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for

from feedsvc.characters import is_writable
from feedsvc.errors import NotFound, StorageBusy, StorageError
from feedsvc.model import Content, Entry, Feed, Format, State
from feedsvc.phrases import Phrase
from feedsvc.rendering import page_html
from feedsvc.web.clients import is_in
from feedsvc.web.services import client_address, services

public = Blueprint("public", __name__)

PER_PAGE = 20
SAME_CATEGORY = 5
# So many categories are named on every page.
MOST_CATEGORIES = 200
EVERYTHING = "/feeds/all.rss"


@public.get("/")
def front_page() -> Any:
    """The latest articles of every category."""
    return _listing("all")


@public.get("/categories/<slug>")
def category(slug: str) -> Any:
    """The latest articles of one category."""
    if slug == "all":
        abort(404)
    return _listing(slug)


def _listing(slug: str) -> Any:
    page = page_number()
    with services().storage.reading() as tx:
        feed = _found(lambda: tx.feeds.feed(slug))
        if feed.slug != slug:  # an address that it had before
            return redirect(feed.page_path, 301)
        entries = tx.entries.live_in(feed, limit=PER_PAGE + 1, offset=(page - 1) * PER_PAGE)
        categories = tx.feeds.latest_categories(MOST_CATEGORIES)
        everything = tx.feeds.feed("all")
    if page > 1 and not entries:
        abort(404)
    return render_template(
        "listing.html",
        feed=feed,
        entries=entries[:PER_PAGE],
        categories=categories,
        page=page,
        has_older=len(entries) > PER_PAGE,
        feeds=_feeds_of(feed, everything),
    )


def page_number() -> int:
    """Which page of a list is asked for, from 1."""
    text = request.args.get("page", "1")
    if not re.fullmatch("[1-9][0-9]{0,4}", text):
        abort(404)
    return int(text)


@public.get("/feeds/<path:name>")
def missing_feed(name: str) -> Any:
    """A feed that was not found: because there is none, or because storage is silent.

    :raises StorageError: a reader that was told 404 would unsubscribe.
    """
    path_info = f"/feeds/{name}".encode().decode("latin-1")
    if not services().documents.find(path_info):
        return _main_feed(name)
    if request.environ["PATH_INFO"] != path_info:  # such as //feeds/all.rss
        return redirect(url_for("public.missing_feed", name=name), 301)
    raise StorageBusy(Phrase("the database did not answer; try again in a moment"))


_SECOND = re.compile(rf"(.+)/({'|'.join(Content)})\.({'|'.join(Format)})")


def _main_feed(name: str) -> Any:
    """Where a feed has no second documents of a content, its main ones carry it, or will do.

    Not for good: it may be given such again, and its readers come back here.
    """
    wanted = _SECOND.fullmatch(name)
    if wanted is None:
        abort(404)
    with services().storage.reading() as tx:
        feed = _found(lambda: tx.feeds.feed(wanted[1]))
    return redirect(feed.path(Format(wanted[3])), 302)


@public.get("/articles/<slug>")
def article(slug: str) -> Any:
    """One article, with others of its principal category."""
    with services().storage.reading() as tx:
        entry = _found(lambda: tx.entries.by_slug(slug))
        if entry.state is State.WITHDRAWN:
            categories = tx.feeds.latest_categories(MOST_CATEGORIES)
            return render_template("gone.html", categories=categories), 410
        if entry.state is not State.PUBLISHED:
            abort(404)
        if entry.slug != slug:  # an address that it had before
            return redirect(entry.path, 301)
        feed = tx.feeds.feed(entry.categories[0].slug)
        known = [tx.authors.named(name) for name in entry.authors]
        signed = [tx.feeds.feed(f"authors/{one.slug}") for one in known if one]
        everything = tx.feeds.feed("all")
        others = tx.entries.live_in(feed, limit=SAME_CATEGORY + 1)
        categories = tx.feeds.latest_categories(MOST_CATEGORIES)
    return render_template(
        "article.html",
        entry=entry,
        html=page_html(entry, services().site),
        others=_others(others, entry),
        categories=categories,
        signed=signed,
        feeds=[feed, *signed, everything],
    )


def _others(entries: list[Entry], entry: Entry) -> list[Entry]:
    return [other for other in entries if other.id != entry.id][:SAME_CATEGORY]


def _feeds_of(feed: Feed, everything: Feed) -> list[Feed]:
    """A page's own feed first, then the one of everything."""
    return [feed] if feed.id == everything.id else [feed, everything]


def _found(ask: Any) -> Any:
    try:
        return ask()
    except NotFound:
        abort(404)


@public.url_value_preprocessor
def _check_slug(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    # PostgreSQL refuses to compare with a NUL; no slug has such characters.
    if values and not is_writable(values.get("slug") or values.get("name") or ""):
        abort(404)


@public.get("/healthz")
def healthz() -> Response:
    """200 while polls are answered: one of the feed of everything would be."""
    try:
        fault = "" if services().documents.find(EVERYTHING) else "no feed documents yet"
    except StorageError as error:
        fault = str(error)
    return _plain(fault or "ok", 503 if fault else 200)


class _Readiness:
    """Whether saving works, tried by saving, at most every few seconds."""

    seconds = 5.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at: datetime | None = None
        self._fault = ""

    def fault(self) -> str:
        now = services().clock()
        with self._lock:
            age = abs((now - self._asked_at).total_seconds()) if self._asked_at else None
            if age is None or age >= self.seconds:
                try:
                    with services().storage.writing() as tx:
                        tx.settings.put("readyz", now.isoformat())
                    self._fault = ""
                except StorageError as error:
                    self._fault = str(error)
                self._asked_at = now
            return self._fault


_readiness = _Readiness()


@public.get("/readyz")
def readyz() -> Response:
    """200 while saving works too."""
    fault = _readiness.fault()
    return _plain(fault or "ok", 503 if fault else 200)


def _plain(text: str, status: int) -> Response:
    return Response(
        text + "\n", status, mimetype="text/plain", headers={"Cache-Control": "no-store"}
    )


@public.get("/metrics")
def metrics() -> Response:
    """Numbers for Prometheus, of all workers; to whom ``server.metrics_from`` names."""
    given = services()
    if not is_in(client_address(), given.metrics_from):
        abort(404)
    try:
        with given.storage.reading() as tx:
            oldest = tx.feeds.oldest_change()
    except StorageError:
        oldest = None
    return Response(
        given.metrics.text(oldest, given.clock()),
        content_type="text/plain; version=0.0.4; charset=utf-8",
        headers={"Cache-Control": "no-store"},
    )
