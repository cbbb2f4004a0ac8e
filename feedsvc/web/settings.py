"""The page of settings that may change while the service runs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flask import abort, flash, g, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from feedsvc.errors import EditConflict, StorageError
from feedsvc.phrases import Phrase
from feedsvc.site_settings import NAMES, Value, read, typed_value, value_of, variable_of, written
from feedsvc.web.editor import editor
from feedsvc.web.in_force import Standing
from feedsvc.web.languages import say
from feedsvc.web.services import services
from feedsvc.web.sign_in import FORMS, administering
from feedsvc.web.wording import CONTENTS_CHOSEN

__all__ = ["editor"]

# So many feeds are rendered while an administrator waits; the others follow.
MOST_AT_ONCE = 20
# Of administrators who save at the very same moment.
MOST_TRIES = 5
LABELS = {
    "site.title": Phrase("Title"),
    "site.description": Phrase("Description"),
    "site.author": Phrase("Author"),
    "site.language": Phrase("Language"),
    "site.rights": Phrase("Rights"),
    "site.logo": Phrase("Logo"),
    "feeds.window_items": Phrase("Articles in a feed, at least"),
    "feeds.window_days": Phrase("Days that a feed reaches back"),
    "feeds.content": Phrase("What feeds carry of an article"),
    "feeds.max_age_seconds": Phrase("Seconds that caches may keep a feed"),
    "feeds.grace_seconds": Phrase("Seconds that a published article is held back"),
}
HINTS = {
    "site.title": Phrase("Of the site and of its feeds."),
    "site.description": Phrase("One line about the site."),
    "site.author": Phrase("Of articles that name none."),
    "site.language": Phrase(
        "The tag of the articles' language, such as en, pt-BR or ar; categories may have another."
    ),
    "site.rights": Phrase("Whose the articles are, in a line, such as © The Example."),
    "site.logo": Phrase(
        "The address of a picture that readers show beside the feeds, twice as wide as high and"
        " at most 144 pixels wide; empty: the service's own."
    ),
    "feeds.content": Phrase(
        "Categories may say otherwise. A second feed stands beside the first, at an address that"
        " ends in /summary.rss or /full.rss."
    ),
    "feeds.window_days": Phrase("All articles that entered it in so many days are in it."),
    "feeds.grace_seconds": Phrase("To be taken back before any reader has it; 0 holds none back."),
}
CHOICES = {"feeds.content": CONTENTS_CHOSEN}


@dataclass(frozen=True, slots=True)
class Field:
    """One setting as it stands on the page.

    :param id: its name in the form.
    :param text: what stands in the field.
    :param shown: what counted when the page was opened.
    :param stored: what somebody else made of it since, or None.
    :param file: what config.toml says of a setting that the database holds, or None.
    :param fixed: the variable of the environment that stands over both, or "".
    """

    name: str
    id: str
    text: str
    shown: str
    stored: str | None
    file: str | None
    fixed: str
    fault: str


@editor.get("/settings")
@administering
def site_settings() -> Any:
    """Each setting with what counts now."""
    return _page(_standing())


@editor.post("/settings")
@administering
def change_site_settings() -> Any:
    """Keep what was typed otherwise, or give one back to config.toml."""
    given_back = request.form.get("give_back", "")
    if given_back and given_back not in NAMES:
        abort(400, Phrase("There is no such setting to give back."))
    try:
        for _ in range(MOST_TRIES):
            standing = _standing()
            wanted, faults = _typed(request.form, standing)
            if given_back:
                wanted = {name: value for name, value in wanted.items() if name != given_back}
            elif faults:
                return _page(standing, faults, 422)
            if _changed_meanwhile(request.form, standing):
                return _page(standing, _CONFLICT, 409, is_again=False)
            kept = read(standing.kept)
            if given_back:
                kept.pop(given_back, None)
            else:
                kept.update(wanted)
            try:
                _take_effect(standing, kept)
            except EditConflict:
                continue  # it is seen what they have stored, and judged by that
            return _saved(given_back, wanted, faults)
    except StorageError as error:
        return _page(
            services().in_force.now,
            {"form": Phrase("Nothing was saved: %(why)s.", why=error.said)},
            503,
        )
    return _page(_standing(), _CONFLICT, 409, is_again=False)


_CONFLICT = {
    "form": Phrase(
        "Somebody else changed settings while you were writing, so nothing was saved. What you"
        " typed is still here, with what is stored beside it. Saving again puts yours in its place."
    )
}


def _typed(typed: Mapping[str, str], standing: Standing) -> tuple[dict[str, Value], dict[str, str]]:
    """What is to be otherwise than it is, and by name what is wrong with what was typed."""
    wanted: dict[str, Value] = {}
    faults: dict[str, str] = {}
    for name in NAMES:
        text = typed.get(_id(name))
        current = value_of(standing.config, name)
        if text is None or text.strip() == str(current).strip():
            continue
        value, fault = typed_value(name, text)
        if name in standing.config.fixed:
            fault = Phrase(
                "it is fixed by %(variable)s in the environment", variable=variable_of(name)
            )
        if fault:
            faults[name] = fault
        elif value != current:
            wanted[name] = value
    return wanted, faults


def _changed_meanwhile(typed: Mapping[str, str], standing: Standing) -> list[str]:
    """What counts otherwise than when the page was opened; nothing of a form without that."""
    return [
        name
        for name in NAMES
        if typed.get(f"shown_{_id(name)}", _text(standing, name)) != _text(standing, name)
    ]


def _take_effect(standing: Standing, kept: Mapping[str, Value]) -> None:
    """Store them; this process goes by them at once, and the feeds, if few, are rendered."""
    given, now = services(), services().clock()
    new = given.in_force.standing(written(kept))
    max_age_seconds = new.config.feeds.max_age_seconds
    new.publisher.take_effect(
        now, instead_of=standing.kept, max_age_seconds=max_age_seconds, by=g.editor.name
    )
    with suppress(StorageError):  # it is saved all the same, and the next tick goes on
        given.documents.publish()
        if new.publisher.regenerate_owed(now, most=MOST_AT_ONCE):
            given.documents.publish()


def _saved(given_back: str, wanted: Mapping[str, Value], faults: Mapping[str, str]) -> Any:
    if not given_back:
        flash(str(say(Phrase("The settings are saved, and count from now on."))))
        return redirect(url_for("editor.site_settings"), 303)
    done = Phrase("%(setting)s is what config.toml says.", setting=LABELS[given_back])
    if not wanted and not faults:
        flash(str(say(done)))
        return redirect(url_for("editor.site_settings"), 303)
    typed = MultiDict(request.form)
    for name in (_id(given_back), f"shown_{_id(given_back)}"):
        typed.pop(name, None)
    rest = Phrase("%(done)s What you typed is still here, and not saved yet.", done=done)
    flash(str(say(rest)))
    return _page(_standing(), faults, 200, typed=typed)


def _show_again(
    typed: MultiDict[str, str], _arguments: dict[str, Any], fault: str, status: int
) -> Any:
    faults = {"form": fault} if fault else {}
    try:
        return _page(_standing(), faults, status, typed=typed)
    except StorageError:
        return _page(services().in_force.now, faults, status, typed=typed)


FORMS["editor.change_site_settings"] = _show_again


def _id(name: str) -> str:
    return name.partition(".")[2]


def _text(standing: Standing, name: str) -> str:
    return str(value_of(standing.config, name))


def _standing() -> Standing:
    """What counts by what the database holds at this moment."""
    with services().storage.reading() as tx:
        return services().in_force.standing(tx.settings.kept())


def _page(
    standing: Standing,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    *,
    typed: MultiDict[str, str] | None = None,
    is_again: bool = True,
) -> Any:
    """The page with what was typed.

    :param is_again: whether the editor still has seen no more than when the page was opened.
    """
    faults = faults or {}
    typed = request.form if typed is None else typed
    fields = [_field(name, standing, typed, faults, is_again) for name in NAMES]
    page = render_template(
        "editor/settings.html",
        fields=fields,
        labels=LABELS,
        hints=HINTS,
        choices=CHOICES,
        faults=faults,
        zone_name=services().zone_name,
    )
    return page, status


def _field(
    name: str,
    standing: Standing,
    typed: Mapping[str, str],
    faults: Mapping[str, str],
    is_again: bool,
) -> Field:
    file = services().in_force.file
    current = _text(standing, name)
    text, shown = typed.get(_id(name), current), typed.get(f"shown_{_id(name)}", current)
    stored = current if shown != current else None
    if stored is not None and text == shown:
        text = current  # nobody typed here: saving again would undo what a colleague did
    return Field(
        name=name,
        id=_id(name),
        text=text,
        shown=shown if is_again else current,
        stored=stored,
        file=str(value_of(file, name)) if name in read(standing.kept) else None,
        fixed=variable_of(name) if name in file.fixed else "",
        fault=faults.get(name, ""),
    )
