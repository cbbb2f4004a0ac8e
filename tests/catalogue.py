"""Bring the catalogues of translations up to date with the texts of the interface.

``make catalogue``: texts that are new come in untranslated, those that are gone go, and what
is translated stays. Nothing in the files hangs on line numbers or dates, so that changes of
different people merge.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from feedsvc.web.languages import AVAILABLE, CATALOGUES, ENGLISH

CODE = Path(__file__).parents[1] / "feedsvc"
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
# Without this a faulty template has no texts.
OPTIONS = {"**.html": {"trimmed": "true", "silent": "false"}}
KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "Phrase": None,
    "counted": (1, 2),
}
HEADER = """\
msgid ""
msgstr ""
"Language: {tag}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural_forms}\\n"

"""


@cache
def extracted() -> Catalog:
    """Every text that is marked in the code and the templates."""
    found = Catalog()
    for file, _, message, _, context in extract_from_dir(CODE, METHODS, OPTIONS, KEYWORDS):
        found.add(message, None, [(file, 0)], context=context)
    return found


def read(file: Path) -> Catalog:
    """A catalogue as it is stored."""
    with file.open("rb") as opened:
        return read_po(opened, locale=file.stem)


def updated(stored: Catalog) -> bytes:
    """The file of a catalogue with exactly the texts that there are."""
    stored.update(extracted(), no_fuzzy_matching=True)
    stored.obsolete.clear()
    for message in stored:
        # Where a text stands, not how often.
        message.locations = sorted(set(message.locations))
    written = BytesIO()
    header = HEADER.format(tag=stored.locale_identifier, plural_forms=stored.plural_forms)
    written.write(header.encode())
    write_po(
        written,
        stored,
        width=100,
        omit_header=True,
        sort_output=True,
        include_lineno=False,
        ignore_obsolete=True,
    )
    return written.getvalue().rstrip(b"\n") + b"\n"


def main() -> None:
    """Write every catalogue, and say what waits for its translation."""
    for tag in AVAILABLE:
        if tag == ENGLISH:
            continue
        file = CATALOGUES / f"{tag}.po"
        stored = read(file) if file.exists() else Catalog(Locale.parse(tag, sep="-"))
        file.write_bytes(updated(stored))
        for message in read(file):
            if message.id and not all(
                message.string if isinstance(message.string, tuple) else (message.string,)
            ):
                print(f"{file.name}: not translated: {message.id}")


if __name__ == "__main__":
    main()
