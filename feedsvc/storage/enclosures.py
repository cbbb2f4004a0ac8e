"""Enclosures as they stand in a row: JSON, of an entry and of each of its versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from feedsvc.model import Enclosure
from feedsvc.podcasts import NO_EPISODE, Episode, EpisodeKind


def packed(enclosures: Sequence[Enclosure]) -> list[dict[str, Any]]:
    """What is stored of them."""
    return [
        {
            "url": one.url,
            "media_type": one.media_type,
            "length_bytes": one.length_bytes,
            "alt": one.alt,
            "width": one.width,
            "height": one.height,
            "checked_at": one.checked_at.isoformat() if one.checked_at else None,
            **({"episode": asdict(one.episode)} if one.episode != NO_EPISODE else {}),
        }
        for one in enclosures
    ]


def unpacked(stored: list[dict[str, Any]]) -> tuple[Enclosure, ...]:
    """Those of a row.

    :raises KeyError, TypeError, ValueError: what is stored is none.
    """
    return tuple(
        Enclosure(
            url=one["url"],
            media_type=one["media_type"],
            length_bytes=one["length_bytes"],
            alt=one["alt"],
            width=one["width"],
            height=one["height"],
            checked_at=datetime.fromisoformat(one["checked_at"]) if one["checked_at"] else None,
            episode=_episode(one["episode"]) if "episode" in one else NO_EPISODE,
        )
        for one in stored
    )


def _episode(stored: dict[str, Any]) -> Episode:
    return Episode(**{**stored, "kind": EpisodeKind(stored["kind"])})
