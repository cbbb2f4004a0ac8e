"""The settings by which a process goes, replaced whole when somebody changes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from feedsvc.config import Config
from feedsvc.publishing import Publisher
from feedsvc.site_settings import over, read
from feedsvc.storage import Transaction


@dataclass(frozen=True, slots=True)
class Standing:
    """What is gone by at one time.

    :param kept: what the database holds over the configuration, as it holds it.
    :param config: the configuration with that.
    """

    kept: str
    config: Config
    publisher: Publisher


class InForce:
    """What is gone by now.

    :param config: what config.toml and the environment say.
    :param longest_max_age_seconds: for how long some cache may keep a feed, by what it was told.
    :param publisher_of: a publisher with the settings of a configuration, and what was kept.
    """

    def __init__(
        self,
        config: Config,
        kept: str,
        publisher_of: Callable[[Config, str], Publisher],
        longest_max_age_seconds: int = 0,
    ) -> None:
        self.file = config
        self._longest_max_age = longest_max_age_seconds
        self._publisher_of = publisher_of
        self._followers: list[Callable[[Config, int], object]] = []
        self.now = self.standing(kept)

    def standing(self, kept: str) -> Standing:
        """What would be gone by if the database held ``kept``."""
        config = over(self.file, read(kept))
        return Standing(kept, config, self._publisher_of(config, kept))

    def follow(self, follower: Callable[[Config, int], object]) -> None:
        """Have somebody told what counts now, and each time that it changes.

        :param follower: takes the configuration, and the longest that a cache was told.
        """
        self._followers.append(follower)
        follower(self.now.config, self._longest_max_age)

    def take_over(self, tx: Transaction) -> None:
        """Go by what the database holds, as ``tx`` sees it; by one thread at a time."""
        kept = tx.settings.kept()
        if kept == self.now.kept:
            return
        self.now = self.standing(kept)
        self._longest_max_age = tx.settings.longest_max_age()
        for follower in self._followers:
            follower(self.now.config, self._longest_max_age)
