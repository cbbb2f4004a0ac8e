"""What readers are owed, said a second time: a small model beside the real service.

``InProcess`` runs the service's workers in this process: real storage, real forms,
the real front, but no sockets, so that thousands of steps take seconds. ``Newsroom``
remembers what editors did and says what each feed must and must not show; ``Reader``
polls as feed readers do and complains.
"""

from __future__ import annotations

import gzip
import io
import re
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults
from zoneinfo import ZoneInfo

from lxml import etree

from feedsvc import app, intake
from feedsvc.config import load
from feedsvc.storage import Storage
from feedsvc.web import accounts
from tests.service import Answer, Service

ATOM = "{http://www.w3.org/2005/Atom}"
AT = "{http://purl.org/atompub/tombstones/1.0}"
ROME = ZoneInfo("Europe/Rome")
WINDOW_DAYS, WINDOW_ITEMS = 2, 3
WITHIN_ITS_SECOND = timedelta(milliseconds=250)
CATEGORIES = {"health": "Health", "science": "Science"}


class InProcess(Service):
    """The workers of one service, called without a network.

    :param asked: the number of the worker that answers the next request.
    """

    def __init__(self, folder: Path, storage_url: str, workers: int = 2) -> None:
        super().__init__(folder, storage_url)
        self.count = workers
        self.workers: list[app.Worker] = []
        self.asked = 0
        self.now = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
        self.settings = {
            "FEEDSVC_FEEDS_WINDOW_DAYS": str(WINDOW_DAYS),
            "FEEDSVC_FEEDS_WINDOW_ITEMS": str(WINDOW_ITEMS),
        }

    def set_clock(self, now: datetime) -> None:
        self.now = now

    def start(self) -> InProcess:
        config = load(self.config, self.settings)
        storage = Storage(self.storage_url)
        app.prepare(config, storage, self.now, serving=True)
        storage.close()
        self.workers = [app.build(config, clock=lambda: self.now) for _ in range(self.count)]
        return self

    def stop(self) -> int | None:
        for worker in self.workers:
            worker.storage.close()
        self.workers = []
        return 0

    def kill(self) -> None:
        """Nothing is finished, and connections break off."""
        self.stop()

    def settle(self) -> None:
        """As when a quarter of a second has passed: every worker has ticked."""
        for worker in self.workers:
            worker.refresh()
        for worker in self.workers:
            worker.regenerate()
        for worker in self.workers:
            worker.refresh()

    def import_file(self, path: Path) -> None:
        worker = self.workers[0]
        config = load(self.config, self.settings)
        intake.import_file(config, worker.publisher, path, self.now)
        worker.publisher.regenerate_due(self.now)

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        worker = self.workers[self.asked % len(self.workers)]
        path_info, _, query = path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path_info,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body or b"")),
            "wsgi.input": io.BytesIO(body or b""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        for name, value in headers.items():
            key = name.upper()
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        setup_testing_defaults(environ)
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, given: list[tuple[str, str]], *_: object) -> Any:
            started.append((status, given))
            return lambda data: None

        parts = worker.front(environ, start_response)
        try:
            content = b"".join(parts)
        finally:
            getattr(parts, "close", lambda: None)()
        status, given = started[-1]
        return Answer(int(status[:3]), {name.lower(): value for name, value in given}, content)

    def sign_up(self) -> None:
        token = accounts.invite_first_editor(self.workers[0].storage, self.now)
        answer = self.post(
            f"/editor/welcome/{token}", {"name": "ada", "password": "a few words in a row"}
        )
        assert answer.status == 303


class Processes(Service):
    """The same by real processes: a server with two workers, sockets, ticks, signals."""

    def __init__(self, folder: Path, storage_url: str) -> None:
        settings = {
            "FEEDSVC_FEEDS_WINDOW_DAYS": str(WINDOW_DAYS),
            "FEEDSVC_FEEDS_WINDOW_ITEMS": str(WINDOW_ITEMS),
        }
        super().__init__(folder, storage_url, environment=settings, arguments=("--workers", "2"))
        self.asked = 0

    @property
    def workers(self) -> list[int]:
        """The kernel chooses which of them answers."""
        return [0, 1] if self.process else []

    def settle(self) -> None:
        time.sleep(0.6)

    def import_file(self, path: Path) -> None:
        done = self.run("import", str(path))
        assert done.returncode == 0, done.stderr


