"""What an article's form says of its recording as an episode of a podcast."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from werkzeug.datastructures import MultiDict

from feedsvc.phrases import Phrase
from feedsvc.podcasts import Episode, EpisodeKind, parse_duration, written_duration
from feedsvc.web.languages import say

# What each field is called, by its name in the form.
EPISODE_LABELS = {
    "audio_duration": Phrase("Duration"),
    "audio_episode": Phrase("Episode"),
    "audio_season": Phrase("Season"),
    "audio_episode_type": Phrase("Episode type"),
    "audio_explicit": Phrase("Explicit"),
}
EPISODE_KINDS = {
    EpisodeKind.FULL.value: Phrase("a whole episode"),
    EpisodeKind.TRAILER.value: Phrase("a trailer"),
    EpisodeKind.BONUS.value: Phrase("a bonus"),
}
EXPLICIT = {"": Phrase("as the podcast"), "yes": Phrase("yes"), "no": Phrase("no")}
_SAID_EXPLICIT = {"": None, "yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class EpisodeFields:
    """That part of the form, as it stands in the browser.

    :param explicit: ``yes``, ``no``, or "": as the podcast.
    """

    duration: str = ""
    number: str = ""
    season: str = ""
    kind: str = EpisodeKind.FULL.value
    explicit: str = ""

    @classmethod
    def of(cls, episode: Episode) -> EpisodeFields:
        """Those of what is stored."""
        return cls(
            duration=written_duration(episode.duration_seconds),
            number=str(episode.number or ""),
            season=str(episode.season or ""),
            kind=episode.kind.value,
            explicit={None: "", True: "yes", False: "no"}[episode.is_explicit],
        )

    @classmethod
    def from_request(cls, typed: MultiDict[str, str], before: EpisodeFields) -> EpisodeFields:
        """What was typed; of what was not sent, what was there before."""
        return cls(
            duration=typed.get("audio_duration", before.duration),
            number=typed.get("audio_episode", before.number),
            season=typed.get("audio_season", before.season),
            kind=typed.get("audio_episode_type", before.kind),
            explicit=typed.get("audio_explicit", before.explicit),
        )

    def of_another_file(self) -> EpisodeFields:
        """What is still true of another recording: the number is, how long it is is not."""
        return replace(self, duration="")

    def episode(self) -> tuple[Episode, dict[str, str]]:
        """What it says, and what is wrong with it by the names of the form's fields."""
        faults: dict[str, str] = {}
        seconds = 0
        if self.duration.strip():
            try:
                seconds = parse_duration(self.duration)
            except ValueError:
                faults["audio_duration"] = Phrase(
                    "hours, minutes and seconds (h:mm:ss), or minutes and seconds (mm:ss), such as"
                    " 1:02:03 or 45:30"
                )
        numbers = {}
        for name, text in (("audio_episode", self.number), ("audio_season", self.season)):
            numbers[name] = 0
            if not text.strip():
                continue
            if re.fullmatch("0{0,9}[1-9][0-9]{0,17}", text.strip()):
                numbers[name] = int(text)
            else:
                faults[name] = Phrase("a whole number from 1 on, or nothing")
        if self.kind not in EPISODE_KINDS:
            faults["audio_episode_type"] = Phrase("choose one of those that are offered")
        if self.explicit not in EXPLICIT:
            faults["audio_explicit"] = Phrase("choose one of those that are offered")
        if faults:
            return Episode(), faults
        return Episode(
            seconds,
            numbers["audio_episode"],
            numbers["audio_season"],
            EpisodeKind(self.kind),
            _SAID_EXPLICIT[self.explicit],
        ), {}

    @property
    def shown(self) -> str:
        """What is said of it, a line each, in the reader's language; "" where nothing is."""
        episode, faults = self.episode()
        known = self if faults else EpisodeFields.of(episode)
        kind = "" if known.kind == EpisodeKind.FULL else EPISODE_KINDS.get(known.kind, known.kind)
        said = {
            "audio_duration": known.duration,
            "audio_episode": known.number,
            "audio_season": known.season,
            "audio_episode_type": kind,
            "audio_explicit": known.explicit and EXPLICIT.get(known.explicit, known.explicit),
        }
        return "\n".join(
            f"{say(EPISODE_LABELS[name])}: {say(text)}" for name, text in said.items() if text
        )


NO_FIELDS = EpisodeFields()
