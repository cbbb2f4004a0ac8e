"""Words as they are looked for: without case and accents, from their beginnings.

Cut up here and not by the database, so that both kinds find the same.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# What is longer is no word that somebody types.
LONGEST_WORD = 50
# A tsvector takes a megabyte.
MOST_CHARACTERS = 200_000
MOST_ASKED = 10

# Scripts that put no spaces between words are looked for by their characters.
_UNSPACED = "\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_UNSPACED}\U00020000-\U0003ffff]|[^\W_{_UNSPACED}]+")


@lru_cache(maxsize=4)
def words_of(*texts: str) -> str:
    """Each word of the texts once, with spaces between them.

    The last are remembered: a save has them made before it takes the database.
    """
    found = dict.fromkeys(word for text in texts for word in _words(text))
    return " ".join(found)[:MOST_CHARACTERS]


def words_asked(text: str) -> list[str]:
    """The words that somebody looks for."""
    return list(dict.fromkeys(_words(text)))[:MOST_ASKED]


def _words(text: str) -> list[str]:
    plain = "".join(
        one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one)
    )
    return [word[:LONGEST_WORD] for word in _WORD.findall(plain.casefold())]
