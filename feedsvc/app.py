"""The one place where things are connected."""

from __future__ import annotations

import os
import secrets
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from feedsvc import scheduling
from feedsvc.backlog import FEW_FEEDS, Backlog
from feedsvc.clocks import FURTHEST, Clock, WatchedClock
from feedsvc.config import Config, load
from feedsvc.errors import (
    ConfigError,
    SchemaOutdated,
    StorageBusy,
    StorageError,
)
from feedsvc.logs import configure_logging
from feedsvc.model import Site, Window, whole_second
from feedsvc.neighbours import ALONE, Neighbour
from feedsvc.publishing import Publisher, inspect
from feedsvc.site_settings import differences as setting_differences
from feedsvc.site_settings import over, read
from feedsvc.storage import Storage, sqlite_file
from feedsvc.timestamps import utc_now, zone_named
from feedsvc.web import (
    AccessLog,
    Allowance,
    Documents,
    Front,
    InForce,
    Metrics,
    Services,
    create_flask_app,
)

log = structlog.get_logger("feedsvc.app")

# How long another process's change may take to be served by this one.
REFRESH_SECONDS = 0.2
# From a feed's change to its being served by every one of several workers: rendering,
# commit, a tick.
SETTLING_SECONDS = 0.5
# How often it is looked for where the database tells of it: with a tick, within a second.
ASK_SECONDS = 0.7
MEGABYTE = 1_000_000
# What a long rebuild is done by: this module's command.
MODULE = "feedsvc"


def read_config() -> Config:
    """The configuration that FEEDSVC_CONFIG names, ``config.toml`` by default.

    :raises ConfigError: every fault at once.
    """
    return load(Path(os.environ.get("FEEDSVC_CONFIG", "config.toml")), os.environ)


def site_of(config: Config) -> Site:
    """What feeds say of their publisher."""
    site = config.site
    return Site(
        title=site.title,
        url=site.url,
        language=site.language,
        description=site.description,
        author=site.author,
        rights=site.rights,
        logo=site.logo,
    )


def publisher_of(config: Config, storage: Storage, clock: Clock | None = None) -> Publisher:
    """A publisher with the settings of ``config``, and with those that the database holds."""
    with storage.reading() as tx:
        kept = tx.settings.kept()
    return publisher_with(over(config, read(kept)), storage, clock, kept)


def publisher_with(
    config: Config, storage: Storage, clock: Clock | None = None, kept: str = ""
) -> Publisher:
    """A publisher with the settings of ``config``.

    :param kept: what the database held over the file when these were put together.
    """
    window = Window(
        items=config.feeds.window_items,
        days=config.feeds.window_days,
        content=config.feeds.content,
        most_bytes=config.feeds.window_bytes,
        max_age_seconds=config.feeds.max_age_seconds,
    )
    grace = timedelta(seconds=config.feeds.grace_seconds)
    settling = timedelta(seconds=SETTLING_SECONDS if config.server.workers > 1 else 0)
    return Publisher(storage, site_of(config), window, clock, settling, kept=kept, grace=grace)


def prepare(
    config: Config,
    storage: Storage,
    now: datetime,
    *,
    serving: bool = False,
    clock: Clock | None = None,
) -> Publisher:
    """Bring schema and categories up to date; the publisher to go on with.

    :param serving: what this configuration says of the site counts from now on, and
        a few feeds that are owed it are rendered: of the others the old documents are
        served until a child of the service comes to them. A command beside the service goes by
        what the service was started with.
    :param clock: gives the current instant, where rendering may last.
    :raises StorageError: the database cannot be written to.
    """
    if storage.migrate():
        log.info("schema migrated")
    stamp = watched(storage, clock).stamp if clock else None
    publisher = publisher_of(config, storage, stamp)
    with storage.reading() as tx:
        has_key = tx.settings.get("cookie_key") is not None
        missing = [
            category
            for category in config.categories
            if tx.feeds.free_category_slug(category.slug) == category.slug
        ]
    for category in missing:
        publisher.ensure_category(
            category.name,
            now,
            slug=category.slug,
            description=category.description,
            language=category.language,
            content=category.content,
        )
    if not has_key:
        with storage.writing() as tx:
            tx.settings.put_if_missing("cookie_key", secrets.token_hex(32))
    if serving or not publisher.has_noted():
        while not publisher.note_settings(now):
            publisher = publisher_of(config, storage, stamp)
    else:
        publisher = publisher.as_noted()
        for difference in differences(publisher_of(config, storage), publisher):
            log.warning("the service was started with another setting", setting=difference)
    if serving:
        note_max_age(config, storage, whole_second(now))
        publisher.publish_due(now)
        publisher.regenerate_owed(now, most=FEW_FEEDS)
    return publisher


