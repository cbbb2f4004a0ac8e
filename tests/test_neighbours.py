"""The workers of one service tell each other of changes, without asking the database."""

from __future__ import annotations

import select
import time
from pathlib import Path

from feedsvc.neighbours import ALONE, Neighbour, neighbours
from tests.service import Service


def is_told(one: Neighbour) -> bool:
    return bool(select.select([one.hears], [], [], 0)[0])


def test_all_others_are_told_and_oneself_is_not() -> None:
    first, second, third = neighbours(3)
    second.tell()
    assert [is_told(one) for one in (first, second, third)] == [True, False, True]


def test_being_told_again_and_again_is_heard_once_and_blocks_nobody() -> None:
    first, second = neighbours(2)
    for _ in range(100_000):  # more than a pipe holds
        first.tell()
    told = second.told()
    while is_told(second):
        next(told)
    first.tell()
    next(told)
    assert not is_told(second)


def test_one_alone_has_nobody_to_tell() -> None:
    (only,) = neighbours(1)
    only.tell()
    ALONE.tell()
    assert not is_told(only)


def test_a_change_is_served_by_every_worker_that_asks_for_none(
    storage_url: str, tmp_path: Path
) -> None:
    environment = {
        "REFRESH_SECONDS": "3600",
        "FEEDSVC_FEEDS_REGENERATE_EVERY_SECONDS": "3600",
    }
    arguments = ("--workers", "3")
    with Service(tmp_path, storage_url, environment=environment, arguments=arguments) as service:
        service.start()
        service.sign_up()
        assert all(service.get("/feeds/health.rss").status == 200 for _ in range(30))
        service.write(title="News")
        time.sleep(0.5)
        assert all(b"News" in service.get("/feeds/health.rss").body for _ in range(30))