def prepared(folder: Path) -> tuple[Path, str]:
    """A SQLite database with one account, and the cookie of its session."""
    folder.mkdir(exist_ok=True)
    file = folder / "template.db"
    service = InProcess(folder, f"sqlite:///{file}", workers=1)
    service.start()
    service.sign_up()
    cookie = service.cookie
    service.stop()
    return file, cookie


def copy_database(template: Path, target: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)
        if Path(f"{template}{suffix}").exists():
            shutil.copy(f"{template}{suffix}", f"{target}{suffix}")


@dataclass
class Article:
    """What the newsroom knows of one article.

    :param word: stands in its title and in no other's.
    :param entered: feed -> when it came into it as news, in real time; None: not as news.
    :param buried: feed -> when it was taken back from it, in real time.
    :param past: feeds in which it stood and from which it was moved.
    """

    word: str
    path: str
    state: str
    feeds: set[str]
    published: datetime | None = None
    updated: datetime | None = None
    due: datetime | None = None
    entered: dict[str, timedelta | None] = field(default_factory=dict)
    buried: dict[str, timedelta] = field(default_factory=dict)
    past: set[str] = field(default_factory=set)
    withdrawn_at: datetime | None = None
    slugs: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        return "urn:uuid:" + self.path.rsplit("/", 1)[1]


