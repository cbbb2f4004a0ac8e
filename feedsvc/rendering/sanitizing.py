"""HTML that somebody wrote as HTML that readers may get: what is listed here, and no more.

nh3 takes out the rest, and makes each address absolute. What is furniture of a page and no
part of an article goes with all that is in it.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from html import unescape

import nh3

from feedsvc.characters import writable
from feedsvc.rendering.addresses import is_for_sharing, without_tracking

_TEXT = "p br hr h2 h3 h4 h5 h6 ul ol li dl dt dd blockquote pre code em strong b i u s del ins"
_MORE = "a img figure figcaption table caption thead tbody tfoot tr th td sub sup small mark"
_WORDS = "abbr cite q kbd samp var time bdi bdo div span"
# MathML Core without annotations, in which any HTML may stand.
_MATHML = (
    "math mi mo mn ms mtext mspace mrow mfrac msqrt mroot msub msup msubsup munder mover"
    " munderover mmultiscripts mprescripts mtable mtr mtd mstyle mpadded mphantom merror"
)
_IN_FORMULAS = frozenset(_MATHML.split())
ALLOWED_TAGS = frozenset(" ".join((_TEXT, _MORE, _WORDS)).split()) | _IN_FORMULAS
# With all that is in them. What only groups a text stays as a div (GROUPING): a quotation's
# author stands in a footer, facts of an article in an aside.
# noscript tells people to switch scripts on, or counts them by a picture.
_PARTS = "script style nav button select option datalist textarea dialog template"
_STRANGE = "noscript iframe noframes noembed svg canvas annotation annotation-xml"
FURNITURE = frozenset(f"{_PARTS} {_STRANGE}".split())
# As nh3 wants them.
_TAGS, _FURNITURE = set(ALLOWED_TAGS), set(FURNITURE)
_ATTRIBUTES = {
    "*": {"dir", "lang"},
    "a": {"href", "title", "id"},
    "li": {"id"},
    "img": {"src", "alt", "title", "width", "height"},
    "ol": {"start", "reversed"},
    "th": {"colspan", "rowspan", "scope", "align"},
    "td": {"colspan", "rowspan", "align"},
    "abbr": {"title"},
    "time": {"datetime"},
    "math": {"display"},
    "mi": {"mathvariant"},
    "mo": {"form", "fence", "separator", "stretchy", "largeop", "movablelimits"},
    "mspace": {"width"},
    "mfrac": {"linethickness"},
    "munder": {"accentunder"},
    "mover": {"accent"},
    "munderover": {"accent", "accentunder"},
    "mtd": {"columnspan", "rowspan"},
}
# HTML's parser takes each of these as it takes a div. A form may be around a whole page.
_FLOW = "section article aside header footer main hgroup address details summary fieldset form"
GROUPING = frozenset(_FLOW.split())
_GROUPS = re.compile(rf"<(/?)(?:{'|'.join(sorted(GROUPING))})(?=[\s/>])", re.IGNORECASE)
_SCHEMES = {"http", "https", "mailto", "tel"}
_HALF_ADDRESS = re.compile(r"https?:(?!//[^/\\])", re.IGNORECASE)
_FOOTNOTE = re.compile(r"fn(?:ref)?-(?P<document>[0-9a-f]{6})-[0-9]+(?::[0-9]+)?")


def sanitized(html: str, base_url: str, document: str, *, is_raw: bool) -> str:
    """What of ``html`` may go out; relative addresses are taken from ``base_url``.

    :param document: as in ``markdown.written``; no ids but those of its footnotes stay.
    :param is_raw: whether any of it was typed as HTML.
    """
    html = writable(html)
    if is_raw:
        html = _GROUPS.sub(r"<\1div", _without_loose_ends(html))
    clean = _clean(html, base_url, document)
    # Taking elements out can bring together what a parser then takes apart in another way.
    # What it leaves as it is, it reads as it was meant (against mutation, and for validators).
    for _ in range(_MOST_ROUNDS if is_raw else 0):
        again = _clean(clean, base_url, document)
        if again == clean:
            break
        clean = again
    else:
        if is_raw:
            clean = nh3.clean_text(re.sub("<[^>]*>", " ", clean))
    # A reference such as &#1; is a control character only now.
    return _finished(writable(clean), is_raw=is_raw).strip()


_MOST_ROUNDS = 8
# Whose end a parser looks for as far as it takes, whatever stands before.
_TEXTS = frozenset({"script", "style"})
_MENU = re.compile(r"<(/?)menu(?=[\s/>])", re.IGNORECASE)
_LOOSE = re.compile(
    rf"<(?P<end>/?)(?P<name>title|{'|'.join(sorted(FURNITURE - _TEXTS))})(?=[\s/>])[^<>]*>",
    re.IGNORECASE,
)


def _without_loose_ends(html: str) -> str:
    """Without the tags of furniture that has no end: it would take the rest of the text along.

    Who writes of <button> means the word.
    """
    ends = Counter(tag["name"].lower() for tag in _LOOSE.finditer(html) if tag["end"])
    starts = Counter(tag["name"].lower() for tag in _LOOSE.finditer(html) if not tag["end"])
    loose = {name for name in starts | ends if starts[name] != ends[name]} | {"title"}
    html = _LOOSE.sub(lambda tag: "" if tag["name"].lower() in loose else tag[0], html)
    return _MENU.sub(r"<\1ul", html)


def _clean(html: str, base_url: str, document: str) -> str:
    clean = nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags=_FURNITURE,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel=None,
        url_relative=("rewrite_with_base", base_url),
        attribute_filter=partial(_kept, document),
    )
    return _with_plain_formulas(clean) if "<math" in clean else clean


def _with_plain_formulas(clean: str) -> str:
    """No HTML within MathML, where parsers go over from one to the other and back."""
    depth = 0

    def kept(tag: re.Match[str]) -> str:
        nonlocal depth
        is_within = depth > 0
        if tag["name"] == "math":
            depth += -1 if tag["end"] else 1
        return tag[0] if not is_within or tag["name"] in _IN_FORMULAS else ""

    return _TAG.sub(kept, clean)


def _kept(document: str, _tag: str, attribute: str, value: str) -> str | None:
    """Drop ids but of footnotes, and addresses such as ``http:page``, relative for browsers."""
    if attribute == "id":
        found = _FOOTNOTE.fullmatch(value)
        return value if found and found["document"] == document else None
    if attribute in ("href", "src"):
        return None if _HALF_ADDRESS.match(value.strip()) else without_tracking(value)
    return value


# As nh3 writes them: names in small letters, values in double quotes.
_ATTRIBUTE = r'(?: [a-z-]+="[^"]*")*'
_TAG = re.compile(f"<(?P<end>/?)(?P<name>[a-z][a-z0-9]*){_ATTRIBUTE}>")
_IMAGE = re.compile(f"<img({_ATTRIBUTE})>")
_LINK = re.compile(
    f'<a{_ATTRIBUTE} href="(?P<href>[^"]*)"{_ATTRIBUTE}>(?:(?!<a[ >]).)*?</a>', re.DOTALL
)
_SIDE = re.compile(r' (?:width|height)="\s*([0-9]+)')
# In a tag: a text may be about ids.
_ID = re.compile(rf'(?P<before><(?:a|li){_ATTRIBUTE})(?P<id> id="[^"]*")')
_OVERRIDE = re.compile(f"<(?P<end>/?)bdo(?P<attributes>{_ATTRIBUTE})>")
_EMPTIED = re.compile(r"<p></p>\n?")


def _finished(clean: str, *, is_raw: bool) -> str:
    """Without what counts readers or passes a page on; with each id once; without ``bdo``."""
    bare = _IMAGE.sub(_not_counting, clean) if "<img" in clean else clean
    bare = _unshared(_LINK.sub(_not_sharing, bare)) if "<a " in bare else bare
    if bare != clean or is_raw:
        bare = _EMPTIED.sub("", bare)
    if " id=" in bare:
        bare = _each_once(bare)
    return _OVERRIDE.sub(_overridden, bare) if "<bdo" in bare else bare


def _each_once(clean: str) -> str:
    seen: set[str] = set()

    def once(found: re.Match[str]) -> str:
        is_new = found["id"] not in seen
        seen.add(found["id"])
        return found[0] if is_new else found["before"]

    return _ID.sub(once, clean)


def _not_counting(image: re.Match[str]) -> str:
    # One pixel is for counting who reads, a wide line of one pixel for show.
    sides = [int(side) for side in _SIDE.findall(image[1])]
    return "" if len(sides) == 2 and max(sides) <= 1 else image[0]


# Around a link that was one for sharing: what becomes of it depends on what stands beside it.
_BEGIN, _END = "\x01", "\x02"
_BETWEEN = r"(?:[\s|·•,-]|&nbsp;)*"
# A list of them, or a line: nothing else stands there.
_ONLY_SHARED = re.compile(rf"<(p|li)>(?:{_BETWEEN}{_BEGIN}[^{_END}]*{_END})+{_BETWEEN}</\1>\n?")


def _not_sharing(link: re.Match[str]) -> str:
    if not is_for_sharing(unescape(link["href"])):
        return link[0]
    return _BEGIN + link[0][link[0].index(">") + 1 : -len("</a>")] + _END


def _unshared(marked: str) -> str:
    """Links for sharing alone in a line go with it; within a sentence the words stay."""
    return _ONLY_SHARED.sub("", marked).replace(_BEGIN, "").replace(_END, "")


def _overridden(tag: re.Match[str]) -> str:
    # Feed readers take bdo for an element unheard of; the characters are what it stands for
    # (HTML, section "Bidirectional text": isolate, override).
    if tag["end"]:
        return "\u202c\u2069</span>"
    sign = "\u202e" if 'dir="rtl"' in tag["attributes"].lower() else "\u202d"
    attributes = re.sub(' dir="[^"]*"', "", tag["attributes"])
    return f"<span{attributes}>\u2068{sign}"
