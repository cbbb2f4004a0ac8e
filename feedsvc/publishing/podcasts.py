"""What a podcast and its episodes have to be, for directories to take them."""

from __future__ import annotations

from feedsvc.phrases import Grouped, Phrase
from feedsvc.podcasts import LONGEST_SECONDS, Episode

LAST_NUMBER = 999_999


def episode_faults(episode: Episode) -> dict[str, str]:
    """What is wrong with an episode, by the names of the form's fields."""
    faults: dict[str, str] = {}
    if episode.duration_seconds > LONGEST_SECONDS:
        faults["audio_duration"] = Phrase("less than a hundred hours")
    for name, number in (("audio_episode", episode.number), ("audio_season", episode.season)):
        if number > LAST_NUMBER:
            faults[name] = Phrase("at most %(most)s", most=Grouped(LAST_NUMBER))
    return faults
