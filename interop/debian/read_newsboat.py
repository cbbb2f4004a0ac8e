"""newsboat as a program: it fetches the feeds by itself, and its cache says what it saw.

python3 read_newsboat.py FORMAT URL FILE ...
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_ASKED = (
    "SELECT title, guid, url, pubDate, author, content, enclosure_url, enclosure_type"
    " FROM rss_item WHERE feedurl = ?"
)


def main() -> None:
    """Read what the arguments name."""
    said = subprocess.run(["newsboat", "-v"], capture_output=True, text=True, check=True)
    print(json.dumps({"version": said.stdout.split("\n", 1)[0].split()[1]}))
    # It keeps an entry of several feeds once, with the feed that it came from last: each alone.
    for address in sys.argv[2::3]:
        for row in _cached(address):
            title, guid, url, instant, author, content, enclosure, media_type = row
            entry = {
                "title": title,
                "id": guid,
                "link": url,
                "published": datetime.fromtimestamp(instant, UTC).isoformat(),
                "author": author,
                "content": content,
                "enclosure": [[enclosure, media_type, None]] if enclosure else [],
            }
            print(json.dumps({"feed": address, "entry": entry}))


def _cached(address: str) -> list[tuple[Any, ...]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "url").write_text(f"{address}\n")
        (folder / "config").write_text("")
        files = [f"--{what}-file={folder / what}" for what in ("url", "cache", "config")]
        subprocess.run(["newsboat", *files, "--execute", "reload"], check=True, timeout=60)
        with closing(sqlite3.connect(folder / "cache")) as cache:
            return cache.execute(_ASKED, (address,)).fetchall()


if __name__ == "__main__":
    main()