def note_max_age(config: Config, storage: Storage, now: datetime) -> None:
    """Keep what caches are told from now on; a start that finds nothing new waits for no writer."""
    with storage.reading() as tx:
        seconds = over(config, read(tx.settings.kept())).feeds.max_age_seconds
        if tx.settings.new_max_ages(seconds, now) is None:
            return
    with storage.writing() as tx:
        tx.settings.note_max_age(seconds, now)


def differences(ours: Publisher, noted: Publisher) -> list[str]:
    """What the feeds are made with and this configuration says otherwise."""
    return [
        f"{name}: {there!r} there, {here!r} here"
        for mine, theirs in ((ours.site, noted.site), (ours.window, noted.window))
        for name, here in asdict(mine).items()
        if here != (there := getattr(theirs, name))
    ]


@dataclass(frozen=True, slots=True)
class Worker:
    """One process of the service: what it answers with, and its ticks.

    :param front: the WSGI application: polls, pages, forms.
    """

    front: Front
    storage: Storage
    in_force: InForce
    documents: Documents
    backlog: Backlog
    clock: WatchedClock
    metrics: Metrics

    @property
    def publisher(self) -> Publisher:
        """With the settings that count now."""
        return self.in_force.now.publisher

    def count(self) -> None:
        """Take over what was counted since the last time."""
        self.metrics.take_over(self.front.tally, self.documents.size_bytes)
        if self.front.access is not None:
            self.front.access.write()

    def regenerate(self) -> None:
        """The slower tick: finish what was left over, by a crash or a held lock."""
        changed = self.publisher.publish_due(self.clock())
        if self.publisher.owes_more_than(FEW_FEEDS):
            self.backlog.drain()
        else:
            changed += self.publisher.regenerate_owed(self.clock())
        if changed:
            self.documents.publish()
        else:
            self.documents.refresh()

    def refresh(self) -> None:
        """The faster tick: publish what falls due, take over what others rendered."""
        if self.clock.is_set_back():
            with suppress(StorageBusy):
                note_latest(self.storage, self.clock)
        if self.documents.is_due(self.clock()):
            # Where the database is held the slower tick tells, and both try again.
            with suppress(StorageBusy):
                # Each feed is served as soon as it is rendered, however many are due.
                self.publisher.publish_due(self.clock(), self.documents.publish)
        # PostgreSQL tells by itself; asked all the same, in case that it is not heard.
        if self.storage.is_sqlite or self.documents.is_older_than(ASK_SECONDS):
            self.documents.refresh()


def build(
    config: Config, *, clock: Clock = utc_now, tell: Callable[[], object] = lambda: None
) -> Worker:
    """One process of the service, not ticking yet.

    :param tell: lets the others know that feeds changed.
    """
    storage = open_storage(config)
    clock = watched(storage, clock)
    metrics = Metrics()
    in_force = settings_in_force(config, storage, clock, metrics)
    documents = Documents(
        storage,
        config.server.cache_megabytes * MEGABYTE,
        clock=clock,
        has_deltas=config.feeds.deltas,
        tell=tell,
        take_over=in_force.take_over,
    )
    documents.refresh()
    with storage.reading() as tx:
        cookie_key = tx.settings.get("cookie_key")
    if cookie_key is None:
        raise StorageError("the database is not prepared; run: feedsvc migrate")
    access = access_log(config)
    flask_app = create_flask_app(
        Services(
            storage=storage,
            in_force=in_force,
            documents=documents,
            zone=zone_named(config.site.timezone),
            zone_name=config.site.timezone,
            trusted_proxies=config.server.trusted_proxies,
            metrics=metrics,
            metrics_from=config.server.metrics_from,
            access=access,
            private_enclosures=config.server.private_enclosures,
            clock=clock,
        ),
        cookie_key,
    )

    front = Front(
        documents,
        flask_app,
        max_age_seconds=in_force.now.config.feeds.max_age_seconds,
        clock=clock,
        allowance=Allowance(config.server.full_polls_per_hour),
        trusted_proxies=config.server.trusted_proxies,
        access=access,
    )
    in_force.follow(lambda new, longest: front.go_by(new.feeds.max_age_seconds, longest))
    backlog = Backlog(storage, [sys.executable, "-m", MODULE, "regenerate", "--owed"])
    return Worker(front, storage, in_force, documents, backlog, clock, metrics)


