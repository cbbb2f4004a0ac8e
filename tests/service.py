"""feedsvc as a process, and an editor and readers who use it over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import lxml.html

ROOT = Path(__file__).parents[1]
PASSWORD = "a few words in a row"
FORM = "application/x-www-form-urlencoded"

CONFIG = """
[site]
title = "The Example"
language = "en"
timezone = "{zone}"
author = "The editors"

[server]
port = {port}
workers = 1
# Tests ask for whole feeds as fast as they can.
full_polls_per_hour = 0

[storage]
url = "{url}"

[feeds]
regenerate_every_seconds = 0.2

[[categories]]
slug = "health"
name = "Health"

[[categories]]
slug = "science"
name = "Science"
"""


def _ports() -> Iterator[int]:
    """Ports below those from which the kernel picks for connections, each once.

    A port that the kernel hands out is only lent: until the service listens on it, any
    connection another test opens may be given the same one. Test processes beside each
    other take the ports by turns.
    """
    worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0)
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    span = 20_000 // workers
    start = os.getpid() % span
    for step in range(start, start + span):
        yield 11_000 + step % span * workers + worker


_PORTS = _ports()


def free_port() -> int:
    """A port nobody listens on, which no connection and no other test is given."""
    for port in _PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@dataclass
class Answer:
    """A response, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def page(self) -> Any:
        return lxml.html.fromstring(self.text)

    def field(self, name: str) -> str:
        """The value of a control of the main form, as a browser has it.

        HTML drops one line end right after a textarea's tag; lxml keeps it.
        """
        control = self.page.xpath("//main//form")[0].inputs[name]
        value = control.value or ""
        if control.tag == "textarea":
            value = value.replace("\r\n", "\n").removeprefix("\n")
        return str(value)


def form_as_browser(answer: Answer, action: str = "") -> dict[str, Any]:
    """What a browser sends of a page's form as it stands, before anything is typed.

    Nothing of what stands in a fieldset that is disabled, nor of any button.

    :param action: the form's address, or its end; the main one without it.
    """
    forms = answer.page.xpath("//main//form")
    form = next(one for one in forms if one.get("action", "").endswith(action))
    for control in form.xpath(".//fieldset[@disabled]//*[@name]"):
        control.set("disabled", "disabled")
    texts = {one.get("name") for one in form.iter("textarea")}
    sent: dict[str, Any] = {}
    for name, value in form.form_values():
        if name in texts:
            # See Answer.field; and HTML sends the lines of a text with CR and LF.
            value = value.replace("\r\n", "\n").removeprefix("\n").replace("\n", "\r\n")
        sent.setdefault(name, []).append(value)
    return {name: found[0] if len(found) == 1 else found for name, found in sent.items()}


