"""Polls a second of feedsvc behind the nginx of deploy/, and of nginx with the bytes as files.

Alone: ``python -m benchmarks.proxied``. Both nginx have one worker on the same core and are
asked in turns; feedsvc itself, which is asked once in five minutes, stands on that core too.
"""

from __future__ import annotations

import grp
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import articles
from benchmarks.servers import HOST, BenchmarkFault, feedsvc, nginx
from tests.proxies import Through, nginx_text

FEED = f"/feeds/{articles.CATEGORY}.rss"
# What is to be reached of plain nginx.
TARGET = 0.95
ROUNDS = 5
ROUND_SECONDS = 2
CONNECTIONS = 16
START_SECONDS = 20

# As benchmarks.servers has it for the files: one worker, connections and files stay open.
MAIN = """
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
  client_body_temp_path {folder}/nginx-body;
  proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi;
  uwsgi_temp_path {folder}/nginx-uwsgi;
  scgi_temp_path {folder}/nginx-scgi;
  include {folder}/feedsvc.conf;
}}
"""

REPORT_SCRIPT = """
done = function(summary, latency, requests)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format("\\nfigures %d %d %d\\n", summary.requests, summary.duration, failed))
end
"""


@dataclass(frozen=True, slots=True)
class Line:
    """Medians of requests a second for one kind of poll, and of the rounds' ratios."""

    kind: str
    proxied: float
    plain: float
    ratio: float


def measure(folder: Path, server_core: int, client_core: int) -> list[Line]:
    """A 304 and a gzip response, from both, in turns.

    :raises BenchmarkFault: what is measured is not what was meant.
    """
    folder.mkdir(exist_ok=True)
    script = folder / "report.lua"
    script.write_text(REPORT_SCRIPT, "utf-8")
    with feedsvc(folder, server_core, articles.write_files(folder)) as ours:
        body = ours.get(FEED, {}).body
        packed = ours.get(FEED, {"Accept-Encoding": "gzip"}).body
        with (
            nginx(folder, server_core, FEED, body, packed) as plain,
            _proxy(folder / "proxied", server_core, ours.port) as port,
        ):
            ports = {"proxied": port, "plain": plain.port}
            return [
                _line(kind, ports, packed, client_core, script) for kind in ("304", "200, gzip")
            ]


def _line(kind: str, ports: Mapping[str, int], packed: bytes, core: int, script: Path) -> Line:
    asked = {name: _headers(kind, port, packed) for name, port in ports.items()}
    found: dict[str, list[float]] = {name: [] for name in ports}
    for number in range(ROUNDS + 1):
        # Every other round backwards, so that neither is always the first.
        for name in ports if number % 2 else reversed(ports):
            found[name].append(_rate(ports[name], asked[name], core, script))
    rates = {name: all[1:] for name, all in found.items()}  # the first was to warm up
    ratios = [ours / theirs for ours, theirs in zip(rates["proxied"], rates["plain"], strict=True)]
    return Line(kind, median(rates["proxied"]), median(rates["plain"]), median(ratios))


def _headers(kind: str, port: int, packed: bytes) -> dict[str, str]:
    """What to ask with; asked once by hand, and the response looked at."""
    reader = Through(port)
    asked = {"Accept-Encoding": "gzip"}
    first = reader.get(FEED, **asked)
    if (first.status, first.body) != (200, packed):
        raise BenchmarkFault(f"port {port} does not send the bytes that were stored")
    if kind == "304":
        asked["If-None-Match"] = first.headers["etag"]
        if reader.get(FEED, **asked).status != 304:
            raise BenchmarkFault(f"port {port} does not answer 304")
    return asked


def _rate(port: int, headers: Mapping[str, str], core: int, script: Path) -> float:
    """Requests a second, none of which failed."""
    given = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    done = subprocess.run(
        [
            *("taskset", "-c", str(core), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{ROUND_SECONDS}s"),
            *("-s", str(script), *given, f"http://{HOST}:{port}{FEED}"),
        ],
        capture_output=True,
        text=True,
        timeout=ROUND_SECONDS + 20,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("figures ")]
    if done.returncode or not lines:
        raise BenchmarkFault(f"wrk failed:\n{done.stdout}{done.stderr}")
    requests, microseconds, failed = map(int, lines[-1].split()[1:])
    if failed or not requests:
        raise BenchmarkFault(f"{failed} of {requests} requests failed")
    return requests / microseconds * 1e6


@contextmanager
def _proxy(folder: Path, core: int, upstream: int) -> Iterator[int]:
    """nginx with deploy/nginx.conf in front of that port; its own port."""
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    user = f"user root {grp.getgrgid(os.getegid()).gr_name};" if os.geteuid() == 0 else ""
    (folder / "feedsvc.conf").write_text(nginx_text(folder, port, upstream), "utf-8")
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user), "utf-8")
    log = folder / "nginx.log"
    process = subprocess.Popen(
        [
            *("taskset", "-c", str(core), "nginx", "-p", str(folder), "-e", str(log)),
            *("-c", str(folder / "nginx.conf")),
        ],
        stdin=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchmarkFault(f"nginx did not start:\n{log.read_text()}")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    with suppress(OSError):
        return Through(port).get(FEED).status == 200
    return False


def show(lines: Sequence[Line]) -> str:
    """The lines of the table."""
    return "\n".join(
        f"with nginx in front, {line.kind}: {line.proxied:.0f}/s; plain nginx serving the same"
        f" bytes: {line.plain:.0f}/s; ratio {line.ratio:.2f} (target {TARGET})"
        for line in lines
    )


def main() -> int:
    """Measure and print; 2 where something that is needed is missing."""
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    missing = [one for one in ("nginx", "wrk", "taskset") if not shutil.which(one)]
    cores = sorted(os.sched_getaffinity(0))
    if missing or len(cores) < 2:
        print(f"Needed: two cores and {', '.join(missing) or 'nothing else'}.")
        return 2
    try:
        with tempfile.TemporaryDirectory(prefix="feedsvc-bench-") as folder:
            print(show(measure(Path(folder), cores[0], cores[-1])))
    except BenchmarkFault as fault:
        print(f"benchmarks: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
