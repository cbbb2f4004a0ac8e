"""rss2email as a program: it fetches the feeds by itself, and its letters say what it saw.

python3 read_rss2email.py FORMAT URL FILE ...
"""

from __future__ import annotations

import json
import mailbox
import re
import subprocess
import sys
import tempfile
from datetime import UTC
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from html import unescape
from pathlib import Path

# Its letters as Maildir, whole, in HTML, of the author and the hour of the entry.
_CONFIG = """
[DEFAULT]
from = feeds@example.org
to = reader@example.org
email-protocol = maildir
maildir-path = {folder}/mail
maildir-mailbox = inbox
use-publisher-email = False
name-format = {{author}}
date-header = True
date-header-order = {order}
html-mail = True
multipart-html = False
[feed.one]
url = {url}
"""
_BODY = re.compile(r'<div id="body">\n(.*)</div>\n<div class="footer">', re.DOTALL)
_ENCLOSURE = re.compile('<p>Enclosure: <a href="([^"]*)">')


def main() -> None:
    """Read what the arguments name."""
    said = subprocess.run(["r2e", "--full-version"], capture_output=True, text=True, check=True)
    found = re.search("rss2email ([0-9.]+)", said.stdout)
    print(json.dumps({"version": found[1] if found else said.stdout.strip()}))
    for url in sys.argv[2::3]:
        updated = _letters(url, "modified, issued")
        for id, entry in _letters(url, "issued, modified").items():
            entry["updated"] = updated[id]["published"]
            print(json.dumps({"feed": url, "entry": entry}))


def _letters(url: str, order: str) -> dict[str, dict[str, object]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "config"
        config.write_text(_CONFIG.format(folder=folder, url=url, order=order))
        for part in ("cur", "new", "tmp"):
            (folder / "mail" / "inbox" / part).mkdir(parents=True)
        files = ["-c", str(config), "-d", str(folder / "data")]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["r2e", *files, "run"], check=True, timeout=60, **quiet)
        letters = [
            message_from_bytes(one.as_bytes(), policy=policy.default)
            for one in mailbox.Maildir(folder / "mail" / "inbox")
        ]
    return {str(letter["X-RSS-ID"]): _entry(letter) for letter in letters}


def _entry(letter: EmailMessage) -> dict[str, object]:
    html = letter.get_content()
    body = _BODY.search(html)
    tags = letter["X-RSS-TAGS"]
    # Its dates are in UTC with the -0000 of RFC 5322, which Python takes for no zone at all.
    sent = parsedate_to_datetime(letter["Date"]).replace(tzinfo=UTC)
    return {
        "title": letter["Subject"],
        "id": letter["X-RSS-ID"],
        "link": letter["X-RSS-URL"],
        "published": sent.isoformat(),
        "author": letter["From"].addresses[0].display_name,
        "categories": tags.split(",") if tags else [],
        "content": body[1] if body else html,
        "enclosure": [[unescape(one), None, None] for one in _ENCLOSURE.findall(html)],
    }


if __name__ == "__main__":
    main()
