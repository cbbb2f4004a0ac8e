"""Polls a second: feedsvc and nginx in turns, never both under load at once."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.servers import HOST, Answer, BenchmarkFault, RunningServer

ROUNDS = 5
ROUND_SECONDS = 2
WARM_UP_SECONDS = 1
CONNECTIONS = 16
# More than this beside the body, on average, is not the response that was meant.
LARGEST_HEAD_BYTES = 800

# Runs once at the end of a round; it costs the requests nothing.
REPORT_SCRIPT = """
done = function(summary, latency, requests)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format(
    "\\nfigures %d %d %d %d\\n", summary.requests, summary.bytes, summary.duration, failed))
end
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of poll and the response that it must get.

    :param conditional: whether it names the ETag of the copy it has.
    """

    name: str
    status: int
    conditional: bool
    headers: Mapping[str, str]


KINDS = (
    Kind("304, not changed", 304, True, {}),
    Kind("200, gzip", 200, False, {"Accept-Encoding": "gzip"}),
)


@dataclass(frozen=True, slots=True)
class Job:
    """A poll of one server, checked once by hand."""

    kind: Kind
    server: RunningServer
    path: str
    headers: Mapping[str, str]
    body_bytes: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: medians of requests a second, and of how busy the client was."""

    kind: str
    rates: Mapping[str, float]
    spreads: Mapping[str, tuple[float, float]]
    busy: Mapping[str, float]


def measure(
    servers: Sequence[RunningServer], path: str, packed: bytes, core: int, folder: Path
) -> list[Line]:
    """Every kind of poll on every server, in turns; medians.

    :param packed: the feed as gzip, which both must send.
    :param core: the client's core.
    """
    script = folder / "report.lua"
    script.write_text(REPORT_SCRIPT, "utf-8")
    jobs = [prepare(kind, server, path, packed) for kind in KINDS for server in servers]
    for job in jobs:
        run_wrk(job, WARM_UP_SECONDS, core, script)
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for number in range(ROUNDS):
        # Every other round backwards, so that neither is always the first.
        for job in jobs if number % 2 == 0 else reversed(jobs):
            figures = run_wrk(job, ROUND_SECONDS, core, script)
            found.setdefault((job.kind.name, job.server.name), []).append(figures)
    return [_line(kind.name, servers, found) for kind in KINDS]


def _line(
    kind: str,
    servers: Sequence[RunningServer],
    found: Mapping[tuple[str, str], Sequence[tuple[float, float]]],
) -> Line:
    rates = {one.name: [rate for rate, _ in found[kind, one.name]] for one in servers}
    return Line(
        kind=kind,
        rates={name: median(all) for name, all in rates.items()},
        spreads={name: (min(all), max(all)) for name, all in rates.items()},
        busy={one.name: median(busy for _, busy in found[kind, one.name]) for one in servers},
    )


def prepare(kind: Kind, server: RunningServer, path: str, packed: bytes) -> Job:
    """Ask once and look at the response.

    :raises BenchmarkFault: it is not the one that is to be measured.
    """
    headers = dict(kind.headers)
    if kind.conditional:
        etag = server.get(path, headers).headers.get("etag")
        if not etag:
            raise BenchmarkFault(f"{server.name} sends no ETag")
        headers["If-None-Match"] = etag
    answer = server.get(path, headers)
    expected = packed if kind.status == 200 else b""
    fault = _fault(answer, kind, expected)
    if fault:
        raise BenchmarkFault(f"{server.name}, {kind.name}: {fault}")
    return Job(kind, server, path, headers, len(expected))


def _fault(answer: Answer, kind: Kind, expected: bytes) -> str:
    if answer.status != kind.status:
        return f"status {answer.status} instead of {kind.status}"
    if kind.status == 200 and answer.headers.get("content-encoding") != "gzip":
        return "the response is not compressed"
    if answer.body != expected:
        return f"a body of {len(answer.body)} bytes instead of the {len(expected)} expected"
    return ""


def run_wrk(job: Job, seconds: int, core: int, script: Path) -> tuple[float, float]:
    """One round: requests a second, and the part of its time the client was busy.

    :raises BenchmarkFault: requests failed, or got another response.
    """
    headers = [part for name, value in job.headers.items() for part in ("-H", f"{name}: {value}")]
    address = f"http://{HOST}:{job.server.port}{job.path}"
    load = [f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), *headers, address]
    before = _child_seconds()
    done = subprocess.run(
        ["taskset", "-c", str(core), "wrk", "-t1", *load],
        capture_output=True,
        text=True,
        timeout=seconds + 20,
        check=False,
    )
    busy = _child_seconds() - before
    lines = [line for line in done.stdout.splitlines() if line.startswith("figures ")]
    if done.returncode or not lines:
        raise BenchmarkFault(f"wrk failed:\n{done.stdout}{done.stderr}")
    requests, received, microseconds, failed = map(int, lines[-1].split()[1:])
    beside = received / max(requests, 1) - job.body_bytes
    if failed or not requests or not 0 < beside < LARGEST_HEAD_BYTES:
        raise BenchmarkFault(
            f"{job.server.name}, {job.kind.name}: {failed} of {requests} requests failed,"
            f" {beside:.0f} bytes a response beside the body\n{done.stdout}"
        )
    elapsed = microseconds / 1e6
    return requests / elapsed, busy / elapsed


def _child_seconds() -> float:
    """Processor time of children that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
