"""Addresses as readers get them: whole URIs, without what follows people about."""

from __future__ import annotations

import re

# What is said of whoever follows a link, not of what it leads to. Nothing that might be part of
# a page's address, such as "ref", "id" or "source".
_TRACKING = re.compile(
    r"utm_[a-z_]+|mtm_[a-z_]+|fbclid|gclid|gclsrc|gbraid|wbraid|dclid|msclkid|yclid|ysclid|twclid"
    r"|ttclid|srsltid|igshid|igsh|mc_cid|mc_eid|mkt_tok|li_fat_id|vero_id|oly_anon_id|oly_enc_id"
    r"|wickedid|rb_clickid|_openstat|_hsenc|_hsmi|__hssc|__hstc|__hsfp|hsctatracking",
    re.IGNORECASE | re.ASCII,
)
# An address that is signed is only good as it was signed.
_SIGNED = re.compile(
    r"[?&](?:[^=&#]*signature|sig|hmac|policy|key-pair-id)=", re.IGNORECASE | re.ASCII
)
_WEB = re.compile(r"https?://", re.IGNORECASE)
# Where pages send who wants to pass them on; the names are those of the services.
_SHARING = re.compile(
    r"https?://(?:(?:www|m|mobile|api|web|buffer)\.)?(?:"
    r"facebook\.com/(?:sharer(?:/sharer)?(?:\.php)?|share\.php|dialog/(?:share|feed|send))(?=[/?#]|$)"
    r"|(?:twitter|x)\.com/(?:intent/|share(?=[?#]|$))"
    r"|linkedin\.com/(?:sharearticle|sharing/)|reddit\.com/submit\?|pinterest\.[a-z.]+/pin/create"
    r"|wa\.me/\?text=|whatsapp\.com/send/?\?text=|(?:t|telegram)\.me/share(?:/url)?\?"
    r"|tumblr\.com/(?:widgets/)?share|news\.ycombinator\.com/submitlink|bsky\.app/intent/"
    r"|getpocket\.com/(?:save|edit)\b|xing\.com/spi/shares|vk\.com/share\.php|flipboard\.com/bookmarklet"
    r"|addtoany\.com/share|addthis\.com/bookmark|bufferapp\.com/add)|mailto:\?",
    re.IGNORECASE,
)
# RFC 3986 section 2: what does not stand for itself in a URI. Brackets do around the number of a
# host alone (section 3.2.2).
_FOREIGN = re.compile(r"[^A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]")
_NUMBERED_HOST = re.compile(r"https?://\[[0-9A-Fa-f:.]+\]", re.IGNORECASE)
_NO_PATH = re.compile(r"(https?://[^/?#]+)(?=[?#])", re.IGNORECASE)


def without_tracking(address: str) -> str:
    """``address`` without parameters that tell who came from where; else byte for byte the same."""
    if "?" not in address or not _WEB.match(address) or _SIGNED.search(address):
        return address
    if _WEB.search(address, 8):  # part of another address, such as an archive's of a page
        return address
    page, fragment_mark, fragment = address.partition("#")
    page, _, query = page.partition("?")
    parts = query.split("&")
    kept = [part for part in parts if not _TRACKING.fullmatch(part.partition("=")[0])]
    if len(kept) == len(parts):
        return address
    query = "?" + "&".join(kept) if any(kept) else ""
    return f"{page}{query}{fragment_mark}{fragment}"


def is_for_sharing(address: str) -> bool:
    """Whether it leads nowhere but to a form for passing a page on."""
    return _SHARING.match(address) is not None


def uri(address: str) -> str:
    """An address of the web as a feed has to write it (RFC 3986): of ASCII only, with a path.

    One that is a URI already is returned as it is.
    """
    address = _NO_PATH.sub(r"\1/", address, count=1)
    host = _NUMBERED_HOST.match(address)
    start = host.end() if host else 0
    return address[:start] + _FOREIGN.sub(
        lambda it: "".join(f"%{octet:02X}" for octet in it[0].encode("utf-8", "ignore")),
        address[start:],
    )
