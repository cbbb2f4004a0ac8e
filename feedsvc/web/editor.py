"""Write, publish, correct, withdraw."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import tzinfo
from threading import BoundedSemaphore
from typing import Any
from uuid import UUID, uuid4

from flask import abort, flash, g, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from feedsvc.errors import EditConflict, InvalidEntry, NotFound, PictureRefused, StorageError
from feedsvc.model import ID_PREFIX, Category, Entry, Format, State
from feedsvc.phrases import Phrase
from feedsvc.publishing import (
    ASIDE,
    Action,
    Draft,
    find_faults,
)
from feedsvc.storage import WorkingCopy
from feedsvc.timestamps import describe, describe_zone, zone_named
from feedsvc.web import wording
from feedsvc.web.conflicts import (
    Difference,
    beside,
    has_more,
    untouched_in,
    what_happened,
    with_stored,
)
from feedsvc.web.enclosures import EnclosureFields, asked, looked_up
from feedsvc.web.episodes import EPISODE_KINDS, EXPLICIT
from feedsvc.web.filing import (
    categories_of,
    categories_to_choose,
    with_current_categories,
    with_foreseen_category,
    with_new_category,
)
from feedsvc.web.forms import LABELS, ArticleForm, is_editable, time_choices
from feedsvc.web.history import typed_by_others
from feedsvc.web.languages import isolated, say
from feedsvc.web.pictures import FILE, keep_picture
from feedsvc.web.places import places
from feedsvc.web.preview import Preview
from feedsvc.web.question import ASKED_OF, READ_BY_PEOPLE, Question
from feedsvc.web.services import services
from feedsvc.web.sign_in import FORMS, editor, keep_typed, signed_in
from feedsvc.web.sources import rows_of

__all__ = ["editor"]

# Of those that scripts ask for one at a time: a long text takes its seconds.
LONGEST_WAIT_SECONDS = 0.5
_previewing = BoundedSemaphore(1)
# Texts of one article and editor that were not saved.
MOST_OFFERED = 20
# The buttons that save nothing of the article.
PREVIEW = "preview"
UPLOAD = "upload"
# The value of each other button, and what it asks for; "update" asks by ``told``.
BUTTONS = {
    "save_draft": Action.SAVE_DRAFT,
    "publish": Action.PUBLISH,
    "schedule": Action.SCHEDULE,
    "update": Action.CORRECT,
    "withdraw": Action.WITHDRAW,
    "restore": Action.RESTORE,
    "discard": Action.DISCARD,
}


# Writing


@editor.get("/new")
@signed_in
def new() -> Any:
    """An empty form. It carries the id of the article-to-be: sent twice, it makes one."""
    return _form_page(ArticleForm(), None, uuid4())


@editor.get("/entries/<uuid:uuid>")
@signed_in
def edit(uuid: UUID) -> Any:
    """The form of an article, stored or not yet; with another text in it where asked for.

    ``take=typed``: what this editor typed and did not save. ``take=`` and a number: that
    version. Nothing is saved by it.
    """
    entry = _stored(uuid)
    form = ArticleForm.from_entry(entry, services().zone) if entry else ArticleForm()
    taken = request.args.get("take", "")
    version = None
    with services().storage.reading() as tx:
        typed = tx.history.typed(f"{ID_PREFIX}{uuid}", g.editor.id, limit=MOST_OFFERED)
        if taken.isascii() and taken.isdigit() and len(taken) < 10:
            version = tx.history.version(f"{ID_PREFIX}{uuid}", int(taken))
    typed = [one for one in typed if is_news(one, entry)]
    wanted = [one for one in typed if one.window == request.args.get("window")] or typed
    if wanted and (taken == "typed" or entry is None):
        copy = wanted[0]
        typed.remove(copy)
        form = with_current_categories(ArticleForm.from_request(MultiDict(copy.fields), entry))
        said = Phrase(
            "This is what you typed and did not save."
            " Nothing is saved yet: look through it and go on."
        )
        flash(str(say(said)))
    elif version is not None and entry is not None and is_editable(entry):
        form = with_current_categories(ArticleForm.from_version(version, entry, services().zone))
        said = Phrase(
            "This is the text of version %(version)s."
            " Nothing is saved yet: look through it and go on.",
            version=version.revision,
        )
        flash(str(say(said)))
    return _form_page(form, entry, uuid, typed=typed[0] if typed else None)


def is_news(typed: WorkingCopy, entry: Entry | None) -> bool:
    """Whether what was typed is not what is stored."""
    form = ArticleForm.from_request(MultiDict(typed.fields), entry)
    return entry is None or has_more(form, entry, _zone_of(form)[0])


def _forget_typed(entry: Entry, saved: ArticleForm) -> None:
    """What was kept of the window that is saved now; what another one keeps stays."""
    with suppress(StorageError), services().storage.writing() as tx:
        tx.history.forget_typed(entry.id, g.editor.id, saved.window)


@editor.post("/entries/<uuid:uuid>")
@signed_in
def save(uuid: UUID) -> Any:
    """Do what the pressed button asks for; what cannot be done keeps what was typed."""
    # What is stored decides what an untouched time means: without it nothing is done.
    current = _read(uuid)
    form = with_current_categories(_sent_form(request.form, current))
    pressed = request.form.get("action", "")
    if pressed == PREVIEW:
        return _form_page(form, current, uuid, preview=_preview(form, current, uuid))
    if pressed == UPLOAD:
        return _uploaded(form, current, uuid)
    action = BUTTONS.get(pressed)
    if action is None:
        abort(400, Phrase("The form does not say which button was pressed."))
    if action is Action.CORRECT and form.told == "update":
        action = Action.UPDATE
    if action in ASIDE:
        # What is typed beside these buttons is not what they are about.
        draft, form = form.to_draft(categories_of(form), current, *_zone_of(form))
        return _done(draft, form, action, current, uuid, {})
    form = _with_file_named(form, action)
    form, troubles = asked(form, current, is_draft=action is Action.SAVE_DRAFT)
    # What is not known of a draft's picture or recording may be found out later.
    entry, refused = _foretold(
        {} if action is Action.SAVE_DRAFT else troubles, form, action, current
    )
    if refused is not None:
        return _form_page(refused, current, uuid, status=422)
    question = _question(entry, form, action)
    if question is not None:
        preview = _preview(form, current, uuid)
        return _form_page(form, current, uuid, preview=preview, question=question)
    form = with_new_category(form)
    faults = form.faults
    draft, form = form.to_draft(categories_of(form), current, *_zone_of(form))
    if faults:
        return _form_page(form.with_faults(faults), current, uuid, status=422)
    return _done(draft, form, action, current, uuid, troubles)


def _foretold(
    troubles: dict[str, str], form: ArticleForm, action: Action, current: Entry | None
) -> tuple[Entry | None, ArticleForm | None]:
    """The entry as a save would leave it; or the form with all that is wrong, if anything is.

    Neither where somebody else saved it meanwhile, which the save says. Before anything is
    made for it: an article that is refused makes no category.
    """
    entry = None
    draft, read = _foreseen(form, current)
    faults = {**troubles, **form.faults, **read.faults}
    if faults:
        faults = {**find_faults(draft.cleaned(), action), **faults}
    elif form.revision == (current.revision if current else 0):
        try:
            entry = services().publisher.foresee(current, draft, action, services().clock())
        except InvalidEntry as error:
            faults = error.faults
    if not faults:
        return entry, None
    asked_again = replace(form, fold_choices=read.fold_choices, gap_choices=read.gap_choices)
    return None, replace(asked_again, faults={}).with_faults(faults)


def _done(
    draft: Draft,
    form: ArticleForm,
    action: Action,
    current: Entry | None,
    uuid: UUID,
    troubles: dict[str, str],
) -> Any:
    """Save it, and say what was done."""
    try:
        entry, form = _saved(draft, form, action, current, uuid)
    except InvalidEntry as error:
        return _form_page(form.with_faults(error.faults), current, uuid, status=422)
    except EditConflict:
        return _conflict_page(form, uuid)
    except NotFound as error:
        return keep_typed(wording.nothing_saved(error), 404)
    except StorageError as error:
        fault = Phrase(
            "Nothing was saved: %(reason)s. What you typed is still here.", reason=error.said
        )
        return _form_page(form.with_faults({"form": fault}), current, uuid, status=503)
    try:
        services().documents.publish()
        # A draft is in no feed; its category may be new, and not rendered yet.
        is_out = entry.state in (State.DRAFT, State.DISCARDED) or not (
            services().publisher.is_owed(entry)
        )
    except StorageError:  # it is saved all the same, and the next tick goes on
        is_out = False
    said = wording.said(entry, action, current, is_out=is_out)
    if action in ASIDE and has_more(form, entry, _zone_of(form)[0]):
        # The button did what it says; what was typed beside it waits for another.
        beside = Phrase("%(said)s What you typed is still here, and not saved yet.", said=said)
        flash(str(say(beside)))
        return _form_page(replace(form, revision=entry.revision), entry, uuid)
    _forget_typed(entry, form)
    flash(str(say(said)))
    _tell(troubles)
    return redirect(url_for("editor.edit", uuid=entry.uuid), 303)


def _question(entry: Entry | None, form: ArticleForm, action: Action) -> Question | None:
    """What is to be asked before it goes out; None where it was, or need not be.

    :param entry: as the save would leave it, if it would.
    """
    if entry is None or action not in ASKED_OF:
        return None
    if READ_BY_PEOPLE not in request.headers.get("Accept", ""):
        return None
    question = Question.of(entry, action, _zone_of(form)[0])
    return None if request.form.get("asked") == question.asked else question


@editor.post("/entries/<uuid:uuid>/preview")
@signed_in
def preview(uuid: UUID) -> Any:
    """A part of a page: what readers would get of what is typed; asked by a script."""
    if not _previewing.acquire(timeout=LONGEST_WAIT_SECONDS):
        abort(503, Phrase("Others are looking at theirs; the script asks again."))
    try:
        current = _read(uuid)
        form = with_current_categories(_sent_form(request.form, current))
        return render_template("editor/preview.html", preview=_preview(form, current, uuid))
    finally:
        _previewing.release()


def _tell(troubles: dict[str, str]) -> None:
    """Say what a draft was saved with all the same."""
    for name, trouble in troubles.items():
        kept = Phrase("Audio: %(trouble)s.", trouble=trouble)
        if name == "picture":
            kept = Phrase("Picture: %(trouble)s.", trouble=trouble)
        flash(str(say(kept)))


def _uploaded(form: ArticleForm, current: Entry | None, uuid: UUID) -> Any:
    """The form once more, with the address of the picture that was sent with it."""
    file = request.files.get(FILE)
    fault: str = Phrase("choose a file first, then press Upload")
    if file is not None and file.filename:
        try:
            found = keep_picture(file)
        except PictureRefused as error:
            fault = error.said
        else:
            picture = EnclosureFields("picture", found.url, form.picture.alt, checked=found)
            return _form_page(replace(form, picture=picture), current, uuid)
    return _form_page(form.with_faults({FILE: fault}), current, uuid, status=422)


def _with_file_named(form: ArticleForm, action: Action) -> ArticleForm:
    """The form, which is not sent on where a file was chosen and never uploaded.

    Any other button sends its name alone. A draft can be saved all the same.
    """
    name = request.form.get(FILE, "")
    if not name or action is Action.SAVE_DRAFT:
        return form
    return form.with_faults({FILE: _not_kept(name)})


def _not_kept(name: str) -> Phrase:
    return Phrase(
        "“%(name)s” was not uploaded, and a file cannot be kept: choose it again and press Upload",
        name=name[:100],
    )


def _preview(form: ArticleForm, current: Entry | None, uuid: UUID) -> Preview:
    draft, form = _foreseen(form, current)
    return Preview.of(draft, form, uuid)


def _foreseen(form: ArticleForm, current: Entry | None) -> tuple[Draft, ArticleForm]:
    """The draft as a save would have it, in a category that the save would make."""
    form, categories = with_foreseen_category(looked_up(form)[0])
    return form.to_draft(categories, current, *_zone_of(form))


def _sent_form(typed: MultiDict[str, str], current: Entry | None) -> ArticleForm:
    """What was sent; of a form whose fields could not be changed, what is stored."""
    form = ArticleForm.from_request(typed, current)
    if "title" in typed or current is None:
        return form
    return replace(ArticleForm.from_entry(current, services().zone), revision=form.revision)


def _saved(
    draft: Draft, form: ArticleForm, action: Action, current: Entry | None, uuid: UUID
) -> tuple[Entry, ArticleForm]:
    """Save it; the entry, and the form with what was wrong in it and did not stand in the way."""

    def save_entry(draft: Draft) -> Entry:
        return services().publisher.save_entry(
            draft,
            action,
            services().clock(),
            id=f"{ID_PREFIX}{uuid}",
            expected_revision=form.revision,
            by=g.editor.name,
        )

    is_stopped = (
        current is not None and current.state is State.SCHEDULED and action is Action.WITHDRAW
    )
    if current is None or not is_stopped:
        return save_entry(draft), form
    # It must not go out, whatever is wrong with what was typed beside the button.
    if form.faults:
        return save_entry(Draft.of(current)), form
    try:
        return save_entry(draft), form
    except InvalidEntry as error:
        return save_entry(Draft.of(current)), form.with_faults(error.faults)


def _show_again(
    typed: MultiDict[str, str], arguments: dict[str, Any], fault: str, status: int
) -> Any:
    uuid = arguments["uuid"]
    current = _stored(uuid)
    form = _sent_form(typed, current)
    faults: dict[str, str] = {"form": fault} if fault else {}
    file = request.files.get(FILE)
    if name := typed.get(FILE) or (file.filename if file else ""):
        faults[FILE] = _not_kept(name)
    return _form_page(form.with_faults(faults), current, uuid, status=status)


FORMS["editor.save"] = _show_again


def _conflict_page(form: ArticleForm, uuid: UUID) -> Any:
    """Somebody was faster: neither text is lost, and the next press is a choice."""
    stored = _stored(uuid)
    if stored is None:
        abort(404)
    if "title" not in request.form:  # nothing was typed: it was done already
        return redirect(url_for("editor.edit", uuid=uuid), 303)
    zone = _zone_of(form)[0]
    untouched = untouched_in(form, stored, zone)
    differences = beside(form, stored, zone, untouched)
    form = with_stored(form, stored, zone, untouched)
    mend = Phrase(
        "Fields that you had not changed show what is stored now; saving again puts yours in the"
        " place of the others."
    )
    if not is_editable(stored):
        mend = Phrase("Restore brings the stored one back, with yours in the form.")
    fault = Phrase(
        "%(happened)s while you were writing. What you typed is still here;"
        " where the stored article differs, both are shown below. %(mend)s",
        happened=what_happened(stored),
        mend=mend,
    )
    form = replace(form.with_faults({"form": fault}), revision=stored.revision)
    return _form_page(form, stored, uuid, status=409, rival=stored, differences=differences)


def _read(uuid: UUID) -> Entry | None:
    with services().storage.reading() as tx:
        return tx.entries.find(f"{ID_PREFIX}{uuid}")


def _stored(uuid: UUID) -> Entry | None:
    try:
        return _read(uuid)
    except StorageError:
        # The form must come back with what was typed even while the database
        # does not answer.
        if request.method == "POST":
            return None
        raise


def _form_page(
    form: ArticleForm,
    current: Entry | None,
    uuid: UUID,
    *,
    status: int = 200,
    rival: Entry | None = None,
    differences: Sequence[Difference] = (),
    typed: WorkingCopy | None = None,
    preview: Preview | None = None,
    question: Question | None = None,
) -> Any:
    """The form of an article.

    :param rival: what somebody else stored meanwhile.
    :param differences: between that and what was sent.
    :param typed: what this editor typed and did not save, to be offered.
    :param question: asked in place of the buttons.
    """
    zone, zone_name = _zone_of(form)
    if not form.window:
        form = replace(form, window=uuid4().hex)
    if not form.fold_choices:
        # A choice that was made must be there to be sent once more.
        form = replace(form, fold_choices=time_choices(form.publish_at, zone))
    has_more, others, stands_in = False, [], []
    try:
        categories, has_more = categories_to_choose(form)
        if current is not None and current.state is State.PUBLISHED:
            stands_in = places(current)
        with services().storage.reading() as tx:
            others = typed_by_others(tx, uuid)
    except StorageError:
        slugs = dict.fromkeys(slug for slug in (form.category, *form.also_in) if slug)
        categories = [Category(slug, slug) for slug in slugs if slug not in ("all", "authors")]
    page = render_template(
        "editor/form.html",
        form=form,
        entry=current,
        uuid=uuid,
        rival=rival,
        labels=LABELS,
        episode_kinds=EPISODE_KINDS,
        explicit=EXPLICIT,
        differences=differences,
        typed=typed,
        preview=preview,
        question=question,
        writing=wording.writing(others),
        places=stands_in,
        # What was sent may hold words that are not stored, in any state.
        is_editable=request.method == "POST" or is_editable(current),
        categories=categories,
        has_more_categories=has_more,
        source_rows=rows_of(form.sources),
        zone_name=zone_name,
        zone_text=describe_zone(services().clock(), zone),
        time_text=isolated(describe(current.published, zone))
        if current and current.published
        else "",
        formats=list(Format),
        hold=wording.hold(current),
        moved_text=wording.moved_text(current),
    )
    return page, status


def _zone_of(form: ArticleForm) -> tuple[tzinfo, str]:
    """The zone in which the form's time field is to be read, and its name."""
    if form.zone_name:
        return zone_named(form.zone_name), form.zone_name
    return services().zone, services().zone_name