class Newsroom:
    """Editors' acts, done to the real service and remembered here.

    :param real: time that has really passed, however the system's clock was moved.
    """

    def __init__(self, service: InProcess | Processes, start: datetime) -> None:
        self.service = service
        self.start_at = start
        self.real = timedelta()
        self.offset = timedelta()
        self.articles: list[Article] = []
        self.category_slugs = {key: [key] for key in CATEGORIES}
        self.number = 0
        service.set_clock(self.exactly_now)

    @property
    def now(self) -> datetime:
        """What the system's clock shows, in whole seconds."""
        return self.start_at + self.real + self.offset

    @property
    def exactly_now(self) -> datetime:
        """The same within its second, as an instant of a clock is."""
        return self.now + WITHIN_ITS_SECOND

    # Time

    def pass_time(self, seconds: int) -> None:
        self.real += timedelta(seconds=seconds)
        self._clock_moved()

    def move_clock(self, seconds: int) -> None:
        self.offset = timedelta(seconds=seconds)
        self._clock_moved()

    def _clock_moved(self) -> None:
        self.service.set_clock(self.exactly_now)
        if self.service.workers:
            self.service.settle()
            self.notice_due()

    def notice_due(self) -> None:
        for article in self.articles:
            if article.state == "scheduled" and article.due and article.due <= self.now:
                article.state = "published"
                self._enter(article)

    def restart(self) -> None:
        self.service.start()
        self.notice_due()

    # Acts

    def fields(self, keys: Iterable[str]) -> dict[str, Any]:
        slugs = [self.category_slugs[key][-1] for key in keys]
        return {"category": slugs[0], "also_in": slugs[1:]}

    @staticmethod
    def wall(instant: datetime) -> dict[str, str]:
        """What an editor in Rome types to mean ``instant``."""
        local = instant.astimezone(ROME)
        return {"publish_at": f"{local:%d/%m/%Y %H:%M}", "fold": str(local.fold)}

    def write(self, keys: list[str], published: datetime | None, action: str) -> Article:
        self.number += 1
        word = f"Word{self.number}x"
        typed = self.wall(published) if published else {}
        title = f"About {word}"
        path = self.service.write(action, title=title, **self.fields(keys), **typed)
        article = Article(word, path, "draft", {"all", *keys})
        self.articles.append(article)
        self._acted(article, action, published)
        return article

    def press(
        self,
        article: Article,
        action: str,
        *,
        keys: list[str] | None = None,
        published: datetime | None = None,
        told: str = "correction",
        **typed: str,
    ) -> None:
        """Open the stored article's form, change something, press a button."""
        fields: dict[str, Any] = dict(typed)
        if keys is not None:
            fields |= self.fields(keys)
        if published is not None:
            fields |= self.wall(published)
        elif action == "publish":
            fields["publish_at"] = ""
        if article.state == "published":
            fields["told"] = told
        answer = self.service.edit(article.path, action, **fields)
        assert answer.status == 303, (action, article, answer.text)
        if keys is not None:
            article.feeds = {"all", *keys}
        self._acted(article, "told" if told == "update" else action, published)
        if "slug" in typed:
            article.slugs.append(typed["slug"])

    def _acted(self, article: Article, action: str, published: datetime | None) -> None:
        if action == "publish":
            article.published = article.updated = published or self.now
            article.state = "published"
        elif action == "schedule":
            article.published = article.updated = article.due = published
            article.state = "scheduled"
        elif action in ("update", "told") and article.updated:
            if action == "told":
                article.updated = max(self.now, article.updated + timedelta(seconds=1))
            article.published = published or article.published
            assert article.published
            article.updated = max(article.updated, article.published)
        elif action == "withdraw" and article.state == "published":
            article.state = "withdrawn"
            article.withdrawn_at = self.now
            article.buried = dict.fromkeys({*article.entered, *article.past}, self.real)
            article.entered = {}
        elif action in ("withdraw", "save_draft"):
            article.state = "draft"
        elif action == "restore":
            article.state, article.buried = "published", {}
        self._enter(article)
        self.service.settle()

    def _enter(self, article: Article) -> None:
        if article.state == "published":
            article.past = (article.past | set(article.entered)) - article.feeds
            article.entered = {feed: article.entered.get(feed, self.real) for feed in article.feeds}
            if not article.slugs:
                article.slugs.append(f"about-{article.word.lower()}")

    def import_text(self, key: str, published: datetime, folder: Path) -> None:
        self.number += 1
        word = f"Word{self.number}x"
        local = published.astimezone(ROME)
        # Nobody can be asked which of two equal times is meant: the first is taken.
        published = local.replace(fold=0).astimezone(UTC)
        file = folder / f"{word}.txt"
        text = f"{CATEGORIES[key]} {local:%d/%m/%Y %H:%M}\n\nAbout {word}\n\nSome text.\n"
        file.write_text(text, "utf-8")
        self.service.import_file(file)
        storage = Storage(self.service.storage_url)
        with storage.reading() as tx:
            entry = tx.entries.by_slug(f"about-{word.lower()}")
        storage.close()
        article = Article(word, f"/editor/entries/{entry.uuid}", "published", {"all", key})
        article.published = article.updated = published
        if published > self.now:
            article.state, article.due = "scheduled", published
        elif self.now - published > timedelta(days=WINDOW_DAYS):
            article.entered = dict.fromkeys(article.feeds)
        self.articles.append(article)
        self._enter(article)
        self.service.settle()

    def rename_category(self, key: str) -> None:
        self.number += 1
        slug = f"{key}-{self.number}"
        self.service.opened("/editor/categories")
        answer = self.service.post(
            f"/editor/categories/{self.category_slugs[key][-1]}",
            {"name": CATEGORIES[key], "slug": slug, "description": ""},
            page="/editor/categories",
        )
        assert answer.status == 303, answer.text
        self.category_slugs[key].append(slug)
        self.service.settle()

    # What is owed

    def live(self, feed: str) -> list[Article]:
        return [one for one in self.articles if one.state == "published" and feed in one.feeds]

    def next_due(self, feed: str) -> datetime | None:
        dues = (one.due for one in self.articles if one.state == "scheduled" and feed in one.feeds)
        return min((due for due in dues if due), default=None)


@dataclass
class Item:
    """One article as a reader found it in a document."""

    word: str
    published: datetime
    updated: datetime


