"""The command line: ``feedsvc serve``, ``import``, ``regenerate`` and the rest."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from feedsvc import app, backlog, intake, serving
from feedsvc.config import Config
from feedsvc.errors import (
    ConfigError,
    FeedsvcError,
    ImportRefused,
    InvalidEntry,
    NotFound,
    StorageBusy,
    StorageError,
)
from feedsvc.logs import configure_logging
from feedsvc.model import Editor, Format, Role, whole_second
from feedsvc.publishing import Publisher
from feedsvc.storage import BY_COMMAND, Storage, Transaction, describe_url
from feedsvc.timestamps import utc_now
from feedsvc.web import accounts, codes
from feedsvc.web.metrics import shared_folder

# What the server loads in each worker.
WORKER = "feedsvc.app:serve_worker"
# How often a start waits for another one that holds the database.
STARTS = 5
# So many categories' feeds are printed.
MOST_ANNOUNCED = 19


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if "config" in options:
        os.environ["FEEDSVC_CONFIG"] = options.config
    for name in ("host", "port", "workers"):
        value = getattr(options, name, None)
        if value is not None:
            os.environ[f"FEEDSVC_SERVER_{name}".upper()] = str(value)
    configure_logging()
    try:
        run: Callable[[Config, argparse.Namespace], int] = options.run
        return run(app.read_config(), options)
    except ConfigError as error:
        print("The configuration cannot be used:", file=sys.stderr)
        for fault in error.faults:
            print(f"  {fault}", file=sys.stderr)
        return 2
    except FeedsvcError as error:
        print(f"feedsvc: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has enough of it, such as head; Python would
        # complain once more when it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    # --config may stand before or after the command's name; SUPPRESS keeps the
    # later parser from overwriting the earlier one's value with its default.
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="the configuration (config.toml, or what FEEDSVC_CONFIG names)",
    )
    parser = argparse.ArgumentParser(prog="feedsvc", description="A feed server.", parents=[common])
    parser.add_argument("--version", action="version", version=f"feedsvc {version('feedsvc')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, parents=[common])
        made.set_defaults(run=run)
        return made

    serve = command("serve", _serve, "start the service")
    serve.add_argument("--host", help="the address to listen on, instead of server.host")
    serve.add_argument("--port", type=int, help="instead of server.port")
    serve.add_argument("--workers", type=int, help="instead of server.workers")
    serve.add_argument(
        "--samples", type=Path, metavar="FOLDER", help="import these articles if there are none yet"
    )
    importer = command("import", _import, "store articles from files")
    importer.add_argument("files", nargs="+", type=Path, metavar="FILE")
    importer.add_argument(
        "--category", default="", metavar="SLUG", help="instead of the one that each file names"
    )
    importer.add_argument(
        "--announce",
        action="store_true",
        help="readers get them as news, even what is older than window_days",
    )
    importer.add_argument("--dry-run", action="store_true", help="show, but store nothing")
    regenerate = command("regenerate", _regenerate, "rebuild the feeds that changed")
    regenerate.add_argument("categories", nargs="*", metavar="CATEGORY")
    regenerate.add_argument("--force", action="store_true", help="rebuild all of them")
    # What the service starts when more is owed than a worker should render.
    regenerate.add_argument("--owed", action="store_true", help=argparse.SUPPRESS)
    editor = command("editor", None, "manage the accounts of editors")
    acts = editor.add_subparsers(title="acts", required=True, metavar="ACT")
    for name, run, text in (
        ("add", _editor_add, "let someone sign in; the password is asked for"),
        ("passwd", _editor_passwd, "give someone a new password; older sessions end"),
        ("remove", _editor_remove, "let someone sign in no more; articles stay"),
        ("reset-second-factor", _editor_reset, "ask someone for no code any more"),
        ("list", _editor_list, "who may sign in, a name on each line"),
    ):
        act = acts.add_parser(name, help=text, description=text, parents=[common])
        act.set_defaults(run=run)
        if run is not _editor_list:
            act.add_argument("name", metavar="NAME")
        else:
            act.add_argument(
                "--roles", action="store_true", help="behind each name a tab and the role"
            )
        if run is _editor_add:
            act.add_argument(
                "--administrator", action="store_true", help="as the first one always is"
            )
    command("check", _check, "look at configuration, storage and stored feeds")
    command("migrate", _migrate, "bring the database to this version's schema")
    backup = command("backup", _backup, "make a consistent copy while the service runs")
    backup.add_argument("file", type=Path, metavar="FILE")
    return parser


# serve


def _serve(config: Config, options: argparse.Namespace) -> int:
    serving.listening_address(config.server.host, config.server.port)
    app.access_log(config)
    _make_ready(config, options.samples)
    with shared_folder():
        if config.server.front == "wsgi":
            return serving.serve_wsgi(config, WORKER)
        return serving.serve_protocol(
            config, WORKER, read_config=app.read_config, make_ready=_make_ready_again
        )


def _make_ready(config: Config, samples: Path | None) -> None:
    """Everything that must be so before the first request, and what to print.

    Nothing that is opened here outlives this function: the server forks.
    """
    storage = Storage(config.storage_url)
    try:
        _prepare(config, storage)
        if samples is not None:
            _import_samples(config, storage, samples)
        token = accounts.invite_first_editor(storage, utc_now())
        _announce(config, storage, token)
    except StorageError as error:
        # A full or read-only disk: readers still get what is stored, if it can be
        # read; if not, there is nothing to serve.
        app.open_storage(config).close()
        print(f"feedsvc: {error}; serving what is stored, nothing can be saved", file=sys.stderr)
    finally:
        storage.close()


def _make_ready_again(config: Config) -> None:
    """The same for a configuration that is taken over while the service runs.

    Before a worker goes by it, and again when none goes by the old one any more: until
    then one of those may have rendered a feed with the old settings.

    :raises StorageError: it cannot be.
    """
    app.access_log(config)
    storage = Storage(config.storage_url)
    try:
        _prepare(config, storage)
        app.publisher_of(config, storage, utc_now).regenerate_all(utc_now(), force=False)
    finally:
        storage.close()


def _prepare(config: Config, storage: Storage) -> None:
    """As ``app.prepare``; several services that start at once wait for each other."""
    for _ in range(STARTS):
        try:
            app.prepare(config, storage, utc_now(), serving=True, clock=utc_now)
        except StorageBusy:
            time.sleep(0.5)
        else:
            return
    app.prepare(config, storage, utc_now(), serving=True, clock=utc_now)


def _import_samples(config: Config, storage: Storage, folder: Path) -> None:
    publisher = app.publisher_of(config, storage, utc_now)
    if not publisher.is_empty():
        return
    now = utc_now()
    for path in sorted(folder.glob("*.txt")):
        intake.import_file(config, publisher, path, now)
    publisher.regenerate_due(now)


def _announce(config: Config, storage: Storage, token: str | None) -> None:
    site = app.publisher_of(config, storage).site
    with storage.reading() as tx:
        feeds = [tx.feeds.feed("all")]
        feeds += [tx.feeds.feed(one.slug) for one in tx.feeds.categories(limit=MOST_ANNOUNCED)]
        others = tx.feeds.count_categories() + 1 - len(feeds)
    print(f"\n{site.title} is served on {site.url}\n")
    print(f"  Pages    {site.absolute('/')}")
    for feed in feeds:
        name = feed.name or "Everything"
        addresses = "  ".join(site.absolute(feed.path(format)) for format in Format)
        print(f"  Feed     {addresses}  ({name})")
    if others:
        print(f"           … and {others} more categories")
    print(f"  Editor   {site.absolute('/editor/')}")
    if token is not None:
        print("\n  There is no editor yet. Create the first account with this one-time link:")
        print(f"  {site.absolute('/editor/welcome/' + token)}")
    print("\nCtrl+C ends it.", flush=True)


# import and regenerate


def _import(config: Config, options: argparse.Namespace) -> int:
    now = utc_now()
    publisher = _dry_publisher(config) if options.dry_run else _publisher(config)
    refused = 0
    for path in options.files:
        try:
            done = intake.import_file(
                config,
                publisher,
                path,
                now,
                category=options.category,
                dry_run=options.dry_run,
                announce=options.announce,
            )
        except ImportRefused as error:
            refused += 1
            place = f"{path}:{error.line}" if error.line else str(path)
            print(f"{place}: {error.reason}", file=sys.stderr)
            continue
        except StorageBusy as error:
            refused += 1
            print(f"{path}: {error}", file=sys.stderr)
            continue
        print(f"{path}: {done.outcome}: {done.category} · {done.when} · {done.title}")
        if done.is_new_category:
            print(f"{path}: a new category: {done.category}")
        if done.warning:
            print(f"{path}: warning: {done.warning}", file=sys.stderr)
        if options.dry_run:
            print(*(f"    {line}" for line in done.body.split("\n")), sep="\n")
    if publisher and not options.dry_run:
        publisher.regenerate_due(utc_now())
    if refused:
        count = len(options.files)
        others = "" if count == refused or options.dry_run else "; the others are in"
        noun = "file" if count == 1 else "files"
        print(f"{refused} of {count} {noun} refused{others}.", file=sys.stderr)
    return 1 if refused else 0


def _regenerate(config: Config, options: argparse.Namespace) -> int:
    now = utc_now()
    publisher = _publisher(config)
    if options.owed:
        backlog.drain(publisher, utc_now)
        return 0
    changed = publisher.regenerate_due(now)
    changed += publisher.regenerate_all(now, options.categories, force=options.force)
    print(f"{changed} feeds changed")
    return 0


def _publisher(config: Config) -> Publisher:
    return app.prepare(config, Storage(config.storage_url), utc_now(), clock=utc_now)


def _dry_publisher(config: Config) -> Publisher | None:
    """For what is there, to read only; None where there is nothing yet."""
    storage = Storage(config.storage_url, read_only=True)
    try:
        storage.check_schema()
    except StorageError:
        return None
    return app.publisher_of(config, storage)


# editors


def _accounts(config: Config) -> Storage:
    """The database, for what concerns no feed: none is looked at or rendered."""
    storage = Storage(config.storage_url)
    storage.migrate()
    return storage


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise InvalidEntry({"password": "the two differ"})
    return password


def _editor_add(config: Config, options: argparse.Namespace) -> int:
    storage = _accounts(config)
    name = accounts.checked_name(options.name)
    with storage.reading() as tx:
        accounts.check_free(tx, name)
    password_hash, now = accounts.hash_password(_password()), whole_second(utc_now())
    with storage.writing() as tx:
        tx.editors.lock()
        accounts.check_free(tx, name)
        is_first = not tx.editors.any()
        role = Role.ADMINISTRATOR if options.administrator or is_first else Role.EDITOR
        tx.editors.add(name, password_hash, now, role)
        _note(tx, "account.made", name, role.value)
    print(f"{name} may sign in now, as {role.value}")
    return 0


def _note(tx: Transaction, action: str, name: str, detail: str = "") -> None:
    tx.audit.note(utc_now(), by="", action=action + BY_COMMAND, subject=name, detail=detail)


def _editor_passwd(config: Config, options: argparse.Namespace) -> int:
    storage = _accounts(config)
    _named(storage, options.name)
    password_hash = accounts.hash_password(_password())
    with storage.writing() as tx:
        tx.editors.set_password_hash(options.name, password_hash)
        _note(tx, "account.password", options.name)
    print(f"{options.name} has a new password; older sessions have ended")
    return 0


def _named(storage: Storage, name: str) -> Editor:
    with storage.reading() as tx:
        found = tx.editors.named(name)
    if found is None:
        raise NotFound(f"there is no editor {name!r}")
    return found


def _editor_remove(config: Config, options: argparse.Namespace) -> int:
    storage = _accounts(config)
    with storage.writing() as tx:
        tx.editors.lock()
        everybody = tx.editors.all()
        left = [one for one in everybody if one.name != options.name]
        # With nobody left the next start prints a link for a first account.
        if len(left) < len(everybody) and left and not any(one.is_administrator for one in left):
            raise InvalidEntry(
                {
                    "name": f"{options.name} is the last administrator; add another first:"
                    " feedsvc editor add NAME --administrator"
                }
            )
        tx.editors.remove(options.name)
        _note(tx, "account.removed", options.name)
    print(f"{options.name} may not sign in any more")
    if not left:
        print("nobody may: the service prints a link for a first account at its next start")
    return 0


def _editor_reset(config: Config, options: argparse.Namespace) -> int:
    storage = _accounts(config)
    found = _named(storage, options.name)
    with storage.writing() as tx:
        was_on = codes.switch_off(tx, found, by="", address="", now=utc_now())
    if was_on:
        print(f"{found.name} signs in with the password alone now")
    else:
        print(f"{found.name} has no second factor")
    return 0


def _editor_list(config: Config, options: argparse.Namespace) -> int:
    with _accounts(config).reading() as tx:
        for found in tx.editors.all():
            print(found.name, *([found.role.value] if options.roles else []), sep="\t")
    return 0


# care


def _check(config: Config, options: argparse.Namespace) -> int:
    faults = app.find_faults(config)
    with suppress(StorageError):  # which is among the faults
        # No fault, but what an operator who reads the file would not expect.
        print(*(f"{line}\n" for line in app.kept_settings(config)), sep="", end="")
    for fault in faults:
        print(fault)
    if not faults:
        print("configuration, storage and stored feeds are in order")
    return 1 if faults else 0


def _migrate(config: Config, options: argparse.Namespace) -> int:
    now = utc_now()
    app.prepare(config, Storage(config.storage_url), now, clock=utc_now).regenerate_due(now)
    print(f"{describe_url(config.storage_url)} has this version's schema")
    return 0


def _backup(config: Config, options: argparse.Namespace) -> int:
    app.open_existing(config).backup(options.file)
    print(f"{options.file} is a copy of {describe_url(config.storage_url)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
