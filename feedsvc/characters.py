"""Which characters may stand in a document, and text made of them only.

XML 1.0 section 2.2 (production ``Char``) forbids most control characters, lone
surrogates, U+FFFE and U+FFFF; one of them in one entry would make a whole feed
unreadable. They are taken out where text enters, and looked for again where it
is rendered.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256

# As an index of PostgreSQL takes it, in whichever script.
LONGEST_KEY = 400

_NOT_XML_CHAR = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What XML 1.0 section 2.2 advises against, and HTML forbids: controls that no text has, and code
# points that are no characters.
_NO_CHARACTER = re.compile(
    "[\x7f-\x9f\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(1, 17))
    + "]"
)
_LEADING_BLANK_LINES = re.compile("\\A(?:[ \t]*\n)+")
_SPACES = re.compile("[ \t\n]+")
_LINE_ENDS = re.compile("\r\n?|\x85|\u2028|\u2029")
# What shows nothing though it is a letter, a mark or a symbol: of Unicode's default ignorables
# those that are no format characters, and the Braille pattern without a dot.
_FILLER = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# RFC 5646 section 2.1: language, script, region, variants, extensions, private use. A word such
# as "german" is of the form of a language too, but none was ever registered with more letters
# than three.
_LANGUAGE_TAG = re.compile(
    r"[a-z]{2,3}(-[a-z]{3}){0,3}(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?"
    r"(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(-[0-9a-wy-z](-[a-z0-9]{2,8})+)*(-x(-[a-z0-9]{1,8})+)?",
    re.ASCII | re.IGNORECASE,
)
_LONGEST_LANGUAGE_TAG = 60


def is_writable(text: str) -> bool:
    """Whether every character of ``text`` is an XML 1.0 ``Char``."""
    return _NOT_XML_CHAR.search(text) is None


def writable(text: str) -> str:
    """``text`` without the characters that XML 1.0 forbids."""
    return _NOT_XML_CHAR.sub("", text)


def presentable(text: str) -> str:
    """``text`` as it stands in documents: of characters alone that people can be shown.

    Of one that was lost (U+FFFD) a question mark is left: the validator of the W3C takes the
    sign itself for a wrong encoding.
    """
    return _of_characters(text).replace("\ufffd", "?")


def _of_characters(text: str) -> str:
    return _NO_CHARACTER.sub(_meant, writable(text))


def _meant(sign: re.Match[str]) -> str:
    # Controls of C1 are what Windows' programs mean by them, as in HTML's references (section
    # "Numeric character reference end state").
    return sign[0].encode("latin-1", "ignore").replace(b"\x7f", b"").decode("cp1252", "ignore")


def is_language_tag(text: str) -> bool:
    """Whether ``text`` has the form of a BCP 47 language tag, such as ``en`` or ``pt-BR``."""
    return len(text) <= _LONGEST_LANGUAGE_TAG and _LANGUAGE_TAG.fullmatch(text) is not None


def key_of(name: str) -> str:
    """What a name is known by in an index: folded, or a digest where that is long.

    Folded, some characters are eighteen.
    """
    key = folded(name)
    return key if len(key) <= LONGEST_KEY else sha256(key.encode()).hexdigest()


def names_in(text: str) -> tuple[str, ...]:
    """Names between which semicolons stand, each once whatever the case of its letters."""
    names = list(filter(None, (" ".join(name.split()) for name in text.split(";"))))
    first = {folded(name): name for name in reversed(names)}
    return tuple(dict.fromkeys(first[folded(name)] for name in names))


def folded(text: str) -> str:
    """``text`` as it is compared where the case of letters makes no difference."""
    return unicodedata.normalize("NFKC", clean_line(text)).casefold()


def is_unseen(sign: str) -> bool:
    """Whether a character other than a space shows nothing: invisible, or of direction."""
    return unicodedata.category(sign) in ("Cc", "Cf") or _FILLER.match(sign) is not None


def look_of(name: str) -> str:
    """A name as people tell it from others: not by case, widths, spaces or what is unseen."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    seen = (sign for sign in " ".join(text.split()) if not is_unseen(sign))
    return " ".join("".join(seen).split())


def clean_block(text: str) -> str:
    """Text of several lines: LF line ends, only characters that XML and HTML have, no blank edges.

    The first line keeps its indentation, which Markdown reads.
    """
    text = _of_characters(_LINE_ENDS.sub("\n", text))
    return _LEADING_BLANK_LINES.sub("", text).rstrip("\n\t ")


def clean_line(text: str) -> str:
    """Text of one line: as ``clean_block``, each run of spaces, tabs and line ends one space.

    No-break spaces stay: French puts them inside its quotation marks on purpose.
    """
    line = _SPACES.sub(" ", clean_block(text)).strip(" ")
    return line if line.strip() else ""


def is_right_to_left(text: str) -> bool:
    """Whether the first letter with a direction runs right to left."""
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in ("R", "AL"):
            return True
        if direction == "L":
            return False
    return False
