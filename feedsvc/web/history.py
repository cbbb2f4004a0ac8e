"""Every version that was saved, and what is typed and not saved yet."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask import abort, flash, g, jsonify, redirect, render_template, request, url_for

from feedsvc.characters import clean_line
from feedsvc.model import ID_PREFIX, Enclosure, Entry, whole_second
from feedsvc.phrases import Phrase
from feedsvc.publishing import STATES
from feedsvc.storage import LastSave, Transaction, Version
from feedsvc.web import wording
from feedsvc.web.differences import Piece, compare
from feedsvc.web.episodes import EpisodeFields
from feedsvc.web.forms import LABELS, ArticleForm, is_editable
from feedsvc.web.languages import say
from feedsvc.web.services import services
from feedsvc.web.sign_in import editor, signed_in

PER_PAGE = 30
LONGEST_TITLE = 200
# What a column of the database can hold.
MOST_REVISIONS = 2_000_000_000
# Whoever typed so lately is typing.
TYPING = timedelta(minutes=5)
# What a script sends may arrive so long after the form that was sent later.
ON_ITS_WAY = timedelta(seconds=5)


# Versions


@editor.get("/entries/<uuid:uuid>/versions")
@signed_in
def versions(uuid: UUID) -> Any:
    """All of an article, the newest first, with what each changed."""
    before = request.args.get("before", type=int)
    if before is not None and not 0 < before <= MOST_REVISIONS:
        abort(404)
    with services().storage.reading() as tx:
        entry = _entry(tx, uuid)
        found = tx.history.versions_of(entry.id, limit=PER_PAGE + 1, before=before)
    older = [*found[1:], None][: len(found)]
    return render_template(
        "editor/versions.html",
        entry=entry,
        versions=[
            (one, wording.done(one.action), [say(label) for label, _ in differences(one, other)])
            for one, other in zip(found, older, strict=True)
        ][:PER_PAGE],
        has_more=len(found) > PER_PAGE,
    )


@editor.get("/entries/<uuid:uuid>/versions/<int:revision>")
@signed_in
def version(uuid: UUID, revision: int) -> Any:
    """One of them: what it changed, and what it said."""
    if revision > MOST_REVISIONS:
        abort(404)
    with services().storage.reading() as tx:
        entry = _entry(tx, uuid)
        found = tx.history.version(entry.id, revision)
        if found is None:
            abort(404)
        before = tx.history.versions_of(entry.id, limit=1, before=revision)
    return render_template(
        "editor/version.html",
        entry=entry,
        version=found,
        done=wording.done(found.action),
        before=before[0] if before else None,
        differences=differences(found, before[0] if before else None),
        fields=shown(found),
        is_current=revision == entry.revision,
        is_editable=is_editable(entry),
    )


def _entry(tx: Transaction, uuid: UUID) -> Entry:
    return tx.entries.find(f"{ID_PREFIX}{uuid}") or abort(404)


def shown(version: Version) -> list[tuple[Phrase, str]]:
    """What was written, by the labels of the form."""
    sources = (f"{one.name} {one.url or ''}".strip() for one in version.sources)
    return [
        (LABELS["title"], version.title),
        (LABELS["category"], ", ".join(one.name for one in version.categories)),
        (LABELS["author"], version.author),
        (LABELS["slug"], version.slug),
        (LABELS["summary"], version.summary),
        (LABELS["body"], version.body),
        (LABELS["sources"], "\n".join(sources)),
        (LABELS["picture"], enclosure_lines(version.picture)),
        (LABELS["audio"], enclosure_lines(version.recording)),
        (LABELS["publish_at"], wording.described(version.published)),
        (LABELS["state"], str(say(STATES[version.state]))),
    ]


def enclosure_lines(enclosure: Enclosure | None) -> str:
    """Address, alternative text, type and length, and what is said of it as an episode."""
    if enclosure is None:
        return ""
    known = wording.file(enclosure) if enclosure.is_known else ""
    episode = EpisodeFields.of(enclosure.episode).shown
    return "\n".join(filter(None, (enclosure.url, enclosure.alt, known, episode)))


def differences(version: Version, before: Version | None) -> list[tuple[Phrase, list[Piece]]]:
    """Label and pieces of each field in which it differs from the one before it."""
    if before is None:
        return []
    pairs = zip(shown(before), shown(version), strict=True)
    return [(label, compare(old, new)) for (label, old), (_, new) in pairs if old != new]


# What is not saved yet


@editor.post("/entries/<uuid:uuid>/typed")
@signed_in
def keep_working_copy(uuid: UUID) -> Any:
    """Keep what stands in the form, and say who else is typing; asked by a script."""
    fields = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in ("csrf_token", "action", "picture_file")
    ]
    form = ArticleForm.from_request(request.form)
    now = whole_second(services().clock())
    id = f"{ID_PREFIX}{uuid}"
    with services().storage.writing() as tx:
        saved = tx.history.last_save(id)
        if saved and _is_overtaken(saved, form.revision, now):
            return jsonify(kept="", others=[])
        tx.history.keep_typed(
            id,
            g.editor.id,
            window=form.window,
            revision=form.revision,
            title=clean_line(request.form.get("title", ""))[:LONGEST_TITLE],
            fields=fields,
            now=now,
        )
        others = typed_by_others(tx, uuid)
    told = {"said": str(say(wording.writing(others)))} if others else {}
    return jsonify(kept=wording.clock_time(now), others=others, **told)


def _is_overtaken(saved: LastSave, revision: int, now: datetime) -> bool:
    """Whether the same form was saved while this was on its way."""
    is_of_before = saved.revision > revision and saved.editor == g.editor.name
    return is_of_before and now - saved.saved_at <= ON_ITS_WAY


@editor.post("/entries/<uuid:uuid>/typed/forget")
@signed_in
def forget_working_copy(uuid: UUID) -> Any:
    """It is not wanted."""
    with services().storage.writing() as tx:
        window = request.form.get("window", "")
        tx.history.forget_typed(f"{ID_PREFIX}{uuid}", g.editor.id, window)
    flash(str(say(Phrase("The text that was not saved is discarded."))))
    if request.form.get("then") == "desk":
        return redirect(url_for("editor.index"), 303)
    return redirect(url_for("editor.edit", uuid=uuid), 303)


def typed_by_others(tx: Transaction, uuid: UUID) -> list[str]:
    """The names of those who are typing in this article's form, too."""
    since = whole_second(services().clock()) - TYPING
    found = tx.history.typed_by_others(f"{ID_PREFIX}{uuid}", g.editor.id, since)
    return list(dict.fromkeys(one.editor for one in found))
