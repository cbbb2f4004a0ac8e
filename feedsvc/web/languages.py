"""Texts of the pages in the language of whoever reads them.

English stands in the code and the templates; ``catalogues/`` holds a file of translations
(gettext's, read as it is) for each other language. Which one a page is in goes by what the
reader chose here, then by what the browser asks for, then by the site's own language.

An English page needs neither a catalogue nor Babel, which are read when they are first used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Blueprint, Response, abort, g, redirect, request

from feedsvc.phrases import Grouped, Phrase, Tenths
from feedsvc.timestamps import MONTHS
from feedsvc.web.services import services

if TYPE_CHECKING:
    from babel import Locale

ENGLISH = "en"
# Tag (BCP 47) -> the language's own name for itself.
AVAILABLE = {ENGLISH: "English", "de": "Deutsch"}
COOKIE = "feedsvc_language"
COOKIE_SECONDS = 365 * 86_400
CATALOGUES = Path(__file__).parent / "catalogues"
# A path of our own, as it stands in an address. Browsers take \ for /, and // for a host.
_LOCAL = re.compile(r"/(?!/)[!-\[\]-~]*")
# Numbers among which each plural form of a language occurs.
_SAMPLES = range(121)

switch = Blueprint("languages", __name__)


# Which language


def language() -> str:
    """The tag of the language in which this request is answered."""
    if "language" not in g:
        g.language = _chosen()
    found: str = g.language
    return found


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


@switch.get("/language/<tag>")
def choose(tag: str) -> Any:
    """Keep a choice in this browser, and go back to the page on which it was made."""
    if tag not in AVAILABLE:
        abort(404)
    target = request.args.get("next", "/")
    answer = redirect(target if _LOCAL.fullmatch(target) else "/", 303)
    answer.set_cookie(
        COOKIE,
        tag,
        COOKIE_SECONDS,
        secure=services().site.url.startswith("https://"),
        httponly=True,
        samesite="Lax",
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def own_address() -> str:
    """Where this page is; "" where no link leads back to it, or would lose what was typed."""
    if request.method not in ("GET", "HEAD") or request.url_rule is None:
        return ""
    query = request.query_string.decode("latin-1")
    return quote(request.path) + (f"?{query}" if query else "")


def tell_caches(response: Response) -> Response:
    """Say what a page's language went by."""
    if "language" in g:
        response.vary.update(["Accept-Language", "Cookie"])
    return response


# What Babel knows of it


def locale() -> Locale:
    """The language's customs, for what Babel writes: dates, numbers, lists."""
    return _locale(language())


@cache
def _locale(tag: str) -> Locale:
    from babel import Locale

    # "en" alone has the order of the United States, where the month comes first.
    return Locale.parse("en-GB" if tag == ENGLISH else tag, sep="-")


def direction() -> str:
    """``ltr`` or ``rtl``, for the attribute ``dir``."""
    return "ltr" if language() == ENGLISH else str(locale().text_direction)


def isolated(text: str) -> str:
    """A text of numbers and Latin letters, in its own order wherever it stands."""
    return f"\u2066{text}\u2069" if direction() == "rtl" else text


def human(instant: datetime) -> str:
    """``21 January 2026, 19:13 CET``, on the clocks of the site's zone."""
    local = instant.astimezone(services().zone)
    name = local.tzname() or ""
    if language() == ENGLISH:
        written = f"{local.day} {MONTHS[local.month - 1]} {local.year}, {local:%H:%M}"
    else:
        from babel import dates

        customs = locale()
        date = dates.format_date(local, "long", locale=customs)
        time = dates.format_time(local, "short", locale=customs)
        written = customs.datetime_formats["medium"].format(time, date)
        named, english = (
            dates.get_timezone_name(local, "short", locale=one)
            for one in (customs, _locale(ENGLISH))
        )
        # Where a language has no name for it, the zone's own is better than a number; and
        # where CLDR takes the zone for another one than it is (Casablanca, old dates), truer.
        name = named if english == name and named[:1] not in "+-" else name
    if not name or name[0] in "+-":
        name = f"UTC{local:%z}"
    return f"{written} {name}"


def listed(names: Sequence[str]) -> str:
    """Names in a row, as in a sentence: ``A, B and C``."""
    if language() != ENGLISH:
        from babel.lists import format_list

        return format_list(list(names), locale=locale())
    *others, last = names or [""]
    return f"{', '.join(others)} and {last}" if others else last


# Texts


@cache
def _catalogue(tag: str) -> GNUTranslations | None:
    file = CATALOGUES / f"{tag}.po"
    if not file.exists():
        return None
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    # What GNU gettext reads: small, and it knows the language's plural forms.
    compiled = BytesIO()
    with file.open("rb") as opened:
        write_mo(compiled, read_po(opened, locale=tag))
    compiled.seek(0)
    return GNUTranslations(compiled)


def gettext(text: str) -> str:
    """What stands in the catalogue for an English text; the text itself where nothing does."""
    catalogue = _catalogue(language())
    # "" stands for what is not translated yet; asked for, it would give the file's header.
    return (catalogue.gettext(text) or text) if catalogue and text else text


def ngettext(one: str, many: str, number: int) -> str:
    """The same for a text that reads otherwise of several."""
    catalogue = _catalogue(language())
    found = catalogue.ngettext(one, many, number) if catalogue else ""
    return found or (one if number == 1 else many)


def said_in(tag: str, phrase: Phrase) -> str:
    """A phrase in the language of a tag, whoever reads it; in English where we do not speak it.

    :param phrase: one without values.
    """
    primary = tag.split("-")[0].lower()
    catalogue = _catalogue(primary) if primary in AVAILABLE else None
    return (catalogue.gettext(phrase.template) if catalogue else "") or str(phrase)


def say(text: object) -> object:
    """A phrase or a number in the reader's language; anything else as it is."""
    if isinstance(text, Grouped):
        return _grouped(text)
    if isinstance(text, Tenths):
        return _tenths(text)
    if not isinstance(text, Phrase):
        return text
    if text.plural:
        template = ngettext(text.template, text.plural, text.number)
    else:
        template = gettext(text.template)
    return template % {name: say(value) for name, value in text.values.items()}


def _grouped(number: Grouped) -> str:
    if language() == ENGLISH:
        return str(number)
    from babel.numbers import format_decimal

    return format_decimal(int(number), locale=locale())


def _tenths(number: Tenths) -> str:
    if language() == ENGLISH:
        return str(number)
    from babel.numbers import format_decimal

    return format_decimal(float(number), "0.0", locale=locale())


def forms(counted: Phrase) -> dict[str, str]:
    """Each form of a counted text, for scripts: by the name that ``Intl.PluralRules`` gives
    to the numbers of which it is said."""
    one, many = counted.template, counted.plural
    if language() == ENGLISH:
        return {"one": one, "other": many}
    plural_form = locale().plural_form
    return {plural_form(number): ngettext(one, many, number) for number in _SAMPLES}
