"""Two texts beside each other: what was taken out, what was put in."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import NamedTuple

# Beyond so many words texts are compared by their lines: the time grows with the square.
MOST_WORDS = 3_000
MOST_LINES = 2_000
# Of what stayed as it was so much is shown before and after a change.
CONTEXT_CHARACTERS = 120


class Piece(NamedTuple):
    """A part of a text.

    :param kind: ``same``, ``out`` or ``in``.
    """

    kind: str
    text: str


def compare(old: str, new: str) -> list[Piece]:
    """What makes ``new`` of ``old``, in order; long parts that are the same are cut short."""
    before, after = (re.findall(r"\S+\s*|\s+", text) for text in (old, new))
    if max(len(before), len(after)) > MOST_WORDS:
        before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
        if max(len(before), len(after)) > MOST_LINES and before != after:
            return [Piece("out", old), Piece("in", new)]
    pieces: list[Piece] = []
    matcher = SequenceMatcher(None, before, after)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", "".join(before[start:end])))
            continue
        if end > start:
            pieces.append(Piece("out", "".join(before[start:end])))
        if new_end > new_start:
            pieces.append(Piece("in", "".join(after[new_start:new_end])))
    last = len(pieces) - 1
    return [
        Piece(kind, _cut(text, is_first=number == 0, is_last=number == last))
        if kind == "same"
        else Piece(kind, text)
        for number, (kind, text) in enumerate(pieces)
    ]


def _cut(text: str, *, is_first: bool, is_last: bool) -> str:
    if is_first and is_last:
        return text
    head = "" if is_first else text[:CONTEXT_CHARACTERS]
    tail = "" if is_last else text[-CONTEXT_CHARACTERS:]
    if len(head) + len(tail) + 20 >= len(text):
        return text
    return f"{head} … {tail}" if head and tail else f"{head} …" if head else f"… {tail}"
