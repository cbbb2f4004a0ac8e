"""Made-up articles, the same in every run, in the shape that ``feedsvc import`` reads."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

CATEGORY = "health"
COUNT = 50
# Bodies of this length make a feed of about 60 kB.
BODY_WORDS = 80

_WORDS = [
    "harbour",
    "ward",
    "study",
    "winter",
    "signal",
    "garden",
    "council",
    "river",
    "method",
    "patient",
    "copper",
    "engine",
    "valley",
    "teacher",
    "measure",
    "autumn",
    "record",
    "library",
    "ferry",
    "window",
    "island",
    "summer",
    "market",
    "pupil",
    "surgeon",
    "railway",
    "mineral",
    "theatre",
    "orchard",
    "sensor",
    "village",
    "reservoir",
    "archive",
    "lantern",
    "quietly",
    "slowly",
    "twice",
    "often",
    "nearly",
    "again",
    "found",
    "showed",
    "moved",
    "carried",
    "opened",
    "measured",
    "repaired",
    "counted",
    "asked",
    "answered",
    "the",
    "a",
    "its",
    "their",
    "of",
    "in",
    "on",
    "with",
    "for",
    "from",
    "before",
    "after",
]


def write_files(folder: Path) -> list[Path]:
    """Write the articles, one a day up to yesterday; their paths."""
    chance = random.Random(7)  # noqa: S311 - nothing secret about it
    paths = []
    for number in range(COUNT):
        day = datetime.now(UTC) - timedelta(days=COUNT - number)
        path = folder / f"article-{number:03}.txt"
        path.write_text(
            f"Health {day:%d/%m/%Y} 09:00\n\n"
            f"{sentence(chance, 7).rstrip('.')}, part {number}\n\n{body(chance)}\n",
            "utf-8",
        )
        paths.append(path)
    return paths


def body(chance: random.Random) -> str:
    """Two paragraphs of plain sentences."""
    sentences = [sentence(chance, 10) for _ in range(BODY_WORDS // 10)]
    half = len(sentences) // 2
    return " ".join(sentences[:half]) + "\n\n" + " ".join(sentences[half:])


def sentence(chance: random.Random, words: int) -> str:
    """So many words, a capital letter before them and a full stop after."""
    return " ".join(chance.choices(_WORDS, k=words)).capitalize() + "."
