"""Markdown as read here: CommonMark, tables, strike-through, footnotes, TeX as typed."""

from __future__ import annotations

import re
from hashlib import sha256
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

from feedsvc.characters import is_right_to_left

# As Pandoc tells it from sums of money: no space within the dollars, no digit behind them. And
# it has to look like TeX, so that "US$ for *all* of A$" goes on being a text.
_TEX = re.compile(
    r"\$\$(?=[^$]*[\\^_{])(?:[^$\\]|\\.)+\$\$"
    r"|\$(?=[^\s$])(?=[^$\n]*[\\^_{])(?:[^$\\\n]|\\.)*(?<=\S)\$(?![0-9$])",
    re.DOTALL,
)
# Written so by whoever escapes what is Markdown's, or part of what stands across the dollars.
_NO_TEX = re.compile(r"\\[_*$]|\]\(|://|`|</?[A-Za-z]")


def _tex(state: StateInline, silent: bool) -> bool:
    """A formula between dollars is left as typed: Markdown would take its signs for emphasis."""
    found = _TEX.match(state.src, state.pos)
    if found is None or found.end() > state.posMax or _NO_TEX.search(found[0]):
        return False
    if not silent:
        state.push("text", "", 0).content = found[0]
    state.pos = found.end()
    return True


def _made() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    footnote_plugin(markdown, inline=False)
    # A line and a list, without the section around it, which no reader keeps.
    markdown.add_render_rule("footnote_block_open", lambda *_: "<hr>\n<ol>\n")
    markdown.add_render_rule("footnote_block_close", lambda *_: "</ol>\n")
    markdown.inline.ruler.before("escape", "tex", _tex)
    return markdown


_markdown = _made()


def parsed(markdown: str) -> list[Token]:
    """The tokens of a text."""
    tokens = _markdown.parse(markdown)
    for token in tokens:
        if token.type in ("th_open", "td_open"):
            _align(token)
    return tokens


def _align(cell: Token) -> None:
    """How a column stands, in the attribute that readers keep: they drop styles."""
    side = str(cell.attrs.pop("style", "")).partition("text-align:")[2]
    if side:
        cell.attrs["align"] = side


def turn(tokens: list[Token]) -> None:
    """Let blocks that run right to left say so, in a text that does not."""
    for block, inline in pairwise(tokens):
        if inline.type == "inline" and block.nesting == 1 and is_right_to_left(inline.content):
            block.attrSet("dir", "rtl")


def has_html(tokens: list[Token]) -> bool:
    """Whether there is HTML in the text itself, which may be broken in any way."""
    return any(
        token.type in ("html_block", "html_inline") or has_html(token.children or [])
        for token in tokens
    )


def written(tokens: list[Token], document: str) -> str:
    """HTML of the tokens, which no reader may get as it is.

    :param document: what tells the footnotes of one text from those of others on a page.
    """
    html: str = _markdown.renderer.render(tokens, _markdown.options, {"docId": document})
    return html


def document_id(address: str) -> str:
    """A short name for the text at ``address``, for ``written``."""
    return sha256(address.encode("utf-8", "replace")).hexdigest()[:6]
