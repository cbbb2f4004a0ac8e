"""What somebody who looked for faults found: each stays mended."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from feedsvc.errors import StorageReadOnly
from feedsvc.storage import Storage
from feedsvc.web import passwords
from feedsvc.web.documents import MOST_DELTAS, Held
from tests.conftest import utc
from tests.service import PASSWORD, Service


def test_a_connection_that_could_only_read_is_not_kept(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path}/feedsvc.db")
    storage.migrate()
    with storage.reading() as tx:
        tx.settings._connection.exec_driver_sql("PRAGMA query_only=ON")
    with pytest.raises(StorageReadOnly), storage.writing() as tx:
        tx.settings.put("a", "b")
    with storage.writing() as tx:
        tx.settings.put("a", "b")
    storage.close()


def test_a_doubled_slash_leads_to_the_feed(sqlite_service: Service) -> None:
    sqlite_service.start()
    answer = sqlite_service.get("//feeds/health.rss")
    assert (answer.status, answer.headers["location"]) == (301, "/feeds/health.rss")
    assert sqlite_service.get("//feeds/nothing.rss").status == 404
    assert "storage failed" not in sqlite_service.log.read_text()


def test_many_who_sign_in_keep_nobody_from_pages_and_lock_nobody_out(tmp_path: Path) -> None:
    # With the product's own hashes, which take their time.
    sqlite_service = Service(tmp_path, f"sqlite:///{tmp_path}/f.db", clock=False)
    with sqlite_service:
        _sign_in_at_once(sqlite_service)


def _sign_in_at_once(sqlite_service: Service) -> None:
    sqlite_service.start()
    sqlite_service.sign_up()
    statuses: list[int] = []
    page = sqlite_service.browse("/editor/sign-in").page
    token = page.xpath("//main//input[@name='csrf_token']/@value")[0]
    fields = {"name": "nobody", "password": "wrong and long", "csrf_token": token}

    def sign_in(number: int) -> None:
        statuses.append(
            sqlite_service.send("/editor/sign-in", fields | {"name": f"x{number}"}).status
        )

    threads = [threading.Thread(target=sign_in, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Whoever had to wait too long is told so, and was not counted as one who guesses.
    assert len(statuses) == 12
    assert 401 in statuses
    assert set(statuses) <= {401, 503}
    assert sqlite_service.sign_in().status == 303
    assert "sign-in failed" in sqlite_service.log.read_text()
    assert passwords.MOST_WAITING < 4


def test_passwords_are_hashed_as_rfc_9106_asks(tmp_path: Path) -> None:
    service = Service(tmp_path, f"sqlite:///{tmp_path}/f.db", clock=False)
    assert service.run("migrate").returncode == 0
    service.run("editor", "add", "ada", input=f"{PASSWORD}\n{PASSWORD}\n")
    storage = Storage(service.storage_url)
    with storage.reading() as tx:
        found = tx.editors.named("ada")
    storage.close()
    # Section 4, the second recommended option, with one lane.
    assert found is not None
    assert found.password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=1$")


def test_more_passwords_at_once_than_may_wait_are_told_so() -> None:
    with passwords.turn(), passwords.turn(), pytest.raises(passwords.Busy), passwords.turn():
        pass
    with passwords.turn():
        assert not passwords.is_right(None, PASSWORD)
    assert passwords.is_right(passwords.hashed(PASSWORD), PASSWORD)


def test_a_document_remembers_few_deltas_and_none_that_is_long() -> None:
    def held(number: int, entries: int) -> Held:
        body = b"<rss>" + b"".join(
            b"<item>%d %s</item>" % (one, b"x" * 500) for one in range(number, number + entries)
        )
        return Held(
            digest=f"d{number}",
            updated=number,
            last_modified="",
            next_due=None,
            content_type="application/rss+xml",
            bodies={"identity": body + b"</channel></rss>"},
        )

    document = held(0, 100)
    for number in range(1, 8):
        document = held(number, 100).succeeding(document, 0, has_deltas=True)
    size = document.size_bytes
    for number in range(7):
        delta = document.delta(frozenset({f"d{number}"}), "identity")
        assert delta is not None
        assert len(delta.body) < 16_000
    assert len(document._deltas) == MOST_DELTAS
    assert document.size_bytes == size
    # All of it is new: the whole is ready, a delta would have to be made.
    newer = held(500, 100).succeeding(document, 0, has_deltas=True)
    assert newer.delta(frozenset({"d7"}), "identity") is None
    half = held(550, 100).succeeding(newer, 0, has_deltas=True)
    assert half.delta(frozenset({"d500"}), "identity") is None
    long = held(8, 2_500).succeeding(document, 0, has_deltas=True)
    assert long.earlier == ()


# Processes


SUPERVISED = """
import os, signal, threading, time
from feedsvc.supervisor import Supervisor

fork = os.fork
faults = [OSError(24, "no file"), OSError(11, "no process to be had")]

def failing():
    if faults:
        raise faults.pop()
    return fork()

def work(place):
    place.is_up()
    time.sleep(30)

os.fork = failing
gone = []
threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
status = Supervisor(
    work, 1, renew=lambda: work, let_go=lambda: None, on_gone=gone.append
).run()
print(status, len(gone))
"""


def test_a_worker_that_cannot_be_started_is_started_later() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SUPERVISED], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.stdout.splitlines()[-1] == "0 1", done.stderr
    assert (done.stdout + done.stderr).count("worker cannot be started") == 2


def test_after_a_faulty_renewal_nobody_is_left_with_an_older_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/feedsvc.db"
    with Service(tmp_path, url, arguments=("--workers", "3"), clock=False) as service:
        service.start()
        assert service.process is not None
        text = service.config.read_text()

        def ages() -> set[str]:
            return {service.get("/feeds/all.rss").headers["cache-control"] for _ in range(20)}

        service.config.write_text(text.replace("[feeds]", "[feeds]\nmax_age_seconds = 77"))
        service.process.send_signal(signal.SIGHUP)
        until(lambda: any("max-age=77" in one for one in ages()))
        # Some have not taken it over yet, when another one comes that nobody can serve.
        service.config.write_text(text.replace("feedsvc.db", "config.toml"))
        service.process.send_signal(signal.SIGHUP)
        until(lambda: len(ages()) == 1 and "max-age=77" in ages().pop())


def until(check: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_an_access_log_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    environment = {"FEEDSVC_SERVER_ACCESS_LOG": f"{tmp_path}/nowhere/access.log"}
    service = Service(tmp_path, f"sqlite:///{tmp_path}/f.db", environment=environment)
    refused = service.run("serve")
    assert refused.returncode == 2
    assert "server.access_log:" in refused.stderr
    assert "cannot be written: No such file or directory" in refused.stderr


def test_the_last_requests_are_in_the_access_log_too(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    environment = {"FEEDSVC_SERVER_ACCESS_LOG": str(log)}
    with Service(tmp_path, f"sqlite:///{tmp_path}/f.db", environment=environment) as service:
        service.start()
        for _ in range(5):
            service.get("/feeds/all.rss")
        assert service.stop() == 0
    assert log.read_text().count("GET /feeds/all.rss ") == 5


def test_whoever_reads_only_while_the_database_is_held_begins_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/feedsvc.db"
    with Service(tmp_path, url) as service:
        service.set_clock(utc(2026, 1, 21, 18))
        service.start()
        service.sign_up()
        # A form under way when the server ends is no fault of anybody's.
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(
                b"POST /editor/sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\na"
            )
            time.sleep(0.2)
            assert service.stop() == 0
        assert "Traceback" not in service.log.read_text()
