"""nginx and Caddy as processes, configured by the very files in deploy/."""

from __future__ import annotations

import grp
import http.client
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.service import ROOT, Answer, Service

DEPLOY = ROOT / "deploy"
# nginx is often where only root's PATH leads.
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
NGINX = shutil.which("nginx", path=PATH)
CADDY = shutil.which("caddy", path=PATH)
HOST = "127.0.0.1"

# What surrounds the file from deploy/, as eager to compress as a distribution may have it.
NGINX_MAIN = """
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
{user}
events {{ worker_connections 512; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  gzip on;
  gzip_proxied any;
  gzip_types *;
  gzip_min_length 1;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  include {folder}/feedsvc.conf;
}}
"""


def substituted(file: str, changes: Mapping[str, str]) -> str:
    """The text of a file in deploy/ with parts of it changed, each of which must be there."""
    text = (DEPLOY / file).read_text("utf-8")
    for old, new in changes.items():
        assert old in text, f"{file} has no {old!r}"
        text = text.replace(old, new)
    return text


def nginx_text(folder: Path, port: int, upstream: int) -> str:
    """deploy/nginx.conf on a port of loopback, without TLS."""
    text = substituted(
        "nginx.conf",
        {
            "server 127.0.0.1:8000;": f"server {HOST}:{upstream};",
            "/var/cache/feedsvc": f"{folder}/cache",
            "listen 80;": f"listen unix:{folder}/redirect;",
            "listen [::]:80;": "",
            "listen 443 ssl http2;": f"listen {HOST}:{port};",
            "listen [::]:443 ssl http2;": "",
        },
    )
    return re.sub(r"(?m)^ *ssl_\w+ .*;$", "", text)


@contextmanager
def nginx(folder: Path, port: int, text: str) -> Iterator[None]:
    """nginx with this text inside its http { }; ended on leaving."""
    assert NGINX
    folder.mkdir(exist_ok=True)
    (folder / "feedsvc.conf").write_text(text, "utf-8")
    # Started by root, its workers would become somebody who may not enter the folder.
    user = f"user root {grp.getgrgid(os.getegid()).gr_name};" if os.geteuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(NGINX_MAIN.format(folder=folder, user=user), "utf-8")
    log = folder / "nginx.log"
    with _running([NGINX, "-p", str(folder), "-e", str(log), "-c", str(main)], log, port):
        yield


@contextmanager
def caddy(folder: Path, port: int, upstream: int) -> Iterator[None]:
    """deploy/Caddyfile on a port of loopback, without TLS; ended on leaving."""
    assert CADDY
    text = substituted(
        "Caddyfile",
        {
            "\nnews.example.org {": f"\n{{\n\tadmin off\n}}\nhttp://{HOST}:{port} {{",
            "reverse_proxy 127.0.0.1:8000": f"reverse_proxy {HOST}:{upstream}",
            "lb_try_duration 5s": "lb_try_duration 1500ms",
        },
    )
    folder.mkdir(exist_ok=True)
    config = folder / "Caddyfile"
    config.write_text(text, "utf-8")
    command = [CADDY, "run", "--config", str(config), "--adapter", "caddyfile"]
    home = {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    with _running(command, folder / "caddy.log", port, home):
        yield


@contextmanager
def _running(
    command: list[str], log: Path, port: int, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + 20
        while not _listens(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with suppress(OSError), closing(socket.create_connection((HOST, port), 1)):
        return True
    return False


class Through(Service):
    """A service that somebody else started, or a proxy, from an address of one's own."""

    def __init__(self, port: int, source: str = HOST) -> None:
        self.port = port
        self.source = source
        self.cookie = ""

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection(
            HOST, self.port, timeout=30, source_address=(self.source, 0)
        )
        try:
            # Refused before it is sent whole: the answer is there all the same.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(
                    method, path, body, {k.replace("_", "-"): v for k, v in headers.items()}
                )
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()


@dataclass
class Relay:
    """Passes bytes between a proxy and the service, and keeps the heads of the requests.

    :param delay: seconds by which each request is held up.
    """

    target: int
    delay: float = 0
    port: int = 0
    heads: list[str] = field(default_factory=list)
    _listener: socket.socket | None = None
    _open: set[socket.socket] = field(default_factory=set)

    def __enter__(self) -> Relay:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Listen, on the same port as before."""
        self._listener = socket.create_server((HOST, self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """As if the service were down: connections end, new ones are refused."""
        if self._listener is not None:
            # Closed alone, it would go on listening while a thread waits in accept().
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def take(self) -> list[str]:
        """The heads since the last time."""
        taken, self.heads = self.heads, []
        return taken

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection((HOST, self.target))
            except OSError:
                return
            self._open |= {near, far}
            threading.Thread(target=self._forth, args=(near, far), daemon=True).start()
            threading.Thread(target=self._back, args=(far, near), daemon=True).start()

    def _forth(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := near.recv(65536):
                # A proxy sends the next request when it has the answer, so a head begins
                # where data begins; a form's text does not look like one.
                if re.match(rb"[A-Z]+ /\S* HTTP/1\.1\r\n", data):
                    self.heads.append(data.split(b"\r\n\r\n")[0].decode("latin-1"))
                    time.sleep(self.delay)
                far.sendall(data)
        self._end(near, far)

    def _back(self, far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while data := far.recv(65536):
                near.sendall(data)
        self._end(near, far)

    def _end(self, *sockets: socket.socket) -> None:
        for one in sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
            self._open.discard(one)