def read(body: bytes) -> tuple[dict[str, Item], dict[str, datetime]]:
    """Entries and tombstones by id; read by no code of ours."""
    root = etree.fromstring(body)
    found: dict[str, Item] = {}
    order: list[datetime] = []
    for entry in root.iter(f"{ATOM}entry", "item"):
        is_atom = entry.tag != "item"
        id = entry.findtext(f"{ATOM}id" if is_atom else "guid")
        title = entry.findtext(f"{ATOM}title" if is_atom else "title")
        published = (
            datetime.fromisoformat(entry.findtext(f"{ATOM}published"))
            if is_atom
            else datetime.strptime(entry.findtext("pubDate"), "%a, %d %b %Y %H:%M:%S %z")
        )
        assert id not in found, "one id twice in a document"
        # The second is what is said; a fraction tells entries of one second apart.
        updated = datetime.fromisoformat(entry.findtext(f"{ATOM}updated")).replace(microsecond=0)
        found[id] = Item(title.removeprefix("About "), published, updated)
        order.append(published)
    assert order == sorted(order, reverse=True), "not newest first"
    buried = {
        one.get("ref"): datetime.fromisoformat(one.get("when"))
        for one in root.iter(f"{AT}deleted-entry")
    }
    return found, buried


def check_document(newsroom: Newsroom, feed: str, body: bytes) -> dict[str, Item]:
    """Nobody early, nothing withdrawn, every date right, one identity; enough in it."""
    found, buried = read(body)
    live = {one.id: one for one in newsroom.live(feed)}
    for id, item in found.items():
        assert id in live, f"{item.word} is in {feed}, where it must not be"
        expected = live[id]
        assert item.word == expected.word
        assert item.published == expected.published, item.word
        assert item.updated == expected.updated, item.word
    assert not set(buried) & set(found)
    assert len(found) >= min(WINDOW_ITEMS, len(live)), "fewer than the window holds"
    for article in live.values():
        entered = article.entered[feed]
        if entered is None and article.id in found:
            dates = sorted((one.published for one in live.values() if one.published), reverse=True)
            least = dates[:WINDOW_ITEMS][-1]
            assert article.published
            assert article.published >= least, "an archive floods the feed"
        if entered is not None and newsroom.real - entered < timedelta(days=WINDOW_DAYS):
            assert article.id in found, f"{article.word} is missing from {feed}"
    return found


def check_history(newsroom: Newsroom, feed: str, extension: str) -> None:
    """Who follows the archives (RFC 5005 section 4) has all that is visible, and nothing twice."""
    path = f"/feeds/{feed}.{extension}"
    body = newsroom.service.get(path).body
    found = set(read(body)[0])
    filed: set[str] = set()
    passed = {path}
    while (path := archive_before(body)) and path not in passed:
        passed.add(path)
        body = newsroom.service.get(path).body
        items = read(body)[0]
        assert not filed & set(items), "in two archives"
        filed |= set(items)
    assert not path, "archives go round in a circle"
    live = {one.id: one for one in newsroom.live(feed)}
    assert found | filed == set(live), {one.word for id, one in live.items() if id not in found}


def archive_before(body: bytes) -> str:
    """The path of the archive document that a document says is before it, or ""."""
    links = etree.fromstring(body).iter(f"{ATOM}link")
    found = [link.get("href") for link in links if link.get("rel") == "prev-archive"]
    assert len(found) <= 1
    return "/" + found[0].split("/", 3)[3] if found else ""


POLICIES = ("etag", "modified", "both", "stale", "suffixed", "weak", "own date", "none")


