"""Polls a second: feedsvc and nginx in turns, never both under load at once."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.servers import HOST, Answer, BenchmarkFault, RunningServer

ROUNDS = 5
ROUND_SECONDS = 2
WARM_UP_SECONDS = 1
# A port that a closed connection had is taken for a while: not for long at a time.
FRESH_ROUND_SECONDS = 1
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

# More heads than any server remembers, each unlike the others, written before the clock
# runs.
VARYING_SCRIPT = """
local heads, number = {}, 0
init = function(args)
  for i = 1, 20000 do
    wrk.headers["User-Agent"] = "reader/" .. i
    heads[i] = wrk.format()
  end
end
request = function()
  number = number % #heads + 1
  return heads[number]
end
"""


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of poll and the response that it must get.

    :param coding: of the content; None: it names the ETag of the copy it has, for a 304.
    :param varies: every head differs from the others.
    """

    name: str
    connections: int
    coding: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: int = ROUND_SECONDS
    varies: bool = False


# What Django's syndication is measured by, too.
# (Its cache knows a response by the coding that was asked for, so both kinds name one.)
BOTH = (
    Kind("304, 16 clients", 16, None, {"Accept-Encoding": "identity"}),
    Kind("200, gzip", 16, "gzip"),
)
KINDS = (
    Kind("304, 1 client", 1),
    Kind("304, 16 clients", 16),
    Kind("304, 64 clients", 64),
    Kind("304, no two heads alike", 64, varies=True),
    Kind("304, new connections", 16, None, {"Connection": "close"}, FRESH_ROUND_SECONDS),
    Kind("200, gzip", 16, "gzip"),
    Kind("200, identity", 16, "identity"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A poll of one server, checked once by hand."""

    kind: Kind
    server: RunningServer
    path: str
    headers: tuple[tuple[str, str], ...]
    body_bytes: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one round: requests a second, how busy the client was, the server's microseconds."""

    rate: float
    busy: float
    cost: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: medians, and of the rates the smallest and the largest."""

    kind: str
    medians: Mapping[str, Figures]
    spreads: Mapping[str, tuple[float, float]]


def measure(
    servers: Sequence[RunningServer],
    path: str,
    bodies: Mapping[str, bytes],
    core: int,
    folder: Path,
    kinds: Sequence[Kind] = KINDS,
) -> list[Line]:
    """Every kind of poll on every server, in turns; medians.

    :param bodies: the feed in each coding, which all must send.
    :param core: the client's core.
    """
    plain, varying = folder / "report.lua", folder / "varying.lua"
    plain.write_text(REPORT_SCRIPT, "utf-8")
    varying.write_text(VARYING_SCRIPT + REPORT_SCRIPT, "utf-8")
    jobs = [prepare(kind, server, path, bodies) for kind in kinds for server in servers]
    scripts = {job: varying if job.kind.varies else plain for job in jobs}
    for job in jobs:
        run_wrk(job, WARM_UP_SECONDS, core, scripts[job])
    found: dict[tuple[str, str], list[Figures]] = {}
    for number in range(ROUNDS):
        # Every other round backwards, so that none is always the first.
        for job in jobs if number % 2 == 0 else reversed(jobs):
            figures = run_wrk(job, job.kind.seconds, core, scripts[job])
            found.setdefault((job.kind.name, job.server.name), []).append(figures)
    return [_line(kind.name, servers, found) for kind in kinds]


def _line(
    kind: str,
    servers: Sequence[RunningServer],
    found: Mapping[tuple[str, str], Sequence[Figures]],
) -> Line:
    rounds = {one.name: found[kind, one.name] for one in servers}
    return Line(
        kind=kind,
        medians={
            name: Figures(
                median(one.rate for one in all),
                median(one.busy for one in all),
                median(one.cost for one in all),
            )
            for name, all in rounds.items()
        },
        spreads={
            name: (min(one.rate for one in all), max(one.rate for one in all))
            for name, all in rounds.items()
        },
    )


def prepare(kind: Kind, server: RunningServer, path: str, bodies: Mapping[str, bytes]) -> Job:
    """Ask once and look at the response.

    :raises BenchmarkFault: it is not the one that is to be measured.
    """
    headers = dict(kind.headers)
    expected = b""
    if kind.coding is None:
        etag = server.get(path, headers).headers.get("etag")
        if not etag:
            raise BenchmarkFault(f"{server.name} sends no ETag")
        headers["If-None-Match"] = etag
    else:
        headers["Accept-Encoding"] = kind.coding
        # Of the same articles another framework makes another document.
        is_ours = server.name != "django"
        expected = bodies[kind.coding] if is_ours else server.get(path, headers).body
    fault = _fault(server.get(path, headers), kind, expected)
    if fault:
        raise BenchmarkFault(f"{server.name}, {kind.name}: {fault}")
    return Job(kind, server, path, tuple(headers.items()), len(expected))


def _fault(answer: Answer, kind: Kind, expected: bytes) -> str:
    status = 304 if kind.coding is None else 200
    if answer.status != status:
        return f"status {answer.status} instead of {status}"
    if kind.coding == "gzip" and answer.headers.get("content-encoding") != "gzip":
        return "the response is not compressed"
    if answer.body != expected:
        return f"a body of {len(answer.body)} bytes instead of the {len(expected)} expected"
    return ""


def run_wrk(job: Job, seconds: int, core: int, script: Path) -> Figures:
    """One round.

    :raises BenchmarkFault: requests failed, or got another response.
    """
    headers = [part for name, value in job.headers for part in ("-H", f"{name}: {value}")]
    address = f"http://{HOST}:{job.server.port}{job.path}"
    load = [f"-c{job.kind.connections}", f"-d{seconds}s", "-s", str(script), *headers, address]
    before, server_before = _child_seconds(), job.server.processor_seconds()
    done = subprocess.run(
        ["taskset", "-c", str(core), "wrk", "-t1", *load],
        capture_output=True,
        text=True,
        timeout=seconds + 20,
        check=False,
    )
    busy = _child_seconds() - before
    used = job.server.processor_seconds() - server_before
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
    return Figures(requests / elapsed, busy / elapsed, used * 1e6 / requests)


def _child_seconds() -> float:
    """Processor time of children that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