class Service:
    """``feedsvc serve`` in a process of its own.

    :param clock: whether its clock is ours (a file) rather than the system's.
    """

    def __init__(
        self,
        folder: Path,
        storage_url: str,
        *,
        zone: str = "Europe/Rome",
        clock: bool = True,
        environment: Mapping[str, str] | None = None,
        arguments: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.storage_url = storage_url
        self.port = free_port()
        self.config = folder / "config.toml"
        self.write_config(zone)
        self.clock_file = folder / "clock"
        self.has_clock = clock
        self.environment = {**os.environ, **(environment or {})}
        self.environment.pop("FEEDSVC_CONFIG", None)
        if clock:
            self.environment["CLOCK_FILE"] = str(self.clock_file)
        self.arguments = arguments
        self.output = folder / "output"
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.cookie = ""

    def write_config(self, zone: str) -> None:
        self.config.write_text(
            CONFIG.format(zone=zone, port=self.port, url=self.storage_url), "utf-8"
        )

    def set_clock(self, now: datetime) -> None:
        """The service's clock stands at ``now`` from here on."""
        new = self.clock_file.with_suffix(".new")
        new.write_text(now.isoformat())
        new.replace(self.clock_file)

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Service:
        module = "tests.clocked" if self.has_clock else "feedsvc"
        with self.output.open("ab") as output, self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, "--config", self.config, "serve", *self.arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if self.get("/healthz").status in (200, 503):
                    return self
            except OSError:
                time.sleep(0.03)
        raise AssertionError(f"the service did not start:\n{self.log.read_text()}")

    def stop(self) -> int | None:
        """SIGTERM, and wait; the exit status."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        finally:
            self.process = None

    def kill(self) -> None:
        """SIGKILL to the whole process tree: a power cut as far as processes can tell."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def run(self, *arguments: str, input: str = "") -> subprocess.CompletedProcess[str]:
        """A ``feedsvc`` command with this service's configuration, clock and database."""
        module = "tests.clocked" if self.has_clock else "feedsvc"
        return subprocess.run(
            [sys.executable, "-m", module, "--config", str(self.config), *arguments],
            cwd=ROOT,
            env=self.environment,
            input=input,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    # Readers

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(
                method, path, body, {k.replace("_", "-"): v for k, v in headers.items()}
            )
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, **headers)

    # An editor

    def sign_up(self) -> None:
        """Make the first account with the printed link, as an operator would."""
        links = re.findall(r"http://\S+(/editor/welcome/\S+)", self.output.read_text())
        answer = self.post(links[-1], {"name": "ada", "password": PASSWORD})
        assert answer.status == 303, answer.text

    def sign_up_cookie(self, cookies: Iterable[Mapping[str, Any]]) -> None:
        """Go on as the editor whose browser has these cookies."""
        self.cookie = "; ".join(f"{one['name']}={one['value']}" for one in cookies)

    def sign_in(self, name: str = "ada", password: str = PASSWORD) -> Answer:
        return self.post("/editor/sign-in", {"name": name, "password": password})

    def browse(self, path: str) -> Answer:
        """GET as the editor's browser does, keeping cookies."""
        answer = self.get(path, Cookie=self.cookie) if self.cookie else self.get(path)
        self._keep_cookie(answer)
        return answer

    def post(self, path: str, fields: Mapping[str, Any], *, page: str = "") -> Answer:
        """Send the form of ``page`` (or of ``path``) with its hidden fields."""
        shown = self.browse(page or path).page
        of_form = shown.xpath("//form[@action=$path]//input[@type='hidden']", path=path)
        hidden = {
            field.get("name"): field.get("value", "")
            for field in of_form or shown.xpath("//input[@type='hidden']")
        }
        return self.send(path, {**hidden, **fields})

    def send(self, path: str, fields: Mapping[str, Any], **headers: str) -> Answer:
        """POST exactly these fields."""
        body = urlencode(fields, doseq=True).encode()
        cookie = {"Cookie": self.cookie} if self.cookie else {}
        answer = self.request("POST", path, body, Content_Type=FORM, **cookie, **headers)
        self._keep_cookie(answer)
        return answer

    def write(self, action: str = "publish", **fields: Any) -> str:
        """Write a new article; the path of its form."""
        page = self.opened("/editor/new").page
        path = page.xpath("//main//form/@action")[0]
        typed = {"title": "A title", "category": "health", "body": "A text."} | fields
        answer = self.post(path, typed | {"action": action}, page="/editor/new")
        assert answer.status == 303, answer.text
        return path

    def edit(self, path: str, action: str = "update", **fields: Any) -> Answer:
        """Open a stored article's form, change some fields, press a button."""
        typed = form_as_browser(self.opened(path))
        return self.post(path, typed | fields | {"action": action}, page=path)

    def opened(self, path: str) -> Answer:
        """A form; where the session ended by the clock that a test has set, in a new one."""
        answer = self.browse(path)
        if answer.status == 303 and "/sign-in" in answer.headers["location"]:
            self.sign_in()
            answer = self.browse(path)
        return answer

    def _keep_cookie(self, answer: Answer) -> None:
        cookie = answer.headers.get("set-cookie", "")
        if cookie.startswith("feedsvc_session="):
            self.cookie = cookie.split(";")[0]
