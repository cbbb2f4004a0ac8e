"""Both servers, each a process tree of its own on the server's core."""

from __future__ import annotations

import grp
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
START_SECONDS = 20
STOP_SECONDS = 10

FEEDSVC_CONFIG = """
[site]
title = "The Example"
language = "en"
timezone = "Europe/Rome"
author = "The editors"
url = "http://news.example.org"

[server]
host = "{host}"
port = {port}
workers = {workers}
full_polls_per_hour = 0
front = "{front}"

[storage]
url = "sqlite:///{folder}/feedsvc.db"

[[categories]]
slug = "health"
name = "Health"
"""

# The settings that help nginx most are on: files stay open, connections stay.
NGINX_CONFIG = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
{user}
events {{ worker_connections 256; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  open_file_cache max=16 inactive=600s;
  open_file_cache_valid 600s;
  open_file_cache_min_uses 1;
  client_body_temp_path {folder}/nginx-body;
  proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi;
  uwsgi_temp_path {folder}/nginx-uwsgi;
  scgi_temp_path {folder}/nginx-scgi;
  types {{ }}
  default_type "application/rss+xml; charset=utf-8";
  server {{
    listen {host}:{port};
    root {folder}/files;
    etag on;
    gzip_static on;
    gzip_vary on;
    add_header Cache-Control "public, max-age=300";
    add_header Access-Control-Allow-Origin "*";
    add_header X-Content-Type-Options nosniff;
  }}
}}
"""


class BenchmarkFault(Exception):
    """Nothing was measured, or what was measured is not what was meant."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, read whole; its headers' names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers.

    :param session: the number of its process group, which is its first process's.
    """

    name: str
    port: int
    log: Path
    session: int

    def processor_seconds(self) -> float:
        """What all its processes have used."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                # Behind the name, which may hold anything; proc(5) counts from 1.
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[3]) == self.session:
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def get(self, path: str, headers: Mapping[str, str]) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        try:
            connection.request("GET", path, headers=dict(headers))
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()


@contextmanager
def feedsvc(
    folder: Path,
    core: int,
    articles: Sequence[Path],
    *,
    workers: int = 1,
    front: str = "protocol",
) -> Iterator[RunningServer]:
    """``feedsvc serve`` with these articles; ended on leaving.

    A second one in the same folder serves the same bytes.
    """
    port = _free_port()
    words = command(write_config(folder, port, workers=workers, front=front))
    done = subprocess.run(
        [*words, "import", *map(str, articles)] if articles else [*words, "migrate"],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise BenchmarkFault(f"the articles were not imported:\n{done.stderr}")
    name = "feedsvc" if front == "protocol" else f"feedsvc {front}"
    with _running([*words, "serve"], name, folder / f"{front}.log", core, port, "/healthz") as one:
        yield one


@contextmanager
def serving(folder: Path, core: int, path: str) -> Iterator[RunningServer]:
    """``feedsvc serve`` with the database in ``folder``, as soon as it answers ``path``."""
    port = _free_port()
    words = command(write_config(folder, port))
    with _running([*words, "serve"], "feedsvc", folder / "feedsvc.log", core, port, path) as server:
        yield server


def write_config(folder: Path, port: int, *, workers: int = 1, front: str = "protocol") -> Path:
    """A configuration that keeps everything in ``folder``."""
    config = folder / f"{front}.toml"
    text = FEEDSVC_CONFIG.format(host=HOST, port=port, folder=folder, workers=workers, front=front)
    config.write_text(text, "utf-8")
    return config


def command(config: Path) -> list[str]:
    """What every command of feedsvc begins with."""
    return [sys.executable, "-m", "feedsvc", "--config", str(config)]


@contextmanager
def nginx(
    folder: Path, core: int, path: str, plain: bytes, packed: bytes
) -> Iterator[RunningServer]:
    """nginx with one worker and these two files behind ``path``; ended on leaving."""
    file = folder / "files" / path.removeprefix("/")
    file.parent.mkdir(parents=True)
    file.write_bytes(plain)
    file.with_name(file.name + ".gz").write_bytes(packed)
    # Started by root, its worker would become somebody who may not read the folder.
    user = f"user root {grp.getgrgid(os.getegid()).gr_name};" if os.geteuid() == 0 else ""
    port, log = _free_port(), folder / "nginx.log"
    config = folder / "nginx.conf"
    config.write_text(NGINX_CONFIG.format(host=HOST, port=port, folder=folder, user=user), "utf-8")
    command = ["nginx", "-p", str(folder), "-e", str(log), "-c", str(config)]
    with _running(command, "nginx", log, core, port, path) as server:
        yield server


def invitation(server: RunningServer) -> str:
    """The path of the one-time link that the service printed when it started."""
    found = re.search(r"http://\S+?(/editor/welcome/\S+)", server.log.read_text("utf-8"))
    if found is None:
        raise BenchmarkFault(f"{server.name} printed no one-time link")
    return found[1]


@contextmanager
def _running(
    command: Sequence[str], name: str, log: Path, core: int, port: int, path: str
) -> Iterator[RunningServer]:
    with log.open("ab") as file:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            cwd=log.parent,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    server = RunningServer(name, port, log, process.pid)
    try:
        _await(process, server, path)
        yield server
    finally:
        _end(process)


def _await(process: subprocess.Popen[bytes], server: RunningServer, path: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):
            if server.get(path, {}).status == 200:
                return
        time.sleep(0.01)
    log = server.log.read_text("utf-8", errors="replace")
    raise BenchmarkFault(f"{server.name} did not start:\n{log}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end; then end what is left of its process group."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _environment() -> dict[str, str]:
    """This process's, without settings meant for another feedsvc."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FEEDSVC_")}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
