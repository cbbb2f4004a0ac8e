"""What of a feed is new to a reader that has an earlier one (RFC 3229 with ``feed``).

The stored document is cut at its entries, not rendered again: the same bytes for those
that are new or changed, and the same feed around them.
"""

from __future__ import annotations

from dataclasses import dataclass

from feedsvc.model import Format
from feedsvc.rendering import jsonfeed

# An Atom entry of another language than its feed's says so in its start tag.
_TAGS = {Format.RSS: (b"<item>", b"</item>"), Format.ATOM: (b"<entry", b"</entry>")}


@dataclass(frozen=True, slots=True)
class Cut:
    """A document cut at its entries.

    :param before: the feed's own elements, tombstones among them.
    :param entries: each from its start tag to its end tag, in their order.
    :param joint: what stands between two of them.
    """

    before: bytes
    entries: tuple[bytes, ...]
    after: bytes
    joint: bytes = b""

    @property
    def marks(self) -> frozenset[int]:
        """What tells each entry's bytes from others', within this process."""
        return frozenset(map(hash, self.entries))

    def without(self, known: frozenset[int]) -> bytes:
        """The document with only those entries whose marks are not known."""
        new = [entry for entry in self.entries if hash(entry) not in known]
        return b"".join((self.before, self.joint.join(new), self.after))


def cut(document: bytes, format: Format) -> Cut:
    """Cut a document of ours (UTF-8, in one encoding: identity).

    Texts stand escaped in it and never as CDATA, so its tags are where they seem to be.
    """
    if format is Format.JSON:
        return _cut_json(document)
    begin, end = _TAGS[format]
    first, last = document.find(begin), document.rfind(end)
    if first < 0 or last < first:
        return Cut(document, (), b"")
    after = last + len(end)
    pieces = document[first:after].split(end)[:-1]
    return Cut(document[:first], tuple(piece + end for piece in pieces), document[after:])


def _cut_json(document: bytes) -> Cut:
    before, begin, rest = document.partition(jsonfeed.BEGIN)
    items = rest.removesuffix(jsonfeed.END)
    entries = tuple(items.split(jsonfeed.JOINT)) if items else ()
    return Cut(before + begin, entries, jsonfeed.END, jsonfeed.JOINT)
