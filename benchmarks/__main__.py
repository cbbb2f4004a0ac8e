"""Run every benchmark once and print one table."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NoReturn

from benchmarks import (
    articles,
    isolation,
    polls,
    proxied,
    publishing,
    rendering,
    scale,
    scheduling,
)
from benchmarks.servers import BenchmarkFault, django, feedsvc, nginx

# Where each program comes from on Debian.
PACKAGES = {"nginx": "nginx", "wrk": "wrk", "taskset": "util-linux"}
FEED = f"/feeds/{articles.CATEGORY}.rss"
SYNCS = 20


def main() -> int:
    """Measure and print; 2 where something that is needed is missing."""
    # nginx is often where only root's PATH leads.
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if missing:
        print(f"The benchmarks need {', '.join(missing)}; Debian: apt install {' '.join(missing)}")
        return 2
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        print("The benchmarks need two cores, one for the server and one for the client.")
        return 2
    signal.signal(signal.SIGTERM, _on_terminate)
    server_core, client_core = cores[0], cores[-1]
    try:
        with tempfile.TemporaryDirectory(prefix="feedsvc-bench-") as folder:
            _run(Path(folder), server_core, client_core)
    except BenchmarkFault as fault:
        print(f"benchmarks: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _on_terminate(*_: object) -> NoReturn:
    """Leave as from an error, so that every process and file is taken away."""
    raise SystemExit(143)


def _run(folder: Path, server_core: int, client_core: int) -> None:
    os.sched_setaffinity(0, {client_core})
    sync = _sync_milliseconds(folder)
    with (
        feedsvc(folder, server_core, articles.write_files(folder)) as ours,
        # Before another service on the same database prints another link.
        publishing.signed_up(ours) as browser,
    ):
        plain = ours.get(FEED, {}).body
        packed = ours.get(FEED, {"Accept-Encoding": "gzip"}).body
        _check_feed(plain)
        bodies = {"identity": plain, "gzip": packed}
        with (
            feedsvc(folder, server_core, [], front="wsgi") as by_wsgi,
            nginx(folder, server_core, FEED, plain, packed) as theirs,
        ):
            lines = polls.measure([ours, by_wsgi, theirs], FEED, bodies, client_core, folder)
        _print_polls(lines, len(plain), len(packed))
        with django(folder, server_core, FEED) as framework:
            beside = polls.measure([ours, framework], FEED, bodies, client_core, folder, polls.BOTH)
        _print_beside(beside)
        # It was idle for minutes, so the service has ended its connection.
        browser.connection.close()
        publishes = publishing.measure(browser, FEED)
        _print_publishes(publishes, len(ours.get(FEED, {}).body))
        for wait in isolation.measure(ours, FEED, browser):
            print(
                f"A poll beside {wait.beside}: median {wait.median:.2f} ms,"
                f" 99 % below {wait.most:.2f} ms, worst {wait.worst:.1f} ms",
                flush=True,
            )
    late = scheduling.measure(folder / "scheduling", server_core)
    print(
        f"\nDue to visible in all of {scheduling.WORKERS} workers, {len(late)} articles while"
        f" {scheduling.WAITING:,} wait: median {median(late):.0f} ms, worst {max(late):.0f} ms",
        flush=True,
    )
    print(rendering.show(rendering.measure()), flush=True)
    print(proxied.show(proxied.measure(folder / "proxied", server_core, client_core)), flush=True)
    scale.show(scale.measure(server_core))
    _print_machine(server_core, client_core, sync)


def _check_feed(plain: bytes) -> None:
    found = plain.count(b"<item>")
    if found != articles.COUNT:
        raise BenchmarkFault(f"the feed has {found} articles instead of {articles.COUNT}")


def _print_polls(lines: Sequence[polls.Line], plain: int, packed: int) -> None:
    print(
        f"Polls of one feed, {articles.COUNT} articles, {plain} bytes, {packed} as gzip;"
        f" medians of {polls.ROUNDS} rounds; requests a second, their ratio to nginx's,"
        f" and the server's microseconds for one\n"
    )
    for line in lines:
        theirs = line.medians["nginx"]
        for name, ours in line.medians.items():
            low, high = line.spreads[name]
            print(
                f"{line.kind:<26}{name:<14}{ours.rate:>9.0f}/s{ours.rate / theirs.rate:>7.2f}"
                f"{ours.cost:>8.1f} µs   {low:.0f} to {high:.0f}, client {ours.busy:.0%} busy"
            )
        print()


def _print_beside(lines: Sequence[polls.Line]) -> None:
    for line in lines:
        rates = {name: figures.rate for name, figures in line.medians.items()}
        print(
            f"{line.kind:<26}{rates['feedsvc']:.0f}/s, Django's syndication"
            f" {rates['django']:.0f}/s: {rates['feedsvc'] / rates['django']:.1f} times",
            flush=True,
        )


def _print_publishes(publishes: Sequence[publishing.Publish], after: int) -> None:
    answered = [one.answered for one in publishes]
    visible = [one.visible for one in publishes]
    print(
        f"\nPublish, {len(publishes)} times:"
        f" POST median {median(answered):.1f} ms, worst {max(answered):.1f} ms;"
        f" POST to visible median {median(visible):.1f} ms, worst {max(visible):.1f} ms"
        f" (feed of {after} bytes at the end)"
    )


def _print_machine(server_core: int, client_core: int, sync: float) -> None:
    print(
        f"\nMachine: {os.cpu_count()} cores, {platform.machine()}; servers on core {server_core},"
        f" client on core {client_core};"
        f" Python {platform.python_version()}; fsync in the temporary folder {sync:.2f} ms"
    )


def _sync_milliseconds(folder: Path) -> float:
    """The median time of making 4 kB durable where the database will be."""
    times = []
    path = folder / "sync"
    with path.open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            begun = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            times.append((time.perf_counter() - begun) * 1000)
    path.unlink()
    return median(times)


if __name__ == "__main__":
    sys.exit(main())
