"""What stands in the log behind an act, in the language of whoever reads it.

It is noted in English, as the log is the same for everybody and for commands, too.
"""

from __future__ import annotations

import re

from feedsvc.model import Role
from feedsvc.phrases import Phrase, said_elsewhere
from feedsvc.web.administration import ROLES
from feedsvc.web.languages import say

_WORDS = {
    Role.EDITOR.value: ROLES[Role.EDITOR],
    Role.ADMINISTRATOR.value: ROLES[Role.ADMINISTRATOR],
    "all": Phrase("all"),
    "all others": Phrase("all others"),
    "one": Phrase("one"),
    "code": Phrase("code"),
    "with a code": Phrase("with a code"),
    "with a recovery code": Phrase("with a recovery code"),
    "up": Phrase("up"),
    "down": Phrase("down"),
    "first": Phrase("first"),
    "last": Phrase("last"),
    "description": Phrase("description"),
    "language": Phrase("language"),
    "content": Phrase("content"),
    "podcast": Phrase("podcast"),
}
_SENTENCES = (
    ("version (?P<number>[0-9]+)", Phrase("version %(number)s", number="")),
    ("(?P<role>editor|administrator), invited by (?P<name>.+)",
     Phrase("%(role)s, invited by %(name)s", role="", name="")),
    ("(?P<before>editor|administrator) → (?P<after>editor|administrator)",
     Phrase("%(before)s → %(after)s", before="", after="")),
    ("with a link that (?P<name>.+) made", Phrase("with a link that %(name)s made", name="")),
    (r"was (?P<name>.+), (?P<slug>[^\s,]+)", Phrase("was %(name)s, %(slug)s", name="", slug="")),
    (r"(?P<setting>[\w.]+) given back", Phrase("%(setting)s given back", setting="")),
)  # fmt: skip
# What is a word of ours where it stands; anything else is somebody's name.
_OF_OURS = ("role", "before", "after")


def said(detail: str) -> str:
    """It in the reader's language; what is not known here as it was noted."""
    return "; ".join(str(say(_phrase(part))) for part in detail.split("; "))


def _phrase(text: str) -> str:
    if text in _WORDS:
        return _WORDS[text]
    for pattern, sentence in _SENTENCES:
        found = re.fullmatch(pattern, text)
        if found:
            values = {
                name: _WORDS[value] if name in _OF_OURS else value
                for name, value in found.groupdict().items()
            }
            return said_elsewhere(sentence.template, values)
    return text
