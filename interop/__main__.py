"""Write articles in a real service, fetch its feeds, let every reader read them, and compare.

    make interop
    python -m interop [READER ...]

Exit status 1 where a cell disagrees and faults.toml does not name it as the reader's own.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from subprocess import TimeoutExpired

from interop.articles import FEEDS, truths, write_all
from interop.comparing import Fault, Finding, Reader, compare, load_faults, load_readers
from interop.running import ROOT, Fetched, ask, build, missing_packages
from interop.subscriptions import PATH, compare_subscriptions
from interop.table import Row, show
from tests.service import Service

# As readers see it from afar; some refuse links to a machine of their own.
SITE_URL = "http://news.example.org"


def main(names: Sequence[str]) -> int:
    """Print the table; the exit status."""
    readers = [one for one in load_readers() if not names or one.name in names]
    missing = missing_packages(readers)
    if not (ROOT / "interop" / "node" / "node_modules").exists() or not shutil.which("node"):
        npm = {one.name: ["nodejs", "npm"] for one in readers if one.origin == "npm"}
        missing |= npm
    faults = load_faults()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="feedsvc-interop-") as name:
        folder = Path(name)
        environment = {"FEEDSVC_SITE_URL": SITE_URL}
        database = f"sqlite:///{folder}/feedsvc.db"
        with Service(folder, database, environment=environment) as service:
            service.start()
            service.sign_up()
            ids = write_all(service)
            feeds = _fetch(service, folder)
            for reader in readers:
                if reader.name in missing:
                    continue
                print(f"{reader.name} …", file=sys.stderr, flush=True)
                if "opml" in reader.reads:
                    rows += _subscriptions(reader, service, folder)
                else:
                    rows += _rows(reader, feeds, ids)
    is_true = show(rows, faults if not names else _of(faults, names), missing)
    return 0 if is_true else 1


def _of(faults: Sequence[Fault], names: Sequence[str]) -> list[Fault]:
    return [fault for fault in faults if set(fault.readers) & set(names)]


def _fetch(service: Service, folder: Path) -> list[Fetched]:
    found = []
    for name in FEEDS:
        for format in ("rss", "atom", "json"):
            path = f"/feeds/{name}.{format}"
            answer = service.get(path)
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer.status}")
            file = folder / f"{name.replace('/', '-')}.{format}"
            file.write_bytes(answer.body)
            url = f"http://127.0.0.1:{service.port}{path}"
            found.append(Fetched(name, format, url, file))
    return found


def _rows(reader: Reader, feeds: Sequence[Fetched], ids: dict[str, str]) -> list[Row]:
    """A row for each format that it reads, over all the feeds in it."""
    try:
        if reader.name == "KDE Syndication":
            build()
        answer = ask(reader, feeds)
    except (RuntimeError, TimeoutExpired) as error:
        # One that breaks off has read nothing; the others go on.
        return [
            Row(
                reader,
                "",
                format,
                tuple(Finding(reader.name, format, field, "", str(error), "") for field in fields),
            )
            for format, fields in reader.reads.items()
        ]
    rows = []
    for format in reader.reads:
        findings: list[Finding] = []
        for feed in feeds:
            if feed.format != format:
                continue
            if error := answer.errors.get(feed.url):
                findings.append(Finding(reader.name, format, "title", feed.name, error, "a feed"))
                continue
            owed = truths(ids, SITE_URL, format, FEEDS[feed.name])
            findings += compare(reader, format, owed, answer.seen.get(feed.url, []))
        rows.append(Row(reader, answer.version, format, tuple(findings)))
    return rows


def _subscriptions(reader: Reader, service: Service, folder: Path) -> list[Row]:
    answer = service.get(PATH)
    if answer.status == 404:
        return []
    file = folder / "feeds.opml"
    file.write_bytes(answer.body)
    url = f"http://127.0.0.1:{service.port}{PATH}"
    told = ask(reader, [Fetched("feeds", "opml", url, file)])
    seen = told.seen.get(url, [])
    links = [str(one["link"]) for one in seen if str(one["link"]).startswith(SITE_URL)]
    answering = [one for one in links if service.get(one.removeprefix(SITE_URL)).status == 200]
    findings = compare_subscriptions(reader.name, seen, SITE_URL, answering)
    return [Row(reader, told.version, "opml", tuple(findings))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
