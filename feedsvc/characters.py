"""Which characters may stand in a document, and text made of them only.

XML 1.0 section 2.2 (production ``Char``) forbids most control characters, lone
surrogates, U+FFFE and U+FFFF; one of them in one entry would make a whole feed
unreadable. They are taken out where text enters, and looked for again where it
is rendered.
"""

from __future__ import annotations

import re

_NOT_XML_CHAR = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_ENDS = re.compile("\r\n?|\x85|\u2028|\u2029")


def is_writable(text: str) -> bool:
    """Whether every character of ``text`` is an XML 1.0 ``Char``."""
    return _NOT_XML_CHAR.search(text) is None


def clean_block(text: str) -> str:
    """Text of several lines: LF line ends, only XML characters, no blank edges."""
    return _NOT_XML_CHAR.sub("", _LINE_ENDS.sub("\n", text)).strip("\n\t ")


def clean_line(text: str) -> str:
    """Text of one line: as ``clean_block``, each run of white space one space."""
    return " ".join(clean_block(text).split())
