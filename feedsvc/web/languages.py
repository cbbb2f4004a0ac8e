"""Texts of the pages in the language of whoever reads them.

English stands in the code and the templates; ``catalogues/`` holds a file of translations
(gettext's, read as it is) for each other language. Which one a page is in goes by what the
reader chose here, then by what the browser asks for, then by the site's own language.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from flask import g, request

from feedsvc.phrases import Phrase
from feedsvc.web.services import services

ENGLISH = "en"
# Tag (BCP 47) -> the language's own name for itself.
AVAILABLE = {ENGLISH: "English", "de": "Deutsch"}
COOKIE = "feedsvc_language"
CATALOGUES = Path(__file__).parent / "catalogues"


def language() -> str:
    """The tag of the language in which this request is answered."""
    if "language" not in g:
        g.language = _chosen()
    found: str = g.language
    return found


def locale() -> Locale:
    """The same, for what Babel writes: dates, numbers, lists."""
    return _locale(language())


@cache
def _locale(tag: str) -> Locale:
    # "en" alone has the order of the United States, where the month comes first.
    return Locale.parse("en_GB" if tag == ENGLISH else tag, sep="_")


def _chosen() -> str:
    chosen = request.cookies.get(COOKIE, "")
    if chosen in AVAILABLE:
        return chosen
    # In the reader's order, "de-AT" as "de" (RFC 4647 section 3.4): werkzeug's own match takes
    # a later tag that is the very same before an earlier one that has to be cut.
    asked = [tag for tag, quality in request.accept_languages if quality]
    for tag in (*asked, services().site.language):
        if (primary := tag.split("-")[0].lower()) in AVAILABLE:
            return primary
    return ENGLISH


@cache
def _catalogue(tag: str) -> Catalog | None:
    file = CATALOGUES / f"{tag}.po"
    if not file.exists():
        return None
    with file.open("rb") as opened:
        return read_po(opened, locale=tag)


def gettext(text: str) -> str:
    """What stands in the catalogue for an English text; the text itself where nothing does."""
    found = _found(text)
    return str(found) if found else text


def ngettext(one: str, many: str, number: int) -> str:
    """The same for a text that reads otherwise of several."""
    catalogue, found = _catalogue(language()), _found(one)
    if catalogue is None or not isinstance(found, list | tuple):
        return one if number == 1 else many
    # Of the languages that are here each has two forms, as English has.
    return str(found[0 if number == 1 else 1])


def _found(text: str) -> object:
    catalogue = _catalogue(language())
    message = catalogue.get(text) if catalogue is not None else None
    return message.string if message is not None else None


def say(text: object) -> object:
    """A phrase in the reader's language; anything else as it is."""
    if not isinstance(text, Phrase):
        return text
    if text.plural:
        template = ngettext(text.template, text.plural, text.number)
    else:
        template = gettext(text.template)
    return template % {name: say(value) for name, value in text.values.items()}
