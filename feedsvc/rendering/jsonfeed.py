"""JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/): a feed's frame, and its items.

Each item stands on a line of its own, and nothing else breaks a line: within JSON's strings
a line end is always escaped. So a document can be put together from items made once, and be
cut at them, without being parsed.
"""

from __future__ import annotations

import json
from typing import Any

VERSION = "https://jsonfeed.org/version/1.1"
JOINT = b",\n"
BEGIN = b'"items":[\n'
END = b"\n]}\n"


def frame(members: dict[str, Any]) -> tuple[bytes, bytes]:
    """What stands before and after the items.

    :param members: of the top level, but ``version`` and ``items``.
    """
    head = _object({"version": VERSION, **_present(members)})
    return head.removesuffix(b"}") + b"," + BEGIN, END


def item(members: dict[str, Any]) -> bytes:
    """One item as it stands in a document, in UTF-8; empty members are left out."""
    return _object(_present(members))


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value not in ("", None, [])}


def _object(members: dict[str, Any]) -> bytes:
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
    # Legal in JSON, but not in the scripts of before ES2019 that a page may read it with.
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode()