def settings_in_force(
    config: Config, storage: Storage, clock: WatchedClock, metrics: Metrics
) -> InForce:
    """What a process of the service goes by, now and when the database says otherwise."""
    with storage.reading() as tx:
        kept = tx.settings.kept()
        longest = tx.settings.longest_max_age()

    def with_settings(of: Config, kept: str) -> Publisher:
        made = publisher_with(of, storage, clock.stamp, kept)
        return replace(made, observe=metrics.rendered)

    return InForce(config, kept, with_settings, longest)


def access_log(config: Config) -> AccessLog | None:
    """Where requests are noted, if anywhere.

    :raises ConfigError: it cannot be written.
    """
    if not config.server.access_log:
        return None
    access = AccessLog(config.server.access_log)
    try:
        access.check()
    except OSError as error:
        path = config.server.access_log
        raise ConfigError(
            [f"server.access_log: {path} cannot be written: {error.strerror}"]
        ) from error
    return access


def watched(storage: Storage, clock: Clock) -> WatchedClock:
    """The clock with what it is known to have shown before it was set back."""
    noted = _noted_date(storage)
    return WatchedClock(clock, max(noted, clock()) if noted else None)


def _noted_date(storage: Storage) -> datetime | None:
    with storage.reading() as tx:
        noted = tx.settings.get("latest_date")
    return datetime.fromisoformat(noted) if noted else None


def note_latest(storage: Storage, clock: WatchedClock) -> None:
    """Keep what the clock has shown for whoever starts before it shows that again."""
    noted = _noted_date(storage)
    # Of several workers the one that looked last: each other's are not overwritten.
    if noted is None or noted < clock.latest or noted > clock.latest + FURTHEST:
        log.warning("the system clock was set back", from_=clock.latest.isoformat())
        with storage.writing() as tx:
            tx.settings.put("latest_date", clock.latest.isoformat())


def open_storage(config: Config) -> Storage:
    """The storage of ``config``; read-only where its file cannot be written.

    Readers then still get their feeds, and editors a clear message.

    :raises SchemaOutdated: it has another version's schema.
    """
    storage = Storage(config.storage_url)
    try:
        storage.check_schema()
    except StorageError as error:
        storage.close()
        # Held by somebody it is not read-only: whoever starts this tries again.
        if isinstance(error, SchemaOutdated | StorageBusy) or not storage.is_sqlite:
            raise
        storage = Storage(config.storage_url, read_only=True)
        storage.check_schema()
        log.warning("storage opened read-only", reason=str(error))
    return storage


def open_existing(config: Config) -> Storage:
    """The storage of ``config``, which must be there.

    :raises StorageError: it is not; nothing was made.
    """
    file = sqlite_file(config.storage_url)
    if file is not None and not file.exists():
        raise StorageError(f"there is no database at {file}; feedsvc serve makes it")
    return open_storage(config)


def serve_worker(
    clock: Clock = utc_now, config: Config | None = None, neighbour: Neighbour = ALONE
) -> Front:
    """What the server calls in each of its processes.

    :param config: what the service goes by; read anew where the server cannot hand it on.
    :param neighbour: its place among the others, where the server knows of it.
    """
    # Ctrl+C in a terminal goes to every process of the group. The server's parent
    # ends its workers by itself; ended twice, they hang until they are killed.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    configure_logging()
    config = config or read_config()
    worker = build(config, clock=clock, tell=neighbour.tell)
    reads_only = worker.storage.read_only
    scheduling.start(
        regenerate=worker.documents.refresh if reads_only else worker.regenerate,
        regenerate_every_seconds=config.feeds.regenerate_every_seconds,
        refresh=worker.documents.refresh if reads_only else worker.refresh,
        refresh_every_seconds=REFRESH_SECONDS,
        count=worker.count,
    )
    if neighbour.others:
        scheduling.listen("neighbours", neighbour.told, worker.documents.refresh)
    if not worker.storage.is_sqlite:
        scheduling.listen("database", worker.storage.notices, worker.documents.refresh)
    return worker.front


def kept_settings(config: Config) -> list[str]:
    """One line for each setting that the database holds over the configuration.

    :raises StorageError: the database cannot be read.
    """
    storage = open_existing(config)
    try:
        with storage.reading() as tx:
            return setting_differences(config, read(tx.settings.kept()))
    finally:
        storage.close()


def find_faults(config: Config) -> list[str]:
    """What is wrong with storage and stored feeds; empty where nothing is."""
    try:
        return inspect(open_existing(config))
    except StorageError as error:
        return [f"storage: {error}"]
