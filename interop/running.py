"""Running the readers: which are here, and what each prints of the feeds."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interop.comparing import Reader

ROOT = Path(__file__).parents[1]
_BUILD = ROOT / "build" / "interop"
_JARS = ("rome", "rome-utils", "jdom2", "slf4j-api", "slf4j-nop")
_LONGEST_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Fetched:
    """A feed as it was fetched: its format, its address on this machine, its bytes in a file."""

    name: str
    format: str
    url: str
    file: Path


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader printed: entries, or an error, by the address of a feed."""

    version: str
    seen: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def missing_packages(readers: Sequence[Reader]) -> dict[str, list[str]]:
    """Reader -> packages of Debian that it needs and that are not installed."""
    wanted = sorted({package for reader in readers for package in reader.needs})
    installed: set[str] = set()
    if shutil.which("dpkg-query"):
        said = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *wanted]
        lines = subprocess.run(said, capture_output=True, text=True, check=False).stdout
        pairs = [line.split() for line in lines.splitlines()]
        installed = {name for name, status in pairs if status == "installed"}
    if shutil.which("javac"):  # whosever it is
        installed.add("default-jdk-headless")
    return {
        reader.name: absent
        for reader in readers
        if (absent := [one for one in reader.needs if one not in installed])
    }


def build() -> None:
    """Compile the program that asks KDE's library."""
    source = ROOT / "interop" / "debian"
    for command in (["cmake", "-S", source, "-B", _BUILD], ["cmake", "--build", _BUILD]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{done.stdout}\n{done.stderr}")


def ask(reader: Reader, feeds: Sequence[Fetched]) -> Answer:
    """Run its adapter over those of the feeds that are in a format it reads."""
    rest = [
        part
        for feed in feeds
        if feed.format in reader.reads
        for part in (feed.format, feed.url, str(feed.file))
    ]
    done = subprocess.run(
        [*_filled(reader.run), *rest],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=_LONGEST_SECONDS,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.split("\n") if line.startswith("{")]
    if done.returncode or not lines:
        raise RuntimeError(f"{reader.name}: exit {done.returncode}\n{done.stderr}")
    answer = Answer(lines[0]["version"])
    for line in lines[1:]:
        if "error" in line:
            answer.errors[line["feed"]] = line["error"]
        else:
            answer.seen.setdefault(line["feed"], []).append(line["entry"])
    return answer


def _filled(run: Sequence[str]) -> list[str]:
    jars = [Path("/usr/share/java") / f"{name}.jar" for name in _JARS]
    values = {
        "python": sys.executable,
        "node": "node",
        "rome": ":".join(map(str, jars)),
        "rome_version": _rome_version(),
    }
    return [part.format(**values) for part in run]


def _rome_version() -> str:
    """As its jar's name has it; another of the same jar has none."""
    names = sorted(Path("/usr/share/java").glob("rome-[0-9]*.jar"))
    return names[-1].stem.removeprefix("rome-") if names else ""
