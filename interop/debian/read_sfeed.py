"""sfeed as a program that prints what sfeed(5) says of each line.

    python3 read_sfeed.py FORMAT URL FILE ...

It keeps one instant, the first author, and the address of the first enclosure.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from html import escape
from pathlib import Path

_ESCAPED = re.compile(r"\\(.)")


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda found: {"t": "\t", "n": "\n"}.get(found[1], found[1]), text)


def main() -> None:
    """Read what the arguments name."""
    said = ["dpkg-query", "-W", "-f", "${Version}", "sfeed"]
    version = subprocess.run(said, capture_output=True, text=True, check=True).stdout
    print(json.dumps({"version": version}))
    for _format, url, file in zip(*[iter(sys.argv[1:])] * 3, strict=True):
        document = Path(file).read_bytes()
        lines = subprocess.run(["sfeed", url], input=document, capture_output=True, check=True)
        for line in lines.stdout.decode().splitlines():
            instant, title, link, content, kind, id, author, enclosure, category = line.split("\t")
            content = _plain(content)
            entry = {
                "title": title,
                "id": id,
                "link": link,
                "published": datetime.fromtimestamp(int(instant), UTC).isoformat(),
                "author": author,
                "categories": category.split("|"),
                "content": content if kind == "html" else escape(content),
                "enclosure": [[enclosure, None, None]] if enclosure else [],
            }
            print(json.dumps({"feed": url, "entry": entry}))


if __name__ == "__main__":
    main()
