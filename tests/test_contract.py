"""The reader contract, under random editors, readers, clocks, restarts and crashes.

CONTRACT_SEED chooses the sequences (it is printed); ``make soak`` takes new ones for
as long as CONTRACT_EXAMPLES says.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from feedsvc.errors import NotFound
from feedsvc.storage import Storage, Transaction
from feedsvc.storage.feeds import FeedRows
from tests import contract
from tests.conftest import utc
from tests.contract import CATEGORIES, POLICIES, Article, InProcess, Newsroom, Processes, Reader

SEED = int(os.environ.get("CONTRACT_SEED", "1"))
EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "12"))
# Two days before the clocks of Rome go back.
START = utc(2026, 10, 23, 10)
MINUTE, HOUR, DAY = 60, 3600, 86400

KEYS = st.sampled_from([["health"], ["science"], ["health", "science"]])
CHOICE = st.integers(0, 1000)


def is_known(tx: Transaction, id: str) -> bool:
    try:
        return bool(tx.entries.get(id))
    except NotFound:
        return False


class Crash(BaseException):
    """The process ends here."""


class Contract(RuleBasedStateMachine):
    """Editors act, time passes, readers poll; after each step everything is checked."""

    kind: type[InProcess | Processes] = InProcess
    cookie: str
    new_url: Any

    def __init__(self) -> None:
        super().__init__()
        self.logs = structlog.testing.capture_logs()
        self.logs.__enter__()
        self.folder = tempfile.TemporaryDirectory(prefix="feedsvc-contract-")
        self.service = self.kind(Path(self.folder.name), type(self).new_url(self.folder.name))
        self.service.cookie = self.cookie
        self.newsroom = Newsroom(self.service, START)
        self.readers: list[Reader] = []
        self.service.set_clock(self.newsroom.exactly_now)
        self.service.start()
        self.service.settle()

    def teardown(self) -> None:
        self.service.stop()
        self.logs.__exit__(None, None, None)
        self.folder.cleanup()

    @initialize(choices=st.lists(st.tuples(CHOICE, CHOICE, st.booleans()), min_size=4, max_size=4))
    def subscribe(self, choices: list[tuple[int, int, bool]]) -> None:
        for where, how, takes_gzip in choices:
            feed = ["all", *CATEGORIES][where % (len(CATEGORIES) + 1)]
            address = f"/feeds/{feed}.{'rss' if where % 2 else 'atom'}"
            policy = POLICIES[how % len(POLICIES)]
            self.readers.append(Reader(feed, address, policy, takes_gzip))

    # Readers

    @rule(which=CHOICE, worker=st.integers(0, 1))
    def poll(self, which: int, worker: int) -> None:
        self.readers[which % len(self.readers)].poll(self.newsroom, worker)

    @rule()
    def everybody_polls(self) -> None:
        for number, reader in enumerate(self.readers):
            reader.poll(self.newsroom, number)

    @rule(worker=st.integers(0, 1))
    def somebody_reads_it_all(self, worker: int) -> None:
        self.service.asked = worker
        for feed, extension in (("all", "atom"), ("health", "rss")):
            contract.check_history(self.newsroom, feed, extension)

    # Editors

    @rule(keys=KEYS, worker=st.integers(0, 1))
    def publish(self, keys: list[str], worker: int) -> None:
        self.service.asked = worker
        self.newsroom.write(keys, None, "publish")

    @rule(keys=KEYS, minutes=st.integers(1, 60 * 24 * 30))
    def backdate(self, keys: list[str], minutes: int) -> None:
        instant = self.newsroom.now.replace(second=0) - timedelta(minutes=minutes)
        self.newsroom.write(keys, instant, "publish")

    @rule(keys=KEYS, minutes=st.sampled_from([1, 2, 30, 600, 60 * 30]))
    def schedule(self, keys: list[str], minutes: int) -> None:
        instant = self.newsroom.now.replace(second=0) + timedelta(minutes=minutes)
        self.newsroom.write(keys, instant, "schedule")

    @rule(keys=KEYS)
    def draft(self, keys: list[str]) -> None:
        self.newsroom.write(keys, None, "save_draft")

    def one(self, which: int, *states: str) -> Article | None:
        found = [one for one in self.newsroom.articles if one.state in states]
        return found[which % len(found)] if found else None

    @rule(which=CHOICE, minutes=st.integers(1, 900))
    def reschedule(self, which: int, minutes: int) -> None:
        if article := self.one(which, "scheduled", "draft"):
            instant = self.newsroom.now.replace(second=0) + timedelta(minutes=minutes)
            self.newsroom.press(article, "schedule", published=instant)

    @rule(which=CHOICE, action=st.sampled_from(["save_draft", "withdraw"]))
    def unschedule(self, which: int, action: str) -> None:
        if article := self.one(which, "scheduled"):
            self.newsroom.press(article, action)

    @rule(which=CHOICE)
    def publish_now(self, which: int) -> None:
        if article := self.one(which, "scheduled", "draft"):
            self.newsroom.press(article, "publish")

    @rule(which=CHOICE, told=st.sampled_from(["correction", "update"]))
    def change(self, which: int, told: str) -> None:
        if article := self.one(which, "published"):
            body = f"Text as of {self.newsroom.real}."
            self.newsroom.press(article, "update", told=told, body=body)

    @rule(which=CHOICE, keys=KEYS)
    def recategorize(self, which: int, keys: list[str]) -> None:
        if article := self.one(which, "published", "scheduled", "draft"):
            action = {"published": "update", "draft": "save_draft"}.get(article.state, "schedule")
            due = article.due if article.state == "scheduled" else None
            self.newsroom.press(article, action, keys=keys, published=due)

    @rule(which=CHOICE, minutes=st.integers(1, 60 * 24 * 10))
    def redate(self, which: int, minutes: int) -> None:
        if article := self.one(which, "published"):
            instant = self.newsroom.now.replace(second=0) - timedelta(minutes=minutes)
            self.newsroom.press(article, "update", published=instant)

    @rule(which=CHOICE)
    def rename(self, which: int) -> None:
        if article := self.one(which, "published"):
            slug = f"renamed-{article.word.lower()}-{len(article.slugs)}"
            self.newsroom.press(article, "update", slug=slug)

    @rule(key=st.sampled_from(list(CATEGORIES)))
    def rename_category(self, key: str) -> None:
        self.newsroom.rename_category(key)

    @rule(which=CHOICE)
    def withdraw(self, which: int) -> None:
        if article := self.one(which, "published"):
            self.newsroom.press(article, "withdraw")

    @rule(which=CHOICE)
    def restore(self, which: int) -> None:
        if article := self.one(which, "withdrawn"):
            self.newsroom.press(article, "restore")

    @rule(which=CHOICE, poll_between=st.booleans())
    def withdraw_and_restore(self, which: int, poll_between: bool) -> None:
        if article := self.one(which, "published"):
            self.everybody_polls()
            self.newsroom.press(article, "withdraw")
            if poll_between:
                self.everybody_polls()
            self.newsroom.press(article, "restore")
            self.everybody_polls()

    @rule()
    def all_are_withdrawn(self) -> None:
        self.everybody_polls()
        for article in self.newsroom.articles[-3:]:
            if article.state == "published":
                self.newsroom.press(article, "withdraw")
        self.everybody_polls()

    @rule(which=CHOICE)
    def moved_and_then_withdrawn(self, which: int) -> None:
        """Readers of the feed in which it stood first are told too."""
        article = self.one(which, "published")
        if article is None:
            article = self.newsroom.write(["health", "science"], None, "publish")
        others = [key for key in CATEGORIES if key not in article.feeds]
        self.everybody_polls()
        self.newsroom.press(article, "update", keys=others or [list(CATEGORIES)[which % 2]])
        self.everybody_polls()
        # What is withdrawn in the moment of a poll may have been seen in it.
        self.newsroom.pass_time(1)
        self.newsroom.press(article, "withdraw")
        self.everybody_polls()

    @rule(
        key=st.sampled_from(list(CATEGORIES)),
        minutes=st.sampled_from([-600, 5, 60 * 24, 60 * 24 * 3, 60 * 24 * 400]),
    )
    def import_file(self, key: str, minutes: int) -> None:
        instant = self.newsroom.now.replace(second=0) - timedelta(minutes=minutes)
        self.newsroom.import_text(key, instant, Path(self.folder.name))

    # Time, and what may happen to a process

    @rule(seconds=st.sampled_from([1, 2, 59, 10 * MINUTE, 5 * HOUR, DAY, 40 * HOUR, 3 * DAY]))
    def time_passes(self, seconds: int) -> None:
        self.newsroom.pass_time(seconds)

    @rule(offset=st.sampled_from([-HOUR, 0, HOUR]))
    def clock_is_moved(self, offset: int) -> None:
        self.newsroom.move_clock(offset)

    @precondition(lambda self: self.newsroom.next_due("all"))
    @rule(early=st.sampled_from([1, 0]))
    def the_moment_comes(self, early: int) -> None:
        due = self.newsroom.next_due("all")
        assert due
        seconds = int((due - self.newsroom.now).total_seconds()) - early
        if seconds > 0:
            self.newsroom.pass_time(seconds)

    @rule(seconds=st.sampled_from([1, HOUR, 30 * HOUR]))
    def service_is_down(self, seconds: int) -> None:
        self.service.stop()
        self.newsroom.pass_time(seconds)
        self.newsroom.restart()

    @rule(keys=KEYS, is_stored=st.booleans(), after=st.integers(0, 120))
    def crash_in_a_save(self, keys: list[str], is_stored: bool, after: int) -> None:
        page = self.service.opened("/editor/new").page
        path = page.xpath("//main//form/@action")[0]
        self.newsroom.number += 1
        word = f"Word{self.newsroom.number}x"
        typed = {"title": f"About {word}", "body": "Text.", "action": "publish"}
        typed |= self.newsroom.fields(keys)
        if isinstance(self.service, Processes):
            is_stored = self.killed_in_a_save(self.service, path, typed, after / 1000)
        else:
            self.crashed_in_a_save(path, typed, is_stored)
        self.service.kill()
        article = Article(word, path, "published", {"all", *keys})
        article.published = article.updated = self.newsroom.now
        if is_stored:
            self.newsroom.articles.append(article)
        self.newsroom.restart()
        if is_stored:
            article.entered = dict.fromkeys(article.feeds, self.newsroom.real)
            article.slugs.append(f"about-{word.lower()}")

    def killed_in_a_save(
        self, service: Processes, path: str, typed: dict[str, Any], seconds: float
    ) -> bool:
        """SIGKILL while the form is being saved; whether it was."""
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(service.post, path, typed, page="/editor/new")
            time.sleep(seconds)
            service.kill()
            error = answer.exception()
        storage = Storage(service.storage_url)
        with storage.reading() as tx:
            found = is_known(tx, f"urn:uuid:{path.rsplit('/', 1)[1]}")
        storage.close()
        assert found or error, "a save was answered and is lost"
        return found

    def crashed_in_a_save(self, path: str, typed: dict[str, Any], is_stored: bool) -> None:
        # The first thing after the commit, or the last before it.
        name = "lock" if is_stored else "announce"

        def crash(*_: object, **__: object) -> None:
            raise Crash

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FeedRows, name, crash)
            with pytest.raises(Crash):
                self.service.post(path, typed, page="/editor/new")

    # After every step

    @invariant()
    def every_document_is_right(self) -> None:
        for worker in range(len(self.service.workers)):
            self.service.asked = worker
            for feed in ("all", *CATEGORIES):
                slugs = self.newsroom.category_slugs.get(feed, ["all"])
                for extension in ("rss", "atom"):
                    bodies = {self.service.get(f"/feeds/{slug}.{extension}").body for slug in slugs}
                    assert len(bodies) == 1, "one feed differs under its addresses"
                    contract.check_document(self.newsroom, feed, bodies.pop())

    @invariant()
    def every_page_is_right(self) -> None:
        for article in self.newsroom.articles[-3:]:
            for number, slug in enumerate(article.slugs):
                answer = self.service.get(f"/articles/{slug}")
                is_last = number == len(article.slugs) - 1
                expected = {"published": 200 if is_last else 301, "withdrawn": 410}
                assert answer.status == expected.get(article.state, 404), (article, slug)


def budget(examples: int, steps: int = 40) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=False,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


def test_the_reader_contract_holds_on_sqlite(tmp_path: Path) -> None:
    template, cookie = contract.prepared(tmp_path / "template")

    def new_url(folder: str) -> str:
        contract.copy_database(template, Path(folder) / "feedsvc.db")
        return f"sqlite:///{folder}/feedsvc.db"

    machine = type("OnSqlite", (Contract,), {"cookie": cookie, "new_url": staticmethod(new_url)})
    print(f"CONTRACT_SEED={SEED} CONTRACT_EXAMPLES={EXAMPLES}")
    run_machine(seed(SEED)(machine), settings=budget(EXAMPLES))


def test_the_reader_contract_holds_on_postgresql(tmp_path: Path, postgresql_server: str) -> None:
    numbers = itertools.count(1)

    def url_of(name: str) -> str:
        return postgresql_server.replace("/postgres?", f"/{name}?")

    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE contract_template")
    made = InProcess(tmp_path, url_of("contract_template"), workers=1)
    made.start()
    made.sign_up()
    made.stop()

    def new_url(folder: str) -> str:
        name = f"contract_{next(numbers)}"
        with psycopg.connect(postgresql_server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE contract_template")
        return url_of(name)

    machine = type(
        "OnPostgresql", (Contract,), {"cookie": made.cookie, "new_url": staticmethod(new_url)}
    )
    run_machine(seed(SEED)(machine), settings=budget(max(1, EXAMPLES // 6)))


def test_the_reader_contract_holds_for_real_processes(tmp_path: Path) -> None:
    """Fewer steps, each through sockets, with SIGKILL in the middle of saves."""
    template, cookie = contract.prepared(tmp_path / "template")

    def new_url(folder: str) -> str:
        contract.copy_database(template, Path(folder) / "feedsvc.db")
        return f"sqlite:///{folder}/feedsvc.db"

    fields = {"cookie": cookie, "new_url": staticmethod(new_url), "kind": Processes}
    machine = type("OfProcesses", (Contract,), fields)
    # Shrinking would take hours; what fails is tried again by the same seed.
    few = settings(budget(max(2, EXAMPLES // 10), 30), phases=[Phase.generate])
    run_machine(seed(SEED)(machine), settings=few)