@dataclass
class Reader:
    """One subscription of one program.

    :param address: the path it was given once; it never learns another.
    """

    feed: str
    address: str
    policy: str
    takes_gzip: bool
    polled_at: timedelta | None = None
    seen: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    etags: dict[str, bytes] = field(default_factory=dict)
    stamps: dict[str, bytes] = field(default_factory=dict)
    own_date: str = ""

    def headers(self) -> tuple[dict[str, str], bytes | None]:
        """What it sends, and the body that a 304 to it would vouch for."""
        etag, stamp = (list(one)[-1] if one else None for one in (self.etags, self.stamps))
        if self.policy == "stale" and self.etags:
            first = next(iter(self.etags))
            return {"If_None_Match": first}, self.etags[first]
        if self.policy == "modified" and stamp:
            return {"If_Modified_Since": stamp}, self.stamps[stamp]
        if self.policy == "own date" and self.own_date:
            return {"If_Modified_Since": self.own_date}, self.body
        if etag is None or self.policy in ("none", "modified", "own date"):
            return {}, None
        if self.policy == "both" and stamp:
            return {"If_None_Match": etag, "If_Modified_Since": stamp}, self.etags[etag]
        plain = etag.removesuffix('-gzip"').rstrip('"')
        sent = {"suffixed": f'{plain}-gzip"', "weak": f"W/{etag}"}.get(self.policy, etag)
        return {"If_None_Match": sent}, self.etags[etag]

    def poll(self, newsroom: Newsroom, worker: int) -> None:
        """Ask once, and check what comes."""
        service = newsroom.service
        service.asked = worker
        headers, vouched = self.headers()
        accepted = {"Accept_Encoding": "gzip"} if self.takes_gzip else {}
        answer = service.get(self.address, **headers, **accepted)
        current = service.get(self.address)
        assert current.status == 200
        self._check_headers(newsroom, current)
        if answer.status == 304:
            assert vouched == current.body, f"304 to {headers} was a lie"
        else:
            body = gzip.decompress(answer.body) if self.takes_gzip else answer.body
            assert (answer.status, body) == (200, current.body)
            is_known = "If_None_Match" in headers and vouched == current.body
            assert not is_known, "nothing new, and sent all the same"
        found = check_document(newsroom, self.feed, current.body)
        self._check_owed(newsroom, found, current.body)
        for id, item in found.items():
            for known, word in self.seen.items():
                assert word != item.word or known == id, f"{word} has a second identity"
            self.seen[id] = item.word
        self.polled_at = newsroom.real
        self.body = current.body
        self.etags.pop(current.headers["etag"], None)
        self.etags[current.headers["etag"]] = current.body
        if "last-modified" in current.headers:
            self.stamps.pop(current.headers["last-modified"], None)
            self.stamps[current.headers["last-modified"]] = current.body
        self.own_date = format_datetime(newsroom.now, usegmt=True)

    def _check_headers(self, newsroom: Newsroom, answer: Answer) -> None:
        due = newsroom.next_due(self.feed)
        fresh, *stale = map(int, re.findall("[0-9]+", answer.headers["cache-control"]))
        longest = fresh + max(stale, default=0)
        assert due is None or longest <= max(0, (due - newsroom.now).total_seconds())
        if "last-modified" not in answer.headers:
            return
        stamp = as_instant(answer.headers["last-modified"])
        assert stamp <= newsroom.now, "Last-Modified later than Date"
        for earlier, body in self.stamps.items():
            assert as_instant(earlier) <= stamp, "Last-Modified went back"
            same = as_instant(earlier) == stamp
            assert same == (body == answer.body), "one stamp for two bodies, or two for one"

    def _check_owed(self, newsroom: Newsroom, found: dict[str, Item], body: bytes) -> None:
        """All that came since it last asked, if that was within the window's days."""
        if self.polled_at is None:
            return
        if newsroom.real - self.polled_at > timedelta(days=WINDOW_DAYS):
            return
        for article in newsroom.live(self.feed):
            entered = article.entered[self.feed]
            if entered is not None and entered > self.polled_at:
                assert article.id in found or article.id in self.seen, f"{article.word} was missed"
        if not self.address.endswith(".atom"):
            return
        _, buried = read(body)
        for article in newsroom.articles:
            since = article.buried.get(self.feed)
            if since is not None and since > self.polled_at and article.id in self.seen:
                assert buried.get(article.id) == article.withdrawn_at, "no tombstone"


def as_instant(text: str) -> datetime:
    return datetime.strptime(f"{text.removesuffix(' GMT')} +0000", "%a, %d %b %Y %H:%M:%S %z")
